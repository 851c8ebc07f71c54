#if MySQL
import CMariaDB
import Sessions
import SessionsSQL

/// An error as the server or the library reports it, and what follows from its number.
///
/// | number | kind | may it have taken effect? | connection |
/// |---|---|---|---|
/// | 1040, 1203, 1226, 1461 (too many connections, users' limits, prepared statements) | too many connections | no | closed |
/// | 1044, 1045, 1049, 1129, 1130, 1251, 1275, 1396, 1524, 1698, 1820, 1862, 3118, 3159, 4151, 2049, 2059, 2061, 5010 | refused | no | closed |
/// | 2026 (TLS) | misconfigured | no | closed |
/// | 1054, 1136, 1146, 1356, 1364 (tables and columns) | schema | no | kept |
/// | 1142, 1143, 1227, 1370 | permission | no | kept |
/// | 1020, 1205, 1213, 1412, 3572 (a changed row, lock wait timeout, deadlock or Galera's certification) | contention | no: 1205 takes back the statement, 1213 the transaction | kept |
/// | 1317, 1969, 3024 (interrupted, or the server's own time limit) | timeout | no | kept |
/// | 1047 (Galera: not ready), 1290, 1792, 1836 (read-only) | read-only | no | closed: another may be with the right server |
/// | 1053, 1077, 1079, 1152–1161 but 1153, 1184, 1927, 3169, 4031 (shutdown, killed, idle for too long), 9001 (ProxySQL) | connection | no: an error in place of a result means that it was taken back | closed |
/// | 1243, 1295, 1615 (the prepared statement is gone, or cannot be) | connection | no | closed |
/// | 1021, 1037, 1038, 1041, 1114, 1030 with the system's 28 | full | no | kept |
/// | 1153, 1301, 1406 | too large | no | closed for 1153, after which the server hangs up |
/// | 1022, 1062, 1586 | duplicate key | no | kept |
/// | 1180 (an error during COMMIT) | other | yes | closed |
/// | 1000–1999, 3000 and above otherwise | other | no | kept |
/// | 2006 by the library (could not be sent) | connection | no: a packet that is not whole is not executed | closed |
/// | 2000–2999 and 5000–5999 otherwise (lost, malformed, out of order, also when a proxy sends them) | connection | yes | closed |
struct MySQLError {
    /// What the connection was about to do.
    enum Phase {
        /// Until the first statement.
        case connecting
        /// Preparing, or in a transaction that this undoes: nothing takes effect.
        case harmless
        /// Executing by itself, or committing.
        case decisive
    }

    let number: UInt32
    /// The server's words, which may contain a value of a row.
    let text: String
    /// Whether the library has closed its side already.
    let isClosed: Bool

    init(number: UInt32, text: String, isClosed: Bool = false) {
        (self.number, self.text, self.isClosed) = (number, text, isClosed)
    }

    init(_ handle: UnsafeMutablePointer<MYSQL>) {
        self.init(
            number: mysql_errno(handle),
            text: String(cString: mysql_error(handle)),
            isClosed: mysql_get_socket(handle) == MARIADB_INVALID_SOCKET
        )
    }

    init(_ statement: UnsafeMutablePointer<MYSQL_STMT>, of handle: UnsafeMutablePointer<MYSQL>) {
        self.init(
            number: mysql_stmt_errno(statement),
            text: String(cString: mysql_stmt_error(statement)),
            isClosed: mysql_get_socket(handle) == MARIADB_INVALID_SOCKET
        )
    }

    func failure(_ phase: Phase) -> SQLFailure {
        var failure = isClientError ? clientFailure(phase) : serverFailure
        failure.code = "\(number)"
        if failure.mayHaveExecuted, phase != .decisive { failure.mayHaveExecuted = false }
        return failure
    }

    /// Whether the number is the library's, or a proxy's that speaks like one.
    private var isClientError: Bool { (2000..<3000).contains(number) || (5000..<6000).contains(number) || number == 0 }

    // MARK: The library

