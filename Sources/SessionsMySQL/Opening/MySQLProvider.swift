#if MySQL
public import Sessions

extension SessionStoreProvider {
    /// `mysql` and `mariadb`: ``MySQLSessionStore``.
    ///
    /// Takes an address (``MySQLSessionStore/Configuration/init(url:)``) or the configuration string of Go's `session`
    /// package, a DSN (``MySQLSessionStore/Configuration/init(dsn:warn:)``).
    public static let mysql = SessionStoreProvider("mysql", "mariadb") { location, context throws(SessionStoreError) in
        let configuration: MySQLSessionStore.Configuration
        switch location {
        case .config(let config): configuration = try .init(dsn: config, warn: context.warn)
        case .url(let url): configuration = try .init(url: url)
        }
        if configuration.tls?.insecureSkipVerify == true {
            context.warn("mysql: tls=skip-verify lets anybody in between read and change every session")
        }
        return try await MySQLSessionStore.open(configuration, logger: context.logger)
    }
}

extension SessionStoreRegistry {
    /// Makes MySQL and MariaDB known: ``SessionStoreProvider/mysql``.
    ///
    /// ```swift
    /// try SessionStoreRegistry.shared.registerMySQL()
    /// let sessions = try await SessionManager.open("mysql://app:secret@db.example.com/app?tls=true")
    /// ```
    /// Calling it again does nothing: an application and a library that it uses may both do it.
    /// - Throws: `.misconfigured`, naming the name, if a provider of somebody else has one of the names.
    public func registerMySQL() throws(SessionStoreError) {
        try register([.mysql], ofModule: "SessionsMySQL")
    }
}
#endif
