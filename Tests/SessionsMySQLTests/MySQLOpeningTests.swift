#if MySQL
import InMemoryLogging
import Logging
import Sessions
import SessionsSQL
import Testing

@testable import SessionsMySQL

@Suite("Opening a MySQL store", .timeLimit(.minutes(1)))
struct MySQLOpeningTests {
    private func configuration(_ variable: String = "SESSIONS_MYSQL_URL") throws -> MySQLSessionStore.Configuration {
        TestServers.patient(try TestServers.configuration(variable))
    }

    @Test("Ten servers start at once on an empty database, and all are well")
    func tenAtOnce() async throws {
        for _ in 0..<3 {
            let configuration = try configuration()
            try await withThrowingTaskGroup(of: MySQLSessionStore.self) { group in
                for _ in 0..<10 { group.addTask { try await MySQLSessionStore.open(configuration) } }
                for try await store in group {
                    #expect(try await store.insert(TestUser("a")) == .inserted)
                    await store.shutDown()
                }
            }
            try await Administrator.run { administrator async throws in
                #expect(try await administrator.execute("SELECT version FROM \(configuration.table)_schema") == [["1"]])
            }
        }
    }

    @Test("Tables that are half made are completed")
    func halfMade() async throws {
        let configuration = try configuration()
        try await Administrator.run { administrator async throws in
            for statement in try MySQLSessionStore.schema(table: configuration.table).prefix(3) {
                try await administrator.execute(statement)
            }
        }
        try await MySQLSessionStore.run(configuration) { store async throws in
            #expect(try await store.insert(TestUser("a")) == .inserted)
        }
    }