    private func clientFailure(_ phase: Phase) -> SQLFailure {
        switch number {
        case UInt32(CR_SECURE_AUTH), UInt32(CR_AUTH_PLUGIN_CANNOT_LOAD), UInt32(CR_AUTH_PLUGIN_ERR),
            UInt32(CR_PLUGIN_NOT_ALLOWED):
            return .init(
                .refused,
                "the server asks for a way to authenticate that is not allowed or not there: \(shownText)",
                closesConnection: true
            )
        case UInt32(CR_SSL_CONNECTION_ERROR):
            let hint = Self.encryptionHints.first { text.contains($0.word) }?.hint ?? ""
            return .init(.misconfigured, "no encrypted connection: \(shownText)\(hint)", closesConnection: true)
        case UInt32(CR_SERVER_GONE_ERROR) where isClosed:
            return .init(.connection, "the connection was closed before anything was sent", closesConnection: true)
        default:
            let text = phase == .connecting ? "cannot connect: \(shownText)" : "the connection was lost: \(shownText)"
            return .init(.connection, text, mayHaveExecuted: true, closesConnection: true)
        }
    }

    /// What to do about words of the library's and of OpenSSL's.
    private static let encryptionHints: [(word: String, hint: String)] = [
        ("self-signed certificate", untrusted), ("self signed certificate", untrusted),
        ("unable to get local issuer", untrusted), ("unable to verify the first", untrusted),
        (
            "Validation of SSL server certificate failed",
            ": it is for another host; write the host as the certificate has it"
        ),
        ("does not support it", ": switch TLS on there, or leave it out here if nobody is in between"),
    ]
    private static let untrusted =
        ": the certificate is not trusted; give its authority's as authorityFile (cafile in an address)"

    // MARK: The server

    private var serverFailure: SQLFailure {
        switch number {
        case 1040, 1203, 1226:
            .init(.tooManyConnections, "the server takes no more connections: \(shownText)", closesConnection: true)
        case 1461:
            .init(
                .tooManyConnections,
                "the server holds as many prepared statements as it may: raise max_prepared_stmt_count",
                closesConnection: true
            )
        case 1044, 1045, 1049, 1129, 1130, 1251, 1275, 1396, 1524, 1698, 1820, 1862, 3118, 3159, 4151:
            .init(.refused, "the server refuses: \(shownText)", closesConnection: true)
        case 1054, 1136, 1146, 1356, 1364:
            .init(.schema, "the tables are not as they should be: \(shownText)")
        case 1142, 1143, 1227, 1370:
            .init(.permission, "the user lacks a right: \(shownText)")
        case 1205:
            .init(.contention, "a row stayed locked for too long")
        case 1213:
            .init(.contention, "a deadlock, or a conflict with another node of the cluster")
        case 1020, 1412, 3572:
            .init(.contention, "somebody else was faster")
        case 1317, 1969, 3024:
            .init(.timeout, "the server has ended the statement")
        case 1047:
            .init(.readOnly, "the node is not ready to be used: \(shownText)", closesConnection: true)
        case 1290, 1792, 1836:
            .init(.readOnly, "the server does not write: \(shownText)", closesConnection: true)
        case 1053, 1077, 1079, 1152, 1154...1161, 1184, 1927, 3169, 4031, 9001:
            .init(.connection, "the server has ended the connection", closesConnection: true)
        case 1243, 1295, 1615:
            .init(.connection, "the server does not know the prepared statement (any more)", closesConnection: true)
        case 1021, 1037, 1038, 1041, 1114:
            .init(.full, "the server has no room")
        case 1030:
            // "Got error 28 \"No space left on device\" from storage engine InnoDB"
            .init(text.contains("error 28 ") ? .full : .other, "the storage engine has failed")
        case 1153:
            .init(.tooLarge, "the record is larger than the server's max_allowed_packet", closesConnection: true)
        case 1301, 1406:
            .init(.tooLarge, "the record is larger than the server takes")
        case 1022, 1062, 1586:
            .init(.duplicateKey, "a row with this key is there")
        case 1180:
            .init(.other, "an error during the commit", mayHaveExecuted: true, closesConnection: true)
        default:
            // Its words are not shown: they may quote a value.
            .init(.other, "the server reports an error")
        }
    }

    /// The words without anything that could harm a log, and not too many.
    private var shownText: String {
        String(text.unicodeScalars.prefix(240).map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) })
    }
}
#endif
