#if Redis
public import Logging
import NIOCore
public import NIOPosix
public import Sessions

extension RedisSessionStore {
    /// Opens a store, and asks the servers whether they will do.
    ///
    /// Warns if the server may evict keys (any `maxmemory-policy` but `noeviction`), for that logs people out without a
    /// word.
    /// - Parameters:
    ///   - configuration: Where the servers are and what is asked of them.
    ///   - eventLoopGroup: The threads that read and write; those that other SwiftNIO programs use by default.
    ///   - logger: Where warnings go, now and later.
    /// - Throws: `SessionStoreError`: `.misconfigured`, naming the field, for a configuration that makes no sense or that
    ///   the server refuses; `.unavailable` if no server answers in time.
    public static func open(
        _ configuration: Configuration,
        eventLoopGroup: MultiThreadedEventLoopGroup = .singleton,
        logger: Logger = Logger(label: "sessions.redis")
    ) async throws(SessionStoreError) -> RedisSessionStore {
        let store = try make(configuration, on: eventLoopGroup, logger: logger)
        do throws(SessionStoreError) {
            try await store.checkServers()
        } catch {
            await store.shutDown()
            throw error
        }
        return store
    }

    /// Makes a store that has not connected yet.
    static func make(
        _ configuration: Configuration,
        on group: MultiThreadedEventLoopGroup,
        logger: Logger
    ) throws(SessionStoreError) -> RedisSessionStore {
        try configuration.validate()
        let client = try makeClient(configuration, on: group, logger: logger)
        return RedisSessionStore(configuration: configuration, client: client, logger: logger)
    }

    private static func makeClient(
        _ configuration: Configuration,
        on group: MultiThreadedEventLoopGroup,
        logger: Logger
    ) throws(SessionStoreError) -> any RedisClient {
        let tls = try configuration.tls.map { tls throws(SessionStoreError) in try RedisTLS(tls) }
        switch configuration.topology.wrapped {
        case .single(let address):
            var target = RedisTarget(configuration, tls: tls, name: "Redis at \(address)") { address.resolved(on: $0) }
            target.handshake.select(database: configuration.database)
            return RedisSingleClient(RedisServerConnections(target, configuration, on: group))
        case .cluster(let seeds):
            let timeout = TimeAmount(configuration.operationTimeout)
            return RedisClusterClient(seeds, operationTimeout: timeout, on: group.next()) { address in
                var target = RedisTarget(configuration, tls: tls, name: "Redis at \(address)") {
                    address.resolved(on: $0)
                }
                target.isClusterNode = true
                return RedisServerConnections(target, configuration, on: group)
            }
        case .sentinel(let sentinel):
            let directory = SentinelDirectory(
                sentinel,
                tls: tls,
                connectTimeout: TimeAmount(configuration.connectTimeout),
                logger: logger
            )
            var target = RedisTarget(configuration, tls: tls, primaryOf: directory)
            target.handshake.select(database: configuration.database)
            let watch = SentinelWatch(directory, target, on: group.next())
            watch.begin()
            return RedisSingleClient(RedisServerConnections(target, configuration, on: group), watch: watch)
        }
    }

    /// Whether scripts may be run, and nothing is evicted.
    private func checkServers() async throws(SessionStoreError) {
        try await checkHealth()
        do throws(RedisFailure) {
            let deadline = deadline
            for server in try await client.servers(by: deadline) {
                var probe = RESPCommand("EVAL")
                probe.expected = RedisScript.probe.replies
                probe.append(RedisScript.probe.source)
                probe.append(0)
                var memory = RESPCommand("INFO")
                memory.expected = [.simple, .bulk]
                memory.append("memory" as StaticString)
                let replies = try await server.send([probe, memory], by: deadline)
                if case .failure(let failure) = replies[0] {
                    guard failure.code == "NOPERM" else { throw failure }
                    throw RedisFailure(
                        .refused(code: "NOPERM"),
                        "\(server.name): the server's ACL does not let this user run scripts: allow +@scripting"
                    )
                }
                warnOfEviction(server.name, replies[1])
            }
        } catch {
            throw SessionStoreError(error, isRead: true)
        }
    }

    private func warnOfEviction(_ server: String, _ reply: Result<RESPValue, RedisFailure>) {
        guard case .success(let value) = reply, let text = value.text,
            let line = text.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("maxmemory_policy:") })
        else {
            logger.info(
                "whether the server evicts keys is not known: its ACL hides INFO",
                metadata: ["server": "\(server)"]
            )
            return
        }
        let policy = line.dropFirst("maxmemory_policy:".count)
        guard policy != "noeviction" else { return }
        logger.warning(
            "the server may evict sessions when its memory is full, which logs people out: set maxmemory-policy noeviction",
            metadata: ["server": "\(server)", "policy": "\(policy)"]
        )
    }
}

extension RedisSessionStore: ConnectedSessionStore {
    /// Closes all connections. Whatever is asked of the store afterwards fails with `.shutDown`.
    ///
    /// A store that is dropped without it closes its connections as well, but nobody can wait for that.
    public func shutDown() async { await client.shutDown() }
}

extension RedisTarget {
    /// A server that holds sessions.
    init(
        _ configuration: RedisSessionStore.Configuration,
        tls: RedisTLS?,
        name: String,
        resolve: @escaping @Sendable (any EventLoop) -> EventLoopFuture<RedisSessionStore.Address>
    ) {
        self.init(name: name, resolve: resolve, tls: tls)
        connectTimeout = TimeAmount(configuration.connectTimeout)
        operationTimeout = TimeAmount(configuration.operationTimeout)
        maximumPendingCommands = configuration.maximumPendingCommands
        handshake.hello(username: configuration.username, password: configuration.password)
    }
}

extension RedisServerConnections {
    convenience init(
        _ target: RedisTarget,
        _ configuration: RedisSessionStore.Configuration,
        on group: any EventLoopGroup
    ) {
        self.init(
            target,
            count: configuration.connectionsPerServer,
            cachedCount: configuration.nearCache?.maximumCount,
            keys: RedisKeys(prefix: configuration.keyPrefix),
            on: group
        )
    }
}

extension RESPValue {
    /// The text of a string in any of its forms.
    var text: String? {
        switch self {
        case .simple(let text): text
        case .bulk(let buffer): String(buffer: buffer)
        default: nil
        }
    }
}
#endif
