#if Redis
import InMemoryLogging
import Logging
import Sessions
import Testing

@testable import SessionsRedis

@Suite("Opening Redis stores by name")
struct RedisProvidersTests {
    private let registry = SessionStoreRegistry()

    private func configuration(_ store: any SessionStore) throws -> RedisConfiguration {
        try #require(store as? RedisSessionStore).configuration
    }

    @Test("one call registers every name, and again it does nothing")
    func register() throws {
        try registry.registerRedis()
        try registry.registerRedis()
        #expect(
            registry.names == [
                "file", "memory", "redis", "redis-cluster", "redis-sentinel", "redis_cluster", "redis_sentinel",
                "rediss",
                "valkey", "valkeys",
            ]
        )
    }

    @Test("a name that somebody else's provider has is an error, and nothing is added")
    func taken() throws {
        try registry.register(
            SessionStoreProvider("valkey") { _, _ throws(SessionStoreError) in MemorySessionStore() }
        )
        let error = try #require(throws: SessionStoreError.self) { try registry.registerRedis() }
        #expect(error.message.contains("\"valkey\""))
        #expect(registry.names == ["file", "memory", "valkey"])
    }

    @Test("addresses open by their schemes")
    func addresses() async throws {
        try registry.registerRedis()
        #expect(try configuration(await registry.makeStore("redis://h/1")).database == 1)
        #expect(try configuration(await registry.makeStore("valkeys://h")).tls != nil)
        #expect(try configuration(await registry.makeStore("redis-sentinel://s/main")).sentinel?.masterName == "main")
        #expect(try configuration(await registry.makeStore("redis_cluster://a,b")).isCluster)
    }

    @Test("the original's names and strings open, by any spelling of the name")
    func strings() async throws {
        try registry.registerRedis()
        let plain = try configuration(
            await registry.makeStore(provider: "redis", config: "127.0.0.1:6379,100,astaxie")
        )
        #expect(plain.password == "astaxie" && plain.tls == nil)
        for name in ["redis_sentinel", "redis-sentinel"] {
            let store = try await registry.makeStore(provider: name, config: "127.0.0.1:26379,100,p,0,main")
            #expect(try configuration(store).sentinel?.masterName == "main")
        }
        for name in ["redis_cluster", "redis-cluster"] {
            let store = try await registry.makeStore(provider: name, config: "a:7000;b:7001,100,p,0")
            #expect(try configuration(store).isCluster)
        }
    }

    @Test(
        "a configuration string under a name that stands for TLS is not opened without it",
        arguments: ["rediss", "valkeys"]
    )
    func encryptedStrings(name: String) async throws {
        try registry.registerRedis()
        let store = try await registry.makeStore(provider: name, config: "127.0.0.1:6379,100,astaxie")
        #expect(try configuration(store).tls?.insecureSkipVerify == false)
    }

    @Test("D11, D12: warnings reach the log, without values")
    func warnings() async throws {
        try registry.registerRedis()
        let log = InMemoryLogHandler()
        let logger = Logger(label: "test") { _ in log }
        _ = try await registry.makeStore(provider: "redis", config: "h,100,5ecret,0,4711", logger: logger)
        _ = try await registry.makeStore("rediss://:5ecret@h?insecure_skip_verify=true", logger: logger)
        let messages = log.entries.map(\.message.description)
        #expect(messages.count == 2)
        #expect(messages.contains { $0.contains("idle_timeout") })
        #expect(messages.contains { $0.contains("insecure_skip_verify") })
        #expect(!messages.contains { $0.contains(testSecret) || $0.contains("4711") })
    }

    @Test("4e: wrong strings and addresses are refused, and show nothing")
    func refused() async throws {
        try registry.registerRedis()
        for text in ["redis://:5ecret@h?prefix=%22", "redis-cluster://:5ecret@h/1", "rediss://:5ecret@h?cafile="] {
            let error = try await #require(throws: SessionStoreError.self) { _ = try await registry.makeStore(text) }
            #expect(error.code == .misconfigured && !everythingShown(of: error).contains(testSecret))
            let misplaced = try await #require(throws: SessionStoreError.self) {
                _ = try await registry.makeStore(provider: "redis", config: text)
            }
            #expect(misplaced.message.contains("address") && !everythingShown(of: misplaced).contains(testSecret))
        }
    }
}
#endif
