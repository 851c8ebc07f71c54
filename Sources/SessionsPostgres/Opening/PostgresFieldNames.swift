#if PostgreSQL
import Sessions

/// A setting that can be wrong.
enum PostgresField: Hashable, Sendable {
    case hosts, username, password, database
    case tls, authorityFile, certificateFile, keyFile
    case table, searchPath, schema, applicationName
    case maximumConnections, maximumWaitingCalls, operationTimeout, connectTimeout, maximumConnectionAge,
        maximumIdleTime
    case nearCacheCount, usesTransactionPooler
}

/// What the settings are called where they were written: whoever reads an error looks for that name there.
struct PostgresFieldNames: Sendable {
    private let name: @Sendable (PostgresField) -> String

    init(_ name: @escaping @Sendable (PostgresField) -> String) {
        self.name = name
    }

    /// `problem` goes on where the field's name ends, such as "must be 1 to 64", and shows nothing of the value.
    func error(_ field: PostgresField, _ problem: String) -> SessionStoreError {
        SessionStoreError(.misconfigured, "\(name(field)) \(problem)")
    }
}

extension PostgresFieldNames {
    /// The names in code.
    static let properties = PostgresFieldNames { field in
        let property =
            switch field {
            case .hosts: "hosts"
            case .username: "username"
            case .password: "password"
            case .database: "database"
            case .tls: "tls"
            case .authorityFile: "tls.authorityFile"
            case .certificateFile: "tls.certificateFile"
            case .keyFile: "tls.keyFile"
            case .table: "table"
            case .searchPath: "searchPath"
            case .schema: "schema"
            case .applicationName: "applicationName"
            case .maximumConnections: "maximumConnections"
            case .maximumWaitingCalls: "maximumWaitingCalls"
            case .operationTimeout: "operationTimeout"
            case .connectTimeout: "connectTimeout"
            case .maximumConnectionAge: "maximumConnectionAge"
            case .maximumIdleTime: "maximumIdleTime"
            case .nearCacheCount: "nearCache.maximumCount"
            case .usesTransactionPooler: "usesTransactionPooler"
            }
        return "PostgresSessionStore.Configuration.\(property)"
    }

    /// The names in an address or a configuration string.
    /// - Parameter provider: How the message begins: the scheme, or the provider's name.
    static func parameters(_ provider: String) -> PostgresFieldNames {
        PostgresFieldNames { field in
            let part =
                switch field {
                case .hosts: "the list of hosts"
                case .username: "the user"
                case .password: "the password"
                case .database: "the name of the database"
                case .tls: "the parameter sslmode"
                case .authorityFile: "the parameter sslrootcert"
                case .certificateFile: "the parameter sslcert"
                case .keyFile: "the parameter sslkey"
                case .table: "the parameter table"
                case .searchPath: "the parameter search_path"
                case .schema: "the parameter schema"
                case .applicationName: "the parameter application_name"
                case .maximumConnections: "the parameter pool"
                case .maximumWaitingCalls: "the parameter waiting"
                case .operationTimeout: "the parameter timeout"
                case .connectTimeout: "the parameter connect_timeout"
                case .maximumConnectionAge: "the parameter max_age"
                case .maximumIdleTime: "the parameter max_idle"
                case .nearCacheCount: "the parameter near_cache"
                case .usesTransactionPooler: "the parameter transaction_pooler"
                }
            return "\(provider): \(part)"
        }
    }
}
#endif
