#if PostgreSQL
public import Sessions

extension SessionStoreProvider {
    /// `postgres` and `postgresql`: ``PostgresSessionStore``.
    ///
    /// Takes an address (``PostgresSessionStore/Configuration/init(url:warn:)``) or a configuration string of Go's
    /// `session` package (``PostgresSessionStore/Configuration/init(postgresConfig:warn:)``).
    public static let postgres = SessionStoreProvider(
        "postgres",
        "postgresql"
    ) { location, context throws(SessionStoreError) in
        let configuration: PostgresSessionStore.Configuration
        switch location {
        case .config(let config): configuration = try .init(postgresConfig: config, warn: context.warn)
        case .url(let url): configuration = try .init(url: url, warn: context.warn)
        }
        return try await PostgresSessionStore.open(configuration, logger: context.logger)
    }
}

extension SessionStoreRegistry {
    /// Makes PostgreSQL known: ``SessionStoreProvider/postgres``.
    ///
    /// ```swift
    /// try SessionStoreRegistry.shared.registerPostgres()
    /// let sessions = try await SessionManager.open("postgres://app:secret@db.example.com/app")
    /// ```
    /// Calling it again does nothing: an application and a library that it uses may both do it.
    /// - Throws: `.misconfigured`, naming the name, if a provider of somebody else has one of the names. Then nothing is
    ///   added.
    public func registerPostgres() throws(SessionStoreError) {
        try register([.postgres], ofModule: "SessionsPostgres")
    }
}
#endif
