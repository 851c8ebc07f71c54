#if PostgreSQL
import CPostgres
import SessionsSQL

/// How a server is reached: all that libpq is told, for one host.
///
/// libpq fills what it is not told from the environment (`PGHOST`, `PGPASSWORD`, `PGOPTIONS` and 25 more), from a service
/// file, from `~/.pgpass` and from certificates in `~/.postgresql`. Any of them could send sessions elsewhere without a
/// word, so that every parameter that the library knows is set, if only to nothing. (That takes the form of a string:
/// values that are handed over as an array count as missing where they are empty.)
struct PostgresParameters: Sendable {
    /// What is set, by the library's own names.
    private var values: [String: String] = [:]

    /// A file that cannot be there, for what would otherwise be looked for in the home directory.
    static let noFile = "/dev/null/none"

    init(_ values: [String: String]) {
        self.values = values
    }

    subscript(name: String) -> String? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// What is set unless somebody asks for something else. For a name that the library does not know nothing is set.
    private static let neutral: [String: String] = [
        "passfile": noFile, "sslcert": noFile, "sslkey": noFile, "sslrootcert": noFile, "sslcrl": noFile,
        "sslcrldir": "",
        "password": "", "sslpassword": "", "hostaddr": "", "options": "", "replication": "", "requirepeer": "",
        "krbsrvname": "postgres", "gsslib": "", "gssencmode": "disable", "gssdelegation": "0",
        "channel_binding": "prefer", "client_encoding": "UTF8", "connect_timeout": "0", "tcp_user_timeout": "0",
        "keepalives": "1", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3",
        "application_name": "", "fallback_application_name": "swift-sessions",
        "sslmode": "disable", "sslcompression": "0", "sslsni": "1", "sslcertmode": "allow",
        "sslnegotiation": "postgres",
        "ssl_min_protocol_version": "TLSv1.2", "ssl_max_protocol_version": "",
        "target_session_attrs": "any", "load_balance_hosts": "disable", "require_auth": "",
    ]

    /// The parameters as libpq reads them, `name='value'`.
    /// - Throws: If the library has no memory.
    func connectionString() throws(SQLFailure) -> String {
        guard let known = PQconninfoParse("", nil) else { throw SQLFailure(.connection, "libpq has no memory") }
        defer { PQconninfoFree(known) }
        var parts: [String] = []
        var option = known
        while let name = option.pointee.keyword.map({ String(cString: $0) }) {
            // One that is newer than this code keeps its default.
            if let value = values[name] ?? Self.neutral[name] { parts.append("\(name)='\(Self.escaped(value))'") }
            option += 1
        }
        return parts.joined(separator: " ")
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            if scalar == "'" || scalar == "\\" { result.unicodeScalars.append("\\") }
            result.unicodeScalars.append(scalar)
        }
        return result
    }
}
#endif
