#if PostgreSQL
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The system's certificate authorities.
///
/// libpq knows `sslrootcert=system` from version 16 on; before, and on systems whose OpenSSL looks elsewhere than its
/// administrators do, it takes a file.
enum PostgresAuthorities {
    private static let paths = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
    ]

    /// The file that holds them, or `nil` if there is none where one usually is.
    static var system: String? { paths.first { canRead($0) } }

    static func canRead(_ path: String) -> Bool { access(path, R_OK) == 0 }
}
#endif
