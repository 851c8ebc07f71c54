#if PostgreSQL
import InMemoryLogging
import Logging
import Sessions
import SessionsSQL
import Testing

@testable import SessionsPostgres

@Suite("Opening PostgreSQL stores", .timeLimit(.minutes(2)))
struct PostgresOpeningTests {
    private let registry = SessionStoreRegistry()

    // MARK: By name

    @Test("One call registers both names, and again it does nothing; a name that is taken is an error")
    func register() throws {
        try registry.registerPostgres()
        try registry.registerPostgres()
        #expect(registry.names == ["file", "memory", "postgres", "postgresql"])
        let other = SessionStoreRegistry()
        try other.register(
            SessionStoreProvider("postgresql") { _, _ throws(SessionStoreError) in MemorySessionStore() }
        )
        expectRefusal(naming: "\"postgresql\"") { try other.registerPostgres() }
        #expect(other.names == ["file", "memory", "postgresql"])
    }

    @Test("By address and by configuration string, under both names; warnings reach the log without values")
    func byName() async throws {
        try registry.registerPostgres()
        let log = InMemoryLogHandler()
        let logger = Logger(label: "test") { _ in log }
        let configuration = try TestServers.plain()
        let password = try #require(configuration.password)
        let quoted = password.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
        let host = configuration.hosts[0]
        let config = """
            user=\(configuration.username) password='\(quoted)' dbname=\(configuration.database) host=\(host.name) \
            port=\(host.port) table=\(configuration.table) timezone=4711 timeout=20 connect_timeout=20
            """
        let user = TestUser("ada")
        try await PostgresSessionStore.run(configuration) { store, _ in
            for name in ["postgres", "postgresql", "PostgreSQL"] {
                let opened = try await registry.makeStore(provider: name, config: config, logger: logger)
                let other = try #require(opened as? PostgresSessionStore)
                _ = try await store.insert(user)
                #expect(try await other.load(user)?.subject == user.name)
                await other.shutDown()
            }
        }
        let messages = log.entries.map(\.message.description)
        #expect(messages.count { $0.contains("timezone") } == 3)
        #expect(!messages.contains { $0.contains(password) || $0.contains("4711") })
    }

    @Test(
        "A server that is not there: an error within five seconds that names host, user and database, not the password"
    )
    func unreachable() async throws {
        try registry.registerPostgres()
        for address in ["127.0.0.1:1", "[::1]:1", "host.invalid:5432"] {
            var error: SessionStoreError?
            let time = await duration {
                error = await failure {
                    try await registry.makeStore("postgres://app:5ecret@\(address)/shop?sslmode=disable")
                }
            }
            #expect(error?.code == .unavailable && time < .seconds(5.5))
            #expect(error?.message.contains("app@\(address)/shop") == true)
            #expect(!everythingShown(of: error as Any).contains(testSecret))
        }
    }

    @Test("A wrong password, a wrong user and a missing database are the configuration's fault")
    func refused() async throws {
        for (change, code) in [
            ({ $0.password = "5ecret" }, "28P01"), ({ $0.username = "nobody" }, "28P01"),
            ({ $0.database = "nowhere" }, "3D000"),
        ] as [((inout PostgresConfiguration) -> Void, String)] {
            var configuration = try TestServers.plain()
            change(&configuration)
            let error = await failure { try await PostgresSessionStore.open(configuration) }
            #expect(error?.code == .misconfigured)
            #expect(error?.message.contains(code) == true, "\(error as Any)")
            #expect(!everythingShown(of: error as Any).contains(testSecret))
        }
    }

    // MARK: Tables

