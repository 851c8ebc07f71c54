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
            throw SessionStoreError(
                .misconfigured,
                "tls: the key is not the certificate's, or the certificate is not one for TLS"
            )
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

    /// Why there is no encrypted connection, and whether that lasts until somebody changes something; `nil` for an error of
    /// another kind.
    static func problem(_ error: any Error) -> (text: String, isLasting: Bool)? {
        switch error {
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            return (
                "the server's certificate is for another host: give the name that it bears as serverName (servername in an "
                    + "address)", true
            )
        case NIOSSLError.uncleanShutdown:
            return ("the server closed the connection", false)
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
            // The library's reasons are words within a text, which also names files of the machine that built it.
            let text = "\(error)"
            if let known = handshakeProblems.first(where: { text.contains($0.word) }) { return (known.problem, true) }
            let reason = text.split(separator: "OPENSSL_internal:").dropFirst().first?.prefix { $0 != " " }
            return (reason.map(String.init) ?? "the handshake failed", false)
        default:
            return nil
        }
    }

    private static let handshakeProblems: [(word: String, problem: String)] = [
        (
            "CERTIFICATE_VERIFY_FAILED",
            "the server's certificate is not trusted: give its authority's as authorityFile (cafile in an address)"
        ),
        ("WRONG_VERSION_NUMBER", noTLS),
        (
            "EOF during handshake",
            "the server closed the connection: if no TLS is spoken on this port, switch it off (redis:)"
        ),
        ("ALERT_CERTIFICATE", clientCertificate), ("ALERT_BAD_CERTIFICATE", clientCertificate),
        ("ALERT_UNSUPPORTED_CERTIFICATE", clientCertificate), ("ALERT_UNKNOWN_CA", clientCertificate),
        ("ALERT_HANDSHAKE_FAILURE", clientCertificate),
        ("PROTOCOL_VERSION", "the server has neither TLS 1.2 nor 1.3"),
    ]
    private static let noTLS = "no TLS is spoken on this port: switch it off (redis:), or give the port for TLS"
    private static let clientCertificate =
        "the server does not accept this client's certificate: give another as certificateFile and keyFile (certfile and "
        + "keyfile in an address)"
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
