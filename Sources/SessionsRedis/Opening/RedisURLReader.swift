#if Redis
import Sessions

/// Reads the parts of a store's address.
struct RedisURLReader {
    let url: StoreURL
    let arrangement: RedisArrangement
    let isEncrypted: Bool
    let names: RedisFieldNames

    init(_ url: StoreURL) throws(SessionStoreError) {
        self.url = url
        let isEncryptedByScheme: Bool
        switch url.scheme {
        case "redis", "valkey": (arrangement, isEncryptedByScheme) = (.single, false)
        case "rediss", "valkeys": (arrangement, isEncryptedByScheme) = (.single, true)
        case "redis-sentinel", "redis_sentinel": (arrangement, isEncryptedByScheme) = (.sentinel, false)
        case "redis-cluster", "redis_cluster": (arrangement, isEncryptedByScheme) = (.cluster, false)
        default:
            throw SessionStoreError(
                .misconfigured,
                "the scheme of a Redis address must be redis, rediss, valkey, valkeys, redis-sentinel or redis-cluster"
            )
        }
        names = .url(scheme: url.scheme)
        guard arrangement != .single || url.parameters["tls"] == nil else {
            throw SessionStoreError(
                .misconfigured,
                "\(url.scheme): the parameter tls must be left out: the scheme says it, rediss with and redis without"
            )
        }
        try url.requireParameters(in: Self.parameters(of: arrangement))
        isEncrypted = try Self.boolean("tls", in: url) ?? isEncryptedByScheme
    }

    private static func parameters(of arrangement: RedisArrangement) -> [String] {
        let common = [
            "db", "prefix", "pool", "timeout", "connect_timeout", "sweep", "pending", "replicas", "replicas_timeout",
            "near_cache",
        ]
        return common + encryptionParameters
            + {
                switch arrangement {
                case .single: []
                case .sentinel: ["tls", "sentinel_user", "sentinel_password"]
                case .cluster: ["tls"]
                }
            }()
    }

    private static let encryptionParameters = ["cafile", "certfile", "keyfile", "servername", "insecure_skip_verify"]

    private static func error(_ url: StoreURL, _ name: String, _ problem: String) -> SessionStoreError {
        SessionStoreError(.misconfigured, "\(url.scheme): the parameter \(name) \(problem)")
    }

    private static func boolean(_ name: String, in url: StoreURL) throws(SessionStoreError) -> Bool? {
        switch url.parameters[name] {
        case nil: nil
        case "true": true
        case "false": false
        default: throw error(url, name, "must be true or false")
        }
    }

    func text(_ name: String) -> String? { url.parameters[name] }

    func duration(_ name: String) throws(SessionStoreError) -> Duration? {
        guard let text = url.parameters[name] else { return nil }
        guard let duration = DurationText.duration(text, allowsPlainSeconds: true) else {
            throw Self.error(url, name, "must be a number of seconds such as 1.5, or a duration such as 250ms or 2s")
        }
        return duration
    }
}

extension RedisURLReader {
    func topology() throws(SessionStoreError) -> RedisSessionStore.Topology {
        var addresses: [RedisSessionStore.Address] = []
        for host in url.hosts {
            if host.isSocketPath {
                guard host.port == nil else {
                    throw names.error(.addresses, "must have no port behind the path of a socket")
                }
                addresses.append(.unixSocket(host.name))
            } else {
                addresses.append(.host(host.name, port: host.port ?? arrangement.defaultPort))
            }
        }
        guard let topology = arrangement.topology(addresses, masterName: try masterName()) else {
            throw names.error(
                .addresses,
                "must have exactly one host; for several there are redis-sentinel: and redis-cluster:"
            )
        }
        return topology
    }

    /// The path without its slash.
    private var pathName: Substring {
        url.path.utf8.first == UInt8(ascii: "/") ? url.path.dropFirst() : Substring(url.path)
    }

    private func masterName() throws(SessionStoreError) -> String? {
        guard arrangement == .sentinel, !pathName.isEmpty else { return nil }
        guard !pathName.utf8.contains(UInt8(ascii: "/")) else {
            throw names.error(.masterName, "must have no \"/\": the number of a database is the parameter db")
        }
        return String(pathName)
    }

    func database() throws(SessionStoreError) -> Int? {
        let range = RedisSessionStore.Configuration.databases
        let parameter = try url.integer("db", in: range)
        guard arrangement != .sentinel, !pathName.isEmpty else { return parameter }
        guard parameter == nil else {
            throw names.error(.database, "must be in the path or in the parameter db, not in both")
        }
        guard pathName.utf8.allSatisfy(HTTPSyntax.isDigit), let number = Int(pathName), range.contains(number) else {
            throw names.error(.database, "must be 0 to \(range.upperBound), as in redis://host/0")
        }
        return number
    }

    /// User and password of the servers that keep the sessions.
    func credentials() throws(SessionStoreError) -> (user: String?, password: String?) {
        let user = url.user.flatMap { $0.isEmpty ? nil : $0 }
        guard user == nil || url.password != nil else {
            throw names.error(
                .username,
                "must have a password behind it; if it is the password, write a colon before it: redis://:password@host"
            )
        }
        // A user without a password (`nopass`) has an empty one; nobody with an empty one is nobody.
        return (user, user == nil && url.password?.isEmpty == true ? nil : url.password)
    }

    func tls() throws(SessionStoreError) -> RedisSessionStore.TLS? {
        guard isEncrypted else {
            if let name = Self.encryptionParameters.first(where: { url.parameters[$0] != nil }) {
                let remedy = arrangement == .single ? "write rediss:" : "add tls=true"
                throw Self.error(url, name, "must be left out as long as connections are not encrypted: \(remedy)")
            }
            return nil
        }
        var tls = RedisSessionStore.TLS()
        tls.authorityFile = text("cafile")
        tls.certificateFile = text("certfile")
        tls.keyFile = text("keyfile")
        tls.serverName = text("servername")
        tls.insecureSkipVerify = try Self.boolean("insecure_skip_verify", in: url) ?? false
        return tls
    }

    func replication() throws(SessionStoreError) -> RedisSessionStore.Replication? {
        let timeout = try duration("replicas_timeout")
        guard let replicas = try url.integer("replicas", in: RedisSessionStore.Configuration.replicaCounts) else {
            guard timeout == nil else {
                throw names.error(.replicationTimeout, "must come together with the parameter replicas")
            }
            return nil
        }
        var replication = RedisSessionStore.Replication(replicas: replicas)
        if let timeout { replication.timeout = timeout }
        return replication
    }

    func nearCache() throws(SessionStoreError) -> RedisSessionStore.NearCache? {
        switch url.parameters["near_cache"] {
        case nil, "false": return nil
        case "true": return .init()
        case let text?:
            let range = RedisSessionStore.Configuration.nearCacheCounts
            guard text.utf8.count <= 10, text.utf8.allSatisfy(HTTPSyntax.isDigit), let count = Int(text),
                range.contains(count)
            else { throw names.error(.nearCacheCount, "must be true, false or 1 to \(range.upperBound)") }
            return .init(maximumCount: count)
        }
    }
}
#endif
