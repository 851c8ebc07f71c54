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
        try await FakeRedis.run { fake in
            #expect(try configuration(await registry.makeStore("redis://127.0.0.1:\(fake.port)/1")).database == 1)
            #expect(fake.commands("SELECT").map { $0.text(1) } == ["1"])
            try await expectGreeting(.tls, fake) {
                try await registry.makeStore("valkeys://127.0.0.1:\(fake.port)")
            }
            let error = await failure {
                try await registry.makeStore("rediss://127.0.0.1:\(fake.port)?timeout=20s&connect_timeout=20s")
            }
            #expect(error?.message.contains("TLS failed") == true)
            try await expectGreeting(.sentinel, fake) {
                try await registry.makeStore("redis-sentinel://127.0.0.1:\(fake.port)/main")
            }
            try await expectGreeting(.cluster, fake) {
                try await registry.makeStore("redis_cluster://127.0.0.1:\(fake.port),127.0.0.1:\(fake.port)")
            }
        }
    }

    @Test("the original's names and strings open, by any spelling of the name")
    func strings() async throws {
        try registry.registerRedis()
        try await FakeRedis.run { fake in
            let plain = try configuration(
                await registry.makeStore(provider: "redis", config: "127.0.0.1:\(fake.port),100,astaxie")
            )
            #expect(plain.password == "astaxie" && plain.tls == nil)
            #expect(fake.commands("HELLO").allSatisfy { $0.text(4) == "astaxie" })
            for name in ["redis_sentinel", "redis-sentinel"] {
                try await expectGreeting(.sentinel, fake) {
                    try await registry.makeStore(provider: name, config: "127.0.0.1:\(fake.port),100,p,0,main")
                }
            }
            for name in ["redis_cluster", "redis-cluster"] {
                try await expectGreeting(.cluster, fake) {
                    let addresses = "127.0.0.1:\(fake.port);127.0.0.1:\(fake.port)"
                    return try await registry.makeStore(provider: name, config: "\(addresses),100,p,0")
                }
            }
        }
    }

    @Test(
        "a configuration string under a name that stands for TLS is not opened without it",
        arguments: ["rediss", "valkeys"]
    )
    func encryptedStrings(name: String) async throws {
        try registry.registerRedis()
        try await FakeRedis.run { fake in
            try await expectGreeting(.tls, fake) {
                try await registry.makeStore(provider: name, config: "127.0.0.1:\(fake.port),100,5ecret")
            }
        }
    }

    /// What a store says first that a plain server does not understand.
    private enum Greeting {
        case tls
        case sentinel
        case cluster
    }

    /// Sees that a store is opened in the way that its name stands for: the server is none of that kind, so that fails,
    /// in words that name it.
    private func expectGreeting(
        _ greeting: Greeting,
        _ fake: FakeRedis,
        _ open: () async throws -> any SessionStore
    ) async throws {
        let commandCount = fake.commandCount
        let error = await failure(open)
        #expect(error?.message.contains("127.0.0.1:\(fake.port)") == true)
        switch greeting {
        case .tls:
            // Nothing was sent that the server could read, the password least of all.
            #expect(fake.commandCount == commandCount)
        case .sentinel:
            #expect(fake.commands("SENTINEL").last?.text(2) == "main")
        case .cluster:
            #expect(fake.commands("CLUSTER").last?.text(1) == "SLOTS")
        }
    }

    @Test("a server that is not there: the error names it")
    func unreachable() async throws {
        try registry.registerRedis()
        // Nobody listens on the first port.
        for address in ["127.0.0.1:1", "[::1]:1", "host.invalid:6379"] {
            let error = await failure { try await registry.makeStore("redis://:5ecret@\(address)") }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains(address) == true)
            #expect(!everythingShown(of: error as Any).contains(testSecret))
        }
    }

    @Test("D11, D12: warnings reach the log, without values")
    func warnings() async throws {
        try registry.registerRedis()
        let log = InMemoryLogHandler()
        let logger = Logger(label: "test") { _ in log }
        try await FakeRedis.run { fake in
            let address = "127.0.0.1:\(fake.port)"
            _ = try await registry.makeStore(provider: "redis", config: "\(address),100,5ecret,0,4711", logger: logger)
            // It fails, for the server speaks no TLS; warned is before that.
            _ = await failure {
                try await registry.makeStore("rediss://:5ecret@\(address)?insecure_skip_verify=true", logger: logger)
            }
        }
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
