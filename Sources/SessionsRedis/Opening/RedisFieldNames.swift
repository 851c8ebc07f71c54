#if Redis
import Sessions

/// A setting that can be wrong.
enum RedisField: Hashable, Sendable {
    case addresses, masterName
    case username, password, sentinelUsername, sentinelPassword
    case database, keyPrefix
    case connectionsPerServer, maximumPendingCommands, operationTimeout, connectTimeout, sweepInterval
    case tls, authorityFile, certificateFile, keyFile, serverName
    case replicas, replicationTimeout, nearCacheCount
}

/// What the settings are called where they were written: whoever reads an error looks for that name there.
struct RedisFieldNames: Sendable {
    private let name: @Sendable (RedisField) -> String

    init(_ name: @escaping @Sendable (RedisField) -> String) {
        self.name = name
    }

    /// `problem` goes on where the field's name ends, such as "must be 1 to 64", and shows nothing of the value.
    func error(_ field: RedisField, _ problem: String) -> SessionStoreError {
        SessionStoreError(.misconfigured, "\(name(field)) \(problem)")
    }
}

extension RedisFieldNames {
    /// The names in code.
    static let properties = RedisFieldNames { field in
        let property =
            switch field {
            case .addresses: "topology"
            case .masterName: "Sentinel.masterName"
            case .username: "Configuration.username"
            case .password: "Configuration.password"
            case .sentinelUsername: "Sentinel.username"
            case .sentinelPassword: "Sentinel.password"
            case .database: "Configuration.database"
            case .keyPrefix: "Configuration.keyPrefix"
            case .connectionsPerServer: "Configuration.connectionsPerServer"
            case .maximumPendingCommands: "Configuration.maximumPendingCommands"
            case .operationTimeout: "Configuration.operationTimeout"
            case .connectTimeout: "Configuration.connectTimeout"
            case .sweepInterval: "Configuration.sweepInterval"
            case .tls: "Configuration.tls"
            case .authorityFile: "TLS.authorityFile"
            case .certificateFile: "TLS.certificateFile"
            case .keyFile: "TLS.keyFile"
            case .serverName: "TLS.serverName"
            case .replicas: "Replication.replicas"
            case .replicationTimeout: "Replication.timeout"
            case .nearCacheCount: "NearCache.maximumCount"
            }
        return "RedisSessionStore.\(property)"
    }

    /// The names in an address with this scheme.
    static func url(scheme: String) -> RedisFieldNames {
        RedisFieldNames { field in
            let part =
                switch field {
                case .addresses: "the list of hosts"
                case .masterName: "the name of the primary, which is the path,"
                case .username: "the user"
                case .password: "the password"
                case .sentinelUsername: "the parameter sentinel_user"
                case .sentinelPassword: "the parameter sentinel_password"
                case .database: "the number of the database"
                case .keyPrefix: "the parameter prefix"
                case .connectionsPerServer: "the parameter pool"
                case .maximumPendingCommands: "the parameter pending"
                case .operationTimeout: "the parameter timeout"
                case .connectTimeout: "the parameter connect_timeout"
                case .sweepInterval: "the parameter sweep"
                case .tls: "the encryption"
                case .authorityFile: "the parameter cafile"
                case .certificateFile: "the parameter certfile"
                case .keyFile: "the parameter keyfile"
                case .serverName: "the parameter servername"
                case .replicas: "the parameter replicas"
                case .replicationTimeout: "the parameter replicas_timeout"
                case .nearCacheCount: "the parameter near_cache"
                }
            return "\(scheme): \(part)"
        }
    }
}
#endif
