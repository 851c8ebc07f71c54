#if Redis
import NIOCore
import NIOSSL
import Sessions

/// The certificates of encrypted connections, read once.
struct RedisTLS: Sendable {
    private let context: NIOSSLContext
    private let serverName: String?

    /// Reads the files.
    /// - Throws: `.misconfigured`, naming the file that cannot be used.
    init(_ configuration: RedisSessionStore.TLS) throws(SessionStoreError) {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        // A server that hangs does not say goodbye either.
        tls.shutdownTimeout = .seconds(1)
        if configuration.insecureSkipVerify { tls.certificateVerification = .none }
        if let path = configuration.authorityFile {
            tls.trustRoots = .certificates(try Self.certificates(path, field: "authorityFile"))
        }
        if let path = configuration.certificateFile {
            tls.certificateChain = try Self.certificates(path, field: "certificateFile").map { .certificate($0) }
        }
        if let path = configuration.keyFile {
            do {
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: path, format: .pem))
            } catch {
                throw SessionStoreError(.misconfigured, "tls.keyFile: no private key in PEM can be read there")
            }
        }
        do {
            context = try NIOSSLContext(configuration: tls)
        } catch {
            throw SessionStoreError(.misconfigured, "tls: certificate and key do not go together")
        }
        serverName = configuration.serverName
    }

    private static func certificates(_ path: String, field: String) throws(SessionStoreError) -> [NIOSSLCertificate] {
        do {
            let certificates = try NIOSSLCertificate.fromPEMFile(path)
            if !certificates.isEmpty { return certificates }
        } catch {
            // Answered below, in words that name the field.
        }
        throw SessionStoreError(.misconfigured, "tls.\(field): no certificate in PEM can be read there")
    }

    func makeHandler(for address: RedisSessionStore.Address) throws -> NIOSSLClientHandler {
        // Without a name the certificate is held against the IP address that the connection goes to.
        try NIOSSLClientHandler(context: context, serverHostname: serverName ?? address.hostName)
    }

    static func explanation(of error: NIOSSLError) -> String {
        switch error {
        case .handshakeFailed:
            "the certificate is not trusted, or the server speaks no TLS on this port: give cafile if it is a private one"
        case .unableToValidateCertificate: "the certificate is not for this host"
        case .uncleanShutdown: "the server closed the connection"
        default: "\(error)"
        }
    }
}

extension RedisSessionStore.Address {
    /// The host, if it has a name: an IP address cannot stand in a TLS greeting.
    fileprivate var hostName: String? {
        guard case .host(let host, _) = wrapped, (try? SocketAddress(ipAddress: host, port: 0)) == nil else {
            return nil
        }
        return host
    }
}
#endif