    @Test("Ten stores that open at once on an empty database all find the tables")
    func atOnce() async throws {
        var configuration = try TestServers.plain()
        configuration.maximumConnections = 1
        let settings = configuration
        let stores = try await withThrowingTaskGroup(of: PostgresSessionStore.self) { group in
            for _ in 0..<10 { group.addTask { try await PostgresSessionStore.open(settings) } }
            return try await group.reduce(into: [PostgresSessionStore]()) { $0.append($1) }
        }
        let user = TestUser("ada")
        #expect(try await stores[0].insert(user) == .inserted)
        for store in stores { #expect(try await store.load(user)?.subject == user.name) }
        try await stores[0].dropTables()
        for store in stores { await store.shutDown() }
    }

    @Test("Tables of a later version are left alone")
    func newer() async throws {
        try await PostgresSessionStore.run(try TestServers.plain()) { store, configuration in
            try await store.execute(
                "INSERT INTO \(configuration.table)_schema (version) VALUES (\(SQLSchema.version + 1))"
            )
            let error = await failure { try await PostgresSessionStore.open(configuration) }
            #expect(error?.code == .newerFormat)
            #expect(error?.message.contains("version \(SQLSchema.version + 1)") == true)
        }
    }

    @Test("With schema=expect missing tables are an error, and tables made by hand will do")
    func expected() async throws {
        var configuration = try TestServers.plain()
        configuration.schema = .expect
        let error = await failure { try await PostgresSessionStore.open(configuration) }
        #expect(error?.code == .misconfigured && error?.message.contains("\(configuration.table)_schema") == true)
        let link = try PostgresServers(configuration).connect()
        for statement in try PostgresSessionStore.schema(table: configuration.table) { try link.query(statement) }
        link.close()
        try await PostgresSessionStore.run(configuration) { store, _ in
            let outcome = try await store.insert(TestUser("ada"))
            #expect(outcome == .inserted)
        }
    }

    @Test("A user who may not make tables is told what to do, and may use those that are there")
    func withoutRights() async throws {
        var poor = try TestServers.configuration("SESSIONS_POSTGRES_NOCREATE_URL")
        let error = await failure { try await PostgresSessionStore.open(poor) }
        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains("grant the user CREATE") == true, "\(error as Any)")
        #expect(error?.message.contains("schema(table:)") == true)
        try await PostgresSessionStore.run(try TestServers.plain()) { rich, configuration in
            poor.table = configuration.table
            let store = try await PostgresSessionStore.open(poor)
            let outcome = try await store.insert(TestUser("ada"))
            #expect(outcome == .inserted)
            await store.shutDown()
            try await rich.execute("REVOKE DELETE ON \(configuration.table)_leases FROM nocreate")
            let error = await failure { try await PostgresSessionStore.open(poor) }
            #expect(error?.code == .misconfigured && error?.message.contains("_leases") == true)
        }
    }

    @Test("A schema that is not there is named; one that is there holds the tables")
    func searchPath() async throws {
        var configuration = try TestServers.configuration("SESSIONS_POSTGRES_ADMIN_URL")
        configuration.searchPath = "web_\(configuration.table)"
        let name = try #require(configuration.searchPath)
        let error = await failure { try await PostgresSessionStore.open(configuration) }
        #expect(error?.code == .misconfigured && error?.message.contains(name) == true, "\(error as Any)")
        let link = try PostgresServers(configuration).connect()
        defer { link.close() }
        try link.query("CREATE SCHEMA \(name)")
        try await PostgresSessionStore.run(configuration) { store, _ in
            let outcome = try await store.insert(TestUser("ada"))
            #expect(outcome == .inserted)
            #expect(try link.query("SELECT count(*) FROM \(name).\(configuration.table)") == [["1"]])
        }
        try link.query("DROP SCHEMA \(name)")
    }

    @Test("A server that acknowledges what it may lose is warned about")
    func durability() async throws {
        let log = InMemoryLogHandler()
        let logger = Logger(label: "test") { _ in log }
        let settings = ["synchronous_commit = off"]
        try await PrivatePostgres.run(settings: settings) { server in
            let store = try await PostgresSessionStore.open(server.configuration(), logger: logger)
            await store.shutDown()
        }
        let messages = log.entries.map(\.message.description)
        #expect(messages.contains { $0.contains("synchronous_commit") } && messages.contains { $0.contains("fsync") })
    }

    @Test("PostgreSQL 11 is too old, and is told so")
    func version() async throws {
        let greeting: @Sendable (TestConnection) -> Void = { connection in
            let welcome = FakePostgres.Message.welcome
            let old = Array("15.1".utf8)
            guard let range = welcome.firstRange(of: old) else { return }
            connection.write(welcome.replacing(old, with: Array("11.9".utf8), subrange: range, maxReplacements: 1))
        }
        try await FakePostgres.run(greeting: greeting) { server in
            let error = await failure { try await PostgresSessionStore.open(server.configuration()) }
            #expect(error?.code == .misconfigured)
            #expect(error?.message.contains("PostgreSQL 12") == true, "\(error as Any)")
        }
    }

    @Test("After shutting down nothing is asked of the server")
    func shutDown() async throws {
        var configuration = try TestServers.plain()
        configuration.nearCache = .init()
        try await PostgresSessionStore.run(configuration) { store, configuration in
            let other = try await PostgresSessionStore.open(configuration)
            await other.shutDown()
            await other.shutDown()
            let error = await failure { try await other.load(TestUser("ada")) }
            #expect(error?.code == .shutDown)
        }
    }
}
#endif
