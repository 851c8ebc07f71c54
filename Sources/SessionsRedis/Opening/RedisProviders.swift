#if Redis
public import Sessions

extension SessionStoreProvider {
    /// `redis` and `valkey`: ``RedisSessionStore`` on one server.
    ///
    /// Takes an address (``RedisSessionStore/Configuration/init(url:)``) or a configuration string of Go's `session`
    /// package (``RedisSessionStore/Configuration/init(redisConfig:warn:)``).
    public static let redis = SessionStoreProvider("redis", "valkey") { location, context throws(SessionStoreError) in
        try await open(location, context) { config, warn throws(SessionStoreError) in
            try .init(redisConfig: config, warn: warn)
        }
    }

    /// `rediss` and `valkeys`: as ``redis``, over TLS. For configuration strings as well, with the system's authorities.
    public static let rediss = SessionStoreProvider("rediss", "valkeys") {
        location,
        context throws(SessionStoreError) in
        try await open(location, context) { config, warn throws(SessionStoreError) in
            var configuration = try RedisSessionStore.Configuration(redisConfig: config, warn: warn)
            configuration.tls = .init()
            return configuration
        }
    }

    /// `redis-sentinel` and `redis_sentinel`: ``RedisSessionStore`` on a primary under sentinels.
    ///
    /// Takes an address (``RedisSessionStore/Configuration/init(url:)``) or a configuration string of Go's `session`
    /// package (``RedisSessionStore/Configuration/init(redisSentinelConfig:warn:)``).
    public static let redisSentinel = SessionStoreProvider(
        "redis-sentinel",
        "redis_sentinel"
    ) { location, context throws(SessionStoreError) in
        try await open(location, context) { config, warn throws(SessionStoreError) in
            try .init(redisSentinelConfig: config, warn: warn)
        }
    }

    /// `redis-cluster` and `redis_cluster`: ``RedisSessionStore`` on a Cluster.
    ///
    /// Takes an address (``RedisSessionStore/Configuration/init(url:)``) or a configuration string of Go's `session`
    /// package (``RedisSessionStore/Configuration/init(redisClusterConfig:warn:)``).
    public static let redisCluster = SessionStoreProvider(
        "redis-cluster",
        "redis_cluster"
    ) { location, context throws(SessionStoreError) in
        try await open(location, context) { config, warn throws(SessionStoreError) in
            try .init(redisClusterConfig: config, warn: warn)
        }
    }

    private static func open(
        _ location: StoreLocation,
        _ context: StoreOpeningContext,
        reading read: (_ config: String, _ warn: (String) -> Void) throws(SessionStoreError) ->
            RedisSessionStore.Configuration
    ) async throws(SessionStoreError) -> any SessionStore {
        let configuration: RedisSessionStore.Configuration
        switch location {
        case .config(let config): configuration = try read(config, context.warn)
        case .url(let url): configuration = try RedisSessionStore.Configuration(url: url)
        }
        if configuration.tls?.insecureSkipVerify == true {
            context.warn("redis: insecure_skip_verify lets anybody in between read and change every session")
        }
        return try await RedisSessionStore.open(configuration, logger: context.logger)
    }
}

extension SessionStoreRegistry {
    /// Makes Redis and Valkey known: ``SessionStoreProvider/redis``, ``SessionStoreProvider/rediss``,
    /// ``SessionStoreProvider/redisSentinel`` and ``SessionStoreProvider/redisCluster``.
    ///
    /// ```swift
    /// try SessionStoreRegistry.shared.registerRedis()
    /// let sessions = try await SessionManager.open("redis://127.0.0.1")
    /// ```
    /// Calling it again does nothing: an application and a library that it uses may both do it.
    /// - Throws: `.misconfigured`, naming the name, if a provider of somebody else has one of the names. Then nothing is
    ///   added.
    public func registerRedis() throws(SessionStoreError) {
        try register([.redis, .rediss, .redisSentinel, .redisCluster], ofModule: "SessionsRedis")
    }
}
#endif
