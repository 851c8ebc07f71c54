#if MySQL
import Sessions

/// A setting that can be wrong.
enum MySQLField: Hashable, Sendable {
    case hosts, username, password, database, table, schema
    case tls, authorityFile, certificateFile, keyFile, allowsCleartextPassword
    case maximumConnections, maximumWaitingCalls
    case connectTimeout, operationTimeout, maximumConnectionAge, maximumIdleTime
}

/// What the settings are called where they were written: whoever reads an error looks for that name there.
struct MySQLFieldNames: Sendable {
    private let name: @Sendable (MySQLField) -> String

    init(_ name: @escaping @Sendable (MySQLField) -> String) {
        self.name = name
    }

    /// `problem` goes on where the field's name ends, such as "must be 1 to 64", and shows nothing of the value.
    func error(_ field: MySQLField, _ problem: String) -> SessionStoreError {
        SessionStoreError(.misconfigured, "\(name(field)) \(problem)")
    }
}

extension MySQLFieldNames {
    /// The names in code.
    static let properties = MySQLFieldNames { field in
        let property =
            switch field {
            case .hosts: "Configuration.hosts"
            case .username: "Configuration.username"
            case .password: "Configuration.password"
            case .database: "Configuration.database"
            case .table: "Configuration.table"
            case .schema: "Configuration.schema"
            case .tls: "Configuration.tls"
            case .authorityFile: "TLS.authorityFile"
            case .certificateFile: "TLS.certificateFile"
            case .keyFile: "TLS.keyFile"
            case .allowsCleartextPassword: "Configuration.allowsCleartextPassword"
            case .maximumConnections: "Configuration.maximumConnections"
            case .maximumWaitingCalls: "Configuration.maximumWaitingCalls"
            case .connectTimeout: "Configuration.connectTimeout"
            case .operationTimeout: "Configuration.operationTimeout"
            case .maximumConnectionAge: "Configuration.maximumConnectionAge"
            case .maximumIdleTime: "Configuration.maximumIdleTime"
            }
        return "MySQLSessionStore.\(property)"
    }

    /// The names in an address with this scheme.
    static func url(scheme: String) -> MySQLFieldNames {
        MySQLFieldNames { field in
            let part =
                switch field {
                case .hosts: "the list of hosts"
                case .username: "the user"
                case .password: "the password"
                case .database: "the name of the database, which is the path,"
                case .table: "the parameter table"
                case .schema: "the parameter schema"
                case .tls: "the parameter tls"
                case .authorityFile: "the parameter cafile"
                case .certificateFile: "the parameter certfile"
                case .keyFile: "the parameter keyfile"
                case .allowsCleartextPassword: "the parameter cleartext_password"
                case .maximumConnections: "the parameter pool"
                case .maximumWaitingCalls: "the parameter waiting"
                case .connectTimeout: "the parameter connect_timeout"
                case .operationTimeout: "the parameter timeout"
                case .maximumConnectionAge: "the parameter max_age"
                case .maximumIdleTime: "the parameter max_idle"
                }
            return "\(scheme): \(part)"
        }
    }

    /// The names in a DSN as Go's driver has them.
    static let dsn = MySQLFieldNames { field in
        let part =
            switch field {
            case .hosts: "the address"
            case .username: "the user"
            case .password: "the password"
            case .database: "the name of the database"
            case .connectTimeout: "the parameter timeout"
            case .operationTimeout: "the parameter readTimeout or writeTimeout"
            case .tls: "the parameter tls"
            case .allowsCleartextPassword: "the parameter allowCleartextPasswords"
            // The others have their defaults.
            default: "the configuration string"
            }
        return "mysql: \(part)"
    }
}
#endif
