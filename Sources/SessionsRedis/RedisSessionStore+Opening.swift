#if Redis
public import Logging
public import Sessions

extension RedisSessionStore {
    /// Opens a store.
    /// - Parameters:
    ///   - configuration: Where the servers are, and what is asked of them.
    ///   - logger: What the store logs to.
    /// - Throws: `.misconfigured` for a configuration that makes no sense, naming the property.
    public static func open(
        configuration: Configuration,
        logger: Logger = Logger(label: "sessions")
    ) async throws(SessionStoreError) -> RedisSessionStore {
        try configuration.validate()
        return RedisSessionStore(configuration: configuration)
    }
}
#endif
