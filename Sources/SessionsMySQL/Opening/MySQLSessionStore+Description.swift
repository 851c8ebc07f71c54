#if MySQL
extension MySQLSessionStore.Configuration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where the servers are, and every other setting but the password.
    public var description: String {
        let settings = shownSettings.map { "\($0.name): \($0.value)" }.joined(separator: ", ")
        return "MySQLSessionStore.Configuration(\(settings))"
    }

    /// As ``description``.
    public var debugDescription: String { description }

    /// As ``description``: nothing else to see for `dump`.
    public var customMirror: Mirror { Mirror(self, children: shownSettings.map { ($0.name, $0.value) }) }

    private var shownSettings: [(name: String, value: String)] {
        [
            ("hosts", hosts.map(\.description).joined(separator: ",")), ("username", username),
            // The same for every password: not even its length is to be seen.
            ("password", password == nil ? "none" : "redacted"), ("database", database),
            ("tls", tls.map { "\($0)" } ?? "none"), ("allowsCleartextPassword", "\(allowsCleartextPassword)"),
            ("table", table), ("schema", "\(schema)"), ("maximumConnections", "\(maximumConnections)"),
            ("maximumWaitingCalls", "\(maximumWaitingCalls)"), ("connectTimeout", "\(connectTimeout)"),
            ("operationTimeout", "\(operationTimeout)"), ("maximumConnectionAge", "\(maximumConnectionAge)"),
            ("maximumIdleTime", "\(maximumIdleTime)"),
        ]
    }
}

extension MySQLSessionStore.Schema: CustomStringConvertible {
    /// The policy's name.
    public var description: String {
        switch wrapped {
        case .createIfNeeded: "createIfNeeded"
        case .expect: "expect"
        }
    }
}

extension MySQLSessionStore: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where the servers are.
    public var description: String { "MySQLSessionStore(\(configuration.name))" }
    /// As ``description``.
    public var debugDescription: String { description }
    /// As ``description``: nothing else to see for `dump`.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
#endif
