/// The cookie that carries a session's token, as it is configured.
public struct SessionCookie: Hashable, Sendable {
    /// The cookie's name. Default: `__Host-session`.
    public var name: String
    /// Creates the default cookie.
    public init(name: String = "__Host-session") { self.name = name }
}
