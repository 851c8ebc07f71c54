#if MySQL
import InMemoryLogging
import Logging
import Sessions
import Testing

@testable import SessionsMySQL

@Suite("Opening MySQL stores by name", .timeLimit(.minutes(1)))
struct MySQLProviderTests {
    private let registry = SessionStoreRegistry()

    @Test("one call registers every name, and again it does nothing")
    func register() throws {
        try registry.registerMySQL()
        try registry.registerMySQL()
        #expect(registry.names == ["file", "mariadb", "memory", "mysql"])
    }

    @Test("a name that somebody else's provider has is an error, and nothing is added")
    func taken() throws {
        try registry.register(
            SessionStoreProvider("mariadb") { _, _ throws(SessionStoreError) in MemorySessionStore() }
        )
        let error = try #require(throws: SessionStoreError.self) { try registry.registerMySQL() }
        #expect(error.message.contains("\"mariadb\""))
        #expect(registry.names == ["file", "mariadb", "memory"])
    }

    @Test("an address and a DSN open the same database")
    func opening() async throws {
        try registry.registerMySQL()
        let configuration = try TestServers.configuration()
        let address = try TestServers.value("SESSIONS_MYSQL_URL")
        guard case .host(let name, let port) = configuration.hosts[0].wrapped else { return }
        let dsn =
            "\(configuration.username):\(configuration.password ?? "")@tcp(\(name):\(port))/\(configuration.database)"
        let first = try await registry.makeStore(address + "?timeout=20")
        let second = try await registry.makeStore(provider: "mysql", config: dsn + "?parseTime=true&readTimeout=20s")
        let user = TestUser("a")
        #expect(try await first.insert(user.record(), id: user.id) == .inserted)
        #expect(try await second.load(user.id, now: TestUser.now)?.subject == "a")
        for store in [first, second] { await (store as? MySQLSessionStore)?.shutDown() }
    }

    @Test("a manager opens by name, and its session is in the database")
    func manager() async throws {
        try registry.registerMySQL()
        let store = try await registry.makeStore(try TestServers.value("SESSIONS_MYSQL_URL") + "?timeout=20")
        #expect(store is any RenewingSessionStore && store is any SubjectIndexingSessionStore)
        #expect(store is any SweepingSessionStore && store is any EnumerableSessionStore)
        #expect(store is any LeasingSessionStore && store is any HealthCheckingSessionStore)
        await (store as? MySQLSessionStore)?.shutDown()
    }

    @Test("warnings reach the log, without values")
    func warnings() async throws {
        try registry.registerMySQL()
        let log = InMemoryLogHandler()
        let logger = Logger(label: "test") { _ in log }
        // Nobody listens on the first port; warned is before that.
        _ = await failure {
            try await registry.makeStore(
                provider: "mysql",
                config: "app:5ecret@tcp(127.0.0.1:1)/db?charset=5ecret&tls=skip-verify",
                logger: logger
            )
        }
        _ = await failure {
            try await registry.makeStore("mysql://app:5ecret@127.0.0.1:1/db?tls=skip-verify", logger: logger)
        }
        let messages = log.entries.map(\.message.description)
        #expect(messages.count == 3)
        #expect(messages[0].contains("charset") && messages[1].contains("skip-verify"))
        #expect(!messages.contains { $0.contains(testSecret) })
    }
}
#endif
