#if Redis
import Sessions
import SessionsTesting
import Testing

@testable import SessionsRedis

/// What needs the sentinels of `Scripts/services`. One test at a time, since most do the servers harm.
@Suite("Through sentinels", .serialized)
struct SentinelTests {
    @Test("The store conforms", .timeLimit(.minutes(2)), arguments: SessionStoreConformance.Check.allCases)
    func conforms(_ check: SessionStoreConformance.Check) async throws {
        try await SentinelServers.use { servers in
            let store = try await RedisSessionStore.open(servers.configuration)
            let second = try await RedisSessionStore.open(servers.configuration)
            await SessionStoreConformance(store: store, secondStore: second).run(check)
            await store.shutDown()
            await second.shutDown()
        }
    }

    @Test("With a near cache, a pool, another database and waiting for replicas", .timeLimit(.minutes(2)))
    func everythingOn() async throws {
        try await SentinelServers.use { servers in
            var configuration = servers.configuration
            configuration.nearCache = .init()
            configuration.connectionsPerServer = 3
            configuration.database = 2
            configuration.replication = .init()
            let store = try await RedisSessionStore.open(configuration)
            let second = try await RedisSessionStore.open(configuration)
            await SessionStoreConformance(store: store, secondStore: second).run()
            await store.shutDown()
            await second.shutDown()
        }
    }

    @Test("A missing or wrong password of the sentinels is told from one of the primary", .timeLimit(.minutes(1)))
    func passwords() async throws {
        try await SentinelServers.use { servers in
            for (password, word) in [(nil, "wants a password"), ("wr0ng", "refuses")] as [(String?, String)] {
                var configuration = servers.configuration
                guard var sentinel = configuration.sentinel else { return }
                sentinel.password = password
                configuration.topology = .sentinel(sentinel)
                let error = await #expect(throws: SessionStoreError.self) {
                    _ = try await RedisSessionStore.open(configuration)
                }
                #expect(error?.code == .misconfigured)
                #expect(error?.message.contains("the sentinel \(word)") == true, "\(error?.message ?? "")")
                #expect(error?.message.contains("sentinel_password") == true)
                #expect(error?.message.contains("wr0ng") == false)
            }
            var configuration = servers.configuration
            (configuration.username, configuration.password) = ("nobody", "wr0ng")
            let error = await #expect(throws: SessionStoreError.self) {
                _ = try await RedisSessionStore.open(configuration)
            }
            #expect(error?.code == .misconfigured)
            #expect(error?.message.contains("the Redis primary \"mymaster\", at 127.0.0.1:") == true)
        }
    }

    @Test("A primary that the sentinels do not know is an error that names it", .timeLimit(.minutes(1)))
    func unknownName() async throws {
        try await SentinelServers.use { servers in
            var configuration = servers.configuration
            guard var sentinel = configuration.sentinel else { return }
            sentinel.masterName = "elsewhere"
            configuration.topology = .sentinel(sentinel)
            let error = await #expect(throws: SessionStoreError.self) {
                _ = try await RedisSessionStore.open(configuration)
            }
            #expect(error?.code == .misconfigured)
            #expect(error?.message.contains("no primary called \"elsewhere\"") == true)
        }
    }
}
#endif
