#if SQLite
public import Sessions

extension SessionStoreProvider {
    /// `sqlite` and `sqlite3`: ``SQLiteSessionStore``.
    ///
    /// Its configuration string is the path of the database's file. Its address is `sqlite:PATH`, or `sqlite:///PATH` for
    /// an absolute one (``SQLiteSessionStore/Configuration/init(url:)``).
    public static let sqlite = SessionStoreProvider("sqlite", "sqlite3") {
        location,
        context throws(SessionStoreError) in
        let configuration: SQLiteSessionStore.Configuration
        switch location {
        case .config(let config):
            configuration = .init(path: String(HTTPSyntax.trimmed(Substring(config))))
        case .url(let url):
            configuration = try .init(url: url)
        }
        return try await SQLiteSessionStore.open(configuration, logger: context.logger)
    }
}

extension SQLiteSessionStore.Configuration {
    /// Reads an address: `sqlite:PATH` or `sqlite:///PATH`, with
    ///
    /// | parameter | is |
    /// |---|---|
    /// | `durability` | `none` or `flushed` |
    /// | `table` | ``table`` |
    /// | `schema` | `create` or `expect` |
    /// | `readers`, `waiting` | ``maximumReaders``, ``maximumWaitingCalls`` |
    /// | `timeout` | ``operationTimeout``: seconds, such as `1.5`, or with a unit, such as `250ms` |
    /// - Throws: `.misconfigured`, naming the part.
    public init(url: StoreURL) throws(SessionStoreError) {
        guard url.hosts.isEmpty, url.user == nil else {
            throw SessionStoreError(
                .misconfigured,
                "sqlite: the address has a host: write sqlite:PATH, or sqlite:///PATH for an absolute path"
            )
        }
        try url.requireParameters(in: ["durability", "table", "schema", "readers", "waiting", "timeout"])
        self.init(path: url.path)
        switch url.parameters["durability"] {
        case nil, "none": break
        case "flushed": durability = .flushed
        default: throw SessionStoreError(.misconfigured, "sqlite: the parameter durability is none or flushed")
        }
        switch url.parameters["schema"] {
        case nil, "create": break
        case "expect": schema = .expect
        default: throw SessionStoreError(.misconfigured, "sqlite: the parameter schema is create or expect")
        }
        if let name = url.parameters["table"] { table = name }
        if let count = try url.integer("readers", in: 1...64) { maximumReaders = count }
        if let count = try url.integer("waiting", in: 1...1_000_000) { maximumWaitingCalls = count }
        if let text = url.parameters["timeout"] {
            guard let time = DurationText.duration(text, allowsPlainSeconds: true) else {
                throw SessionStoreError(
                    .misconfigured,
                    "sqlite: the parameter timeout is a number of seconds such as 1.5, or a duration such as 250ms or 2s"
                )
            }
            operationTimeout = time
        }
        try validate()
    }
}

extension SessionStoreRegistry {
    /// Makes SQLite known: ``SessionStoreProvider/sqlite``.
    ///
    /// ```swift
    /// try SessionStoreRegistry.shared.registerSQLite()
    /// let sessions = try await SessionManager.open("sqlite:sessions.sqlite")
    /// ```
    /// Calling it again does nothing: an application and a library that it uses may both do it.
    /// - Throws: `.misconfigured`, naming the name, if a provider of somebody else has one of the names.
    public func registerSQLite() throws(SessionStoreError) {
        try register([.sqlite], ofModule: "SessionsSQLite")
    }
}
#endif
