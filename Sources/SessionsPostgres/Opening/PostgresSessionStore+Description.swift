#if PostgreSQL
extension PostgresSessionStore.Configuration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where the servers are, and every other setting but the password.
    public var description: String {
        let settings = shownSettings.map { "\($0.name): \($0.value)" }.joined(separator: ", ")
        return "PostgresSessionStore.Configuration(\(settings))"
    }

    /// As ``description``.
    public var debugDescription: String { description }

    /// As ``description``: nothing else to see for `dump`.
    public var customMirror: Mirror { Mirror(self, children: shownSettings.map { ($0.name, $0.value) }) }

    private var shownSettings: [(name: String, value: String)] {
        [
            ("hosts", hosts.map(\.description).joined(separator: ",")), ("username", username),
            // The same for every password: not even its length is to be seen.
            ("password", password == nil ? "none" : "redacted"),
            ("database", database), ("tls", tls.map { "\($0)" } ?? "none"), ("table", table),
            ("searchPath", searchPath ?? "the user's"),
            ("schema", schema == .expect ? "expect" : "createIfNeeded"),
            ("maximumConnections", "\(maximumConnections)"), ("maximumWaitingCalls", "\(maximumWaitingCalls)"),
            ("operationTimeout", "\(operationTimeout)"), ("connectTimeout", "\(connectTimeout)"),
            ("maximumConnectionAge", "\(maximumConnectionAge)"), ("maximumIdleTime", "\(maximumIdleTime)"),
            ("usesTransactionPooler", "\(usesTransactionPooler)"), ("applicationName", applicationName),
            ("nearCache", nearCache.map { "\($0.maximumCount)" } ?? "none"),
        ]
    }
}

extension PostgresSessionStore: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where the servers are.
    public var description: String { "PostgresSessionStore(\(configuration.name))" }
    /// As ``description``.
    public var debugDescription: String { description }
    /// As ``description``: nothing else to see for `dump`.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
#endif
