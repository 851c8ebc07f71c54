#if Redis
extension RedisSessionStore.Configuration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where the servers are, and every other setting but the passwords.
    public var description: String {
        let settings = shownSettings.map { "\($0.name): \($0.value)" }.joined(separator: ", ")
        return "RedisSessionStore.Configuration(\(settings))"
    }

    /// As ``description``.
    public var debugDescription: String { description }

    /// As ``description``: nothing else to see for `dump`.
    public var customMirror: Mirror { Mirror(self, children: shownSettings.map { ($0.name, $0.value) }) }

    private var shownSettings: [(name: String, value: String)] {
        [
            ("topology", "\(topology)"), ("username", username ?? "none"), ("password", shown(password: password)),
            ("database", "\(database)"), ("tls", tls.map { "\($0)" } ?? "none"), ("keyPrefix", keyPrefix),
            ("connectionsPerServer", "\(connectionsPerServer)"),
            ("maximumPendingCommands", "\(maximumPendingCommands)"), ("operationTimeout", "\(operationTimeout)"),
            ("connectTimeout", "\(connectTimeout)"),
            ("replication", replication.map { "\($0.replicas) within \($0.timeout)" } ?? "none"),
            ("nearCache", nearCache.map { "\($0.maximumCount)" } ?? "none"),
        ]
    }
}

extension RedisSessionStore.Sentinel: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where the sentinels are and what they watch, without the password.
    public var description: String {
        let addresses = addresses.map(\.description).joined(separator: ",")
        return "sentinels \(addresses) of \(masterName), username: \(username ?? "none"), "
            + "password: \(shown(password: password))"
    }

    /// As ``description``.
    public var debugDescription: String { description }

    /// As ``description``: nothing else to see for `dump`.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}

extension RedisSessionStore.Topology: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where the servers are, without the sentinels' password.
    public var description: String {
        switch wrapped {
        case .single(let address): address.description
        case .sentinel(let sentinel): sentinel.description
        case .cluster(let nodes): "cluster " + nodes.map(\.description).joined(separator: ",")
        }
    }

    /// As ``description``.
    public var debugDescription: String { description }

    /// As ``description``: nothing else to see for `dump`.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}

/// The same for every password: not even its length is to be seen.
private func shown(password: String?) -> String { password == nil ? "none" : "redacted" }

extension RedisSessionStore: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where the servers are.
    public var description: String { "RedisSessionStore(\(configuration.topology))" }
    /// As ``description``.
    public var debugDescription: String { description }
    /// As ``description``: nothing else to see for `dump`.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
#endif
