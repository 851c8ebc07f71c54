/// A manager's configuration as Go's `session` package writes it, so that an application can be moved without rewriting
/// its settings.
///
/// ```swift
/// let old = try BeegoConfiguration(json: #"{"cookieName":"gosessionid","gclifetime":3600,"providerConfig":"./tmp"}"#)
/// let store = try await SessionStoreRegistry.shared.makeStore(provider: "file", config: old.providerConfig)
/// let sessions = try SessionManager(store: store, configuration: old.configuration)
/// ```
/// Every field is mapped, or answered with a warning or an error that names it. Where the original's behaviour was a
/// hole, the secure one takes its place, and ``warnings`` say so.
public struct BeegoConfiguration: Sendable {
    /// The manager's configuration.
    public var configuration: SessionManager.Configuration

    /// The provider's configuration string, as it stands there. It may hold a password.
    public var providerConfig: String

    /// The provider's name, `memory` unless told otherwise. Only an application's configuration has it
    /// (`sessionprovider`).
    public var providerName: String

    /// Whether the application wants sessions at all. Only an application's configuration can say no (`sessionon`,
    /// whose default there is no).
    public var isEnabled: Bool

    /// What was accepted and yet means something else than it seems. Each names its field.
    public var warnings: [String]

    /// Reads the JSON form (`ManagerConfig`).
    ///
    /// Names are compared without regard to case, as Go does. Unlike there, an unknown name is an error, so that a
    /// misspelled setting is not lost in silence.
    /// - Throws: ``SessionError`` with the code `.misconfigured`, naming the field.
    public init(json: String) throws(SessionError) {
        try self.init(BeegoFields(json: json))
    }

    /// Reads the `session…` keys of an application's configuration (`app.conf`); others are left alone.
    ///
    /// Names are compared without regard to case. `sessionConfig`, which holds the JSON form, replaces all the others
    /// but `sessionon` and `sessionprovider`.
    /// - Throws: ``SessionError`` with the code `.misconfigured`, naming the key.
    public init(applicationConfiguration: [String: String]) throws(SessionError) {
        let application = try BeegoApplicationKeys(applicationConfiguration)
        try self.init(application.fields)
        isEnabled = application.isEnabled
        providerName = application.providerName
    }

    private init(_ fields: BeegoFields) throws(SessionError) {
        var mapping = BeegoMapping(fields)
        configuration = try mapping.configuration()
        providerConfig = try fields.string(.providerConfig) ?? ""
        providerName = "memory"
        isEnabled = true
        warnings = mapping.warnings
    }
}

extension BeegoConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The provider's name, and nothing of its configuration string.
    public var description: String {
        "BeegoConfiguration(provider: \(Spelling.shown(providerName)), providerConfig: redacted)"
    }

    /// As ``description``.
    public var debugDescription: String { description }

    /// The warnings; nothing of the provider's configuration string.
    public var customMirror: Mirror { Mirror(self, children: ["description": description, "warnings": warnings]) }
}
