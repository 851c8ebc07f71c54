public import Logging

extension SessionManager {
    /// Opens a manager over a store with an address, such as `file:./sessions?durability=flushed`.
    /// - Parameters:
    ///   - url: The store's address; see ``StoreURL``.
    ///   - configuration: How sessions are treated; every default is the secure choice.
    ///   - registry: Where the address's scheme is looked up.
    ///   - logger: What the manager logs to, warnings about the address included.
    /// - Throws: ``SessionStoreError`` for an address that cannot be read or opened, naming the part and never showing a
    ///   password; ``SessionError`` with the code `.misconfigured` for a configuration that makes no sense.
    public static func open(
        _ url: String,
        configuration: Configuration = .init(),
        registry: SessionStoreRegistry = .shared,
        logger: Logger = Logger(label: "sessions")
    ) async throws -> SessionManager {
        // Before the store is opened: what is refused should leave no folder behind.
        try configuration.validate()
        let store = try await registry.makeStore(url, logger: logger)
        return try SessionManager(owning: store, configuration: configuration, logger: logger)
    }

    /// Opens a manager by name and configuration string, as Go's `session.NewManager` does.
    ///
    /// ```swift
    /// let sessions = try await SessionManager.open("file", cookieName: "gosessionid", maxLifetime: .seconds(3600), config: "./tmp")
    /// ```
    /// The cookie is `Secure`, `HttpOnly` and `SameSite=Lax`.
    /// - Parameters:
    ///   - provider: The provider's name, such as `memory` or `file`.
    ///   - cookieName: The cookie's name.
    ///   - maxLifetime: How long a session lives without a request that uses it. 1 second to 400 days. In all it lives
    ///     24 hours, or this long if this is longer.
    ///   - config: The provider's configuration string.
    ///   - registry: Where the name is looked up.
    ///   - logger: What the manager logs to, warnings about the configuration string included.
    /// - Throws: ``SessionStoreError`` for a name or configuration string that is wrong, ``SessionError`` with the code
    ///   `.misconfigured` for a cookie's name or a lifetime that is; both name the part.
    public static func open(
        _ provider: String,
        cookieName: String,
        maxLifetime: Duration,
        config: String,
        registry: SessionStoreRegistry = .shared,
        logger: Logger = Logger(label: "sessions")
    ) async throws -> SessionManager {
        guard Duration.seconds(1)...Lifetime.maximum ~= maxLifetime else {
            throw SessionError(.misconfigured, "maxLifetime: 1 second to 400 days")
        }
        var configuration = Configuration()
        configuration.cookie = SessionCookie(name: cookieName)
        configuration.lifetime.idle = maxLifetime
        configuration.lifetime.absolute = max(configuration.lifetime.absolute, maxLifetime)
        return try await open(
            provider,
            configuration: configuration,
            config: config,
            registry: registry,
            logger: logger
        )
    }

    /// Opens a manager by the provider's name and configuration string, with a configuration of one's own.
    /// - Parameters:
    ///   - provider: The provider's name, such as `memory` or `file`.
    ///   - configuration: How sessions are treated; every default is the secure choice.
    ///   - config: The provider's configuration string.
    ///   - registry: Where the name is looked up.
    ///   - logger: What the manager logs to, warnings about the configuration string included.
    /// - Throws: ``SessionStoreError`` for a name or configuration string that is wrong, ``SessionError`` with the code
    ///   `.misconfigured` for a configuration that makes no sense; both name the part.
    public static func open(
        _ provider: String,
        configuration: Configuration = .init(),
        config: String,
        registry: SessionStoreRegistry = .shared,
        logger: Logger = Logger(label: "sessions")
    ) async throws -> SessionManager {
        try configuration.validate()
        let store = try await registry.makeStore(provider: provider, config: config, logger: logger)
        return try SessionManager(owning: store, configuration: configuration, logger: logger)
    }

    /// Opens a manager by name and the JSON configuration of Go's `session` package (`ManagerConfig`).
    ///
    /// ```swift
    /// let sessions = try await SessionManager.open("memory", json: #"{"cookieName":"gosessionid","gclifetime":3600}"#)
    /// ```
    /// What the original does and this library does otherwise is logged as a warning; see ``BeegoConfiguration``.
    /// - Parameters:
    ///   - provider: The provider's name, such as `memory` or `file`.
    ///   - json: The configuration.
    ///   - registry: Where the name is looked up.
    ///   - logger: What the manager logs to, warnings about the configuration included.
    /// - Throws: ``SessionError`` with the code `.misconfigured`, naming the JSON's field, or ``SessionStoreError`` for
    ///   what the provider refuses.
    public static func open(
        _ provider: String,
        json: String,
        registry: SessionStoreRegistry = .shared,
        logger: Logger = Logger(label: "sessions")
    ) async throws -> SessionManager {
        let original = try BeegoConfiguration(json: json)
        for warning in original.warnings { logger.warning("\(warning)") }
        return try await open(
            provider,
            configuration: original.configuration,
            config: original.providerConfig,
            registry: registry,
            logger: logger
        )
    }
}
