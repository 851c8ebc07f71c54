#if Redis
public import Sessions

extension RedisSessionStore.Configuration {
    /// Reads an address.
    ///
    /// ```
    /// redis://app:p%40ss@db.example.com:6379/2?pool=2
    /// redis://:password@[2001:db8::1]
    /// redis://%2Frun%2Fredis.sock/0
    /// rediss://db.example.com?cafile=/etc/ssl/redis.pem
    /// redis-sentinel://app:password@s1,s2,s3:26379/mymaster?db=1&sentinel_password=other
    /// redis-cluster://n1:7000,n2:7001?tls=true
    /// ```
    /// The schemes are `redis` and `valkey` for one server, `rediss` and `valkeys` for the same over TLS,
    /// `redis-sentinel` and `redis-cluster`, also with underscores as Go's `session` package has them. The port is 6379
    /// unless told otherwise, a sentinel's 26379. User and password are those of the servers that keep the sessions; a
    /// password alone stands behind a colon.
    ///
    /// Parameters, with the properties that they set and whose ranges and defaults they have:
    /// `db` (``database``, if the path does not have it), `prefix` (``keyPrefix``), `pool` (``connectionsPerServer``),
    /// `pending` (``maximumPendingCommands``), `timeout` (``operationTimeout``), `connect_timeout` (``connectTimeout``), `sweep` (``sweepInterval``),
    /// `replicas` and `replicas_timeout` (``replication``), `near_cache` (``nearCache``: true, false or a count). With
    /// TLS `cafile`, `certfile`, `keyfile`, `servername` and `insecure_skip_verify` (``RedisSessionStore/TLS``). For
    /// sentinels and Clusters `tls` (true or false); for sentinels `sentinel_user` and `sentinel_password`. Times are
    /// seconds, such as `1.5`, or have a unit: `250ms`, `2s`.
    /// - Throws: `.misconfigured`, naming the part that is wrong and never showing a password. A parameter that is not
    ///   known is an error too.
    public init(url: StoreURL) throws(SessionStoreError) {
        let reader = try RedisURLReader(url)
        var topology = try reader.topology()
        if case .sentinel(var sentinel) = topology.wrapped {
            sentinel.username = reader.text("sentinel_user")
            sentinel.password = reader.text("sentinel_password")
            topology = .sentinel(sentinel)
        }
        self.init(topology)
        (username, password) = try reader.credentials()
        database = try reader.database() ?? database
        tls = try reader.tls()
        keyPrefix = reader.text("prefix") ?? keyPrefix
        connectionsPerServer = try url.integer("pool", in: Self.connectionCounts) ?? connectionsPerServer
        maximumPendingCommands = try url.integer("pending", in: Self.pendingCounts) ?? maximumPendingCommands
        operationTimeout = try reader.duration("timeout") ?? operationTimeout
        connectTimeout = try reader.duration("connect_timeout") ?? connectTimeout
        sweepInterval = try reader.duration("sweep") ?? sweepInterval
        replication = try reader.replication()
        nearCache = try reader.nearCache()
        try validate(reader.names)
    }
}
#endif