    @Test("A user without CREATE is told what to have executed; then it opens, and never asks for the right")
    func withoutRight() async throws {
        let configuration = try configuration("SESSIONS_MYSQL_NOCREATE_URL")
        let error = await failure { try await MySQLSessionStore.open(configuration) }
        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains("MySQLSessionStore.schema(table: \"\(configuration.table)\")") == true)
        #expect(error?.message.contains("CREATE command denied") == true, "\(error as Any)")
        try await Administrator.run { administrator async throws in
            for statement in try MySQLSessionStore.schema(table: configuration.table) {
                try await administrator.execute(statement)
            }
        }
        try await MySQLSessionStore.run(configuration) { store async throws in
            #expect(try await store.insert(TestUser("a")) == .inserted)
        }
    }

    @Test("Tables that are expected are not made")
    func expected() async throws {
        var configuration = try configuration()
        configuration.schema = .expect
        let error = await failure { try await MySQLSessionStore.open(configuration) }
        #expect(error?.code == .misconfigured && error?.message.contains("tables are missing") == true)
        try await Administrator.run { administrator async throws in
            #expect(try await administrator.execute("SHOW TABLES LIKE '\(configuration.table)%'").isEmpty)
        }
        configuration.schema = .createIfNeeded
        try await MySQLSessionStore.open(configuration).shutDown()
        configuration.schema = .expect
        try await MySQLSessionStore.open(configuration).shutDown()
    }

    @Test("Tables of a later version are left alone")
    func laterVersion() async throws {
        let configuration = try configuration()
        try await MySQLSessionStore.open(configuration).shutDown()
        try await Administrator.run { administrator async throws in
            try await administrator.execute("INSERT INTO \(configuration.table)_schema VALUES (2)")
            let error = await failure { try await MySQLSessionStore.open(configuration) }
            #expect(error?.code == .newerFormat && error?.message.contains("version 2") == true)
        }
    }

    @Test("D20, D21: tables of an engine without transactions are refused")
    func wrongEngine() async throws {
        let configuration = try configuration()
        try await MySQLSessionStore.open(configuration).shutDown()
        try await Administrator.run { administrator async throws in
            try await administrator.execute("ALTER TABLE \(configuration.table)_subjects ENGINE = MyISAM")
            let error = await failure { try await MySQLSessionStore.open(configuration) }
            #expect(error?.code == .misconfigured && error?.message.contains("MyISAM, and needs InnoDB") == true)
            try await administrator.execute("DROP TABLE \(configuration.table)_subjects")
            let missing = await failure { try await MySQLSessionStore.open(configuration) }
            #expect(missing?.code == .misconfigured && missing?.message.contains("some are there") == true)
        }
    }

    @Test("Two applications with tables of their own in one database do not meet")
    func twoTables() async throws {
        let (one, two) = (try configuration(), try configuration())
        let user = TestUser("a")
        try await MySQLSessionStore.run(one) { first async throws in
            try await MySQLSessionStore.run(two) { second async throws in
                #expect(try await first.insert(user) == .inserted)
                #expect(try await second.load(user) == nil)
            }
        }
    }

    @Test(
        "Versions that will do, and that will not",
        arguments: [
            ("10.11.19-MariaDB-0+deb12u1", true), ("10.5.0-MariaDB", true), ("11.4.2-MariaDB-ubu2404", true),
            ("8.0.36", true), ("8.4.0-commercial", true), ("9.1.0", true), ("8.0.30-azure", true),
            ("10.4.33-MariaDB", false), ("5.5.68-MariaDB", false), ("5.7.44-log", false), ("5.6.10", false),
            ("", false), ("MariaDB", false), ("eight", false),
        ]
    )
    func versions(version: String, willDo: Bool) {
        var failure: SQLFailure?
        do throws(SQLFailure) { try MySQLServer.check(version) } catch { failure = error }
        #expect((failure == nil) == willDo)
        if let failure { #expect(failure.kind == .misconfigured && failure.message.contains("10.5")) }
    }

    @Test("A server that may lose a second of commits is warned about, and so is nothing else")
    func warnings() async throws {
        func warnings(_ server: PrivateMariaDB) async throws -> [String] {
            let log = InMemoryLogHandler()
            let store = try await MySQLSessionStore.open(
                server.configuration(),
                logger: Logger(label: "test") { _ in log }
            )
            await store.shutDown()
            return log.entries.map(\.message.description)
        }
        try await PrivateMariaDB.run { server in
            #expect(try await warnings(server).isEmpty)
            try await server.withAdministrator { administrator in
                try await administrator.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
                let found = try await warnings(server)
                #expect(found.count == 1 && found[0].contains("innodb_flush_log_at_trx_commit is 2"), "\(found)")
                try await administrator.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
            }
        }
    }

    @Test("A binary log that does not go with the store is refused")
    func statementLog() async throws {
        try await PrivateMariaDB.run(["--log-bin=log", "--server-id=1", "--binlog-format=STATEMENT"]) { server in
            let error = await failure { try await MySQLSessionStore.open(server.configuration()) }
            #expect(
                error?.code == .misconfigured && error?.message.contains("binlog_format") == true,
                "\(error as Any)"
            )
        }
        try await PrivateMariaDB.run(["--log-bin=log", "--server-id=1", "--binlog-format=ROW"]) { server in
            try await MySQLSessionStore.run(server.configuration()) { store async throws in
                #expect(try await store.insert(TestUser("a")) == .inserted)
            }
        }
    }

    @Test("A server that is not there: an error within 5 seconds that names it, and no password")
    func unreachable() async throws {
        // Nobody listens on the first port; nobody has the second host's name; no answer comes from the third's address.
        let hosts: [MySQLSessionStore.Address] = [
            .host("127.0.0.1", port: 1), .host("host.invalid"), .unixSocket("/nonexistent"),
        ]
        for host in hosts {
            let configuration = MySQLSessionStore.Configuration(
                hosts: [host],
                username: "app",
                password: "5ecret",
                database: "sessions"
            )
            let time = await duration {
                let error = await failure { try await MySQLSessionStore.open(configuration) }
                #expect(error?.code == .unavailable)
                #expect(error?.message.contains("app@\(host)/sessions") == true, "\(error as Any)")
                #expect(!everythingShown(of: error as Any).contains("5ecret"))
            }
            #expect(time < .seconds(5))
        }
    }
}
#endif
