#if PostgreSQL
import Sessions
import SessionsSQL
import Synchronization
import Testing

@testable import SessionsPostgres

/// What the server's errors come out as, each brought about on a real one.
@Suite("Errors of the server", .timeLimit(.minutes(3)))
struct PostgresServerErrorTests {
    private let user = TestUser("ada")

    private func withStore<Value>(
        applicationName: String? = nil,
        operationTimeout: Duration? = nil,
        maximumConnections: Int? = nil,
        _ body: (PostgresSessionStore, PostgresSessionStore.Configuration) async throws -> Value
    ) async throws -> Value {
        var configuration = try TestServers.plain()
        if let applicationName { configuration.applicationName = applicationName }
        if let operationTimeout { configuration.operationTimeout = operationTimeout }
        if let maximumConnections { configuration.maximumConnections = maximumConnections }
        return try await PostgresSessionStore.run(configuration, body)
    }

    /// Runs `body` with a connection beside the store's.
    @discardableResult
    private func withSession<Value>(
        _ configuration: PostgresSessionStore.Configuration,
        _ body: (PostgresLink) async throws -> Value
    ) async throws -> Value {
        let link = try PostgresServers(configuration).connect()
        defer { link.close() }
        return try await body(link)
    }

    /// The failure of a text, executed on a connection of its own with the store's settings.
    private func refusal(_ link: PostgresLink, _ text: String) -> SQLFailure? {
        do throws(SQLFailure) {
            try link.query(text)
            return nil
        } catch {
            return error
        }
    }

    @Test("23505, 42P01, 42703, 42501, 25006, 22012 and 57014 by themselves: their kinds, without values")
    func kinds() async throws {
        try await withStore { store, configuration in
            _ = try await store.insert(user)
            var impatient = configuration
            impatient.operationTimeout = .seconds(1)
            try await withSession(impatient) { link in
                let table = configuration.table
                let cases: [(String, SQLFailure.Kind, String, closes: Bool)] = [
                    ("INSERT INTO \(table) SELECT * FROM \(table)", .duplicateKey, "23505", false),
                    ("SELECT 1 FROM not_there", .schema, "42P01", false),
                    ("SELECT not_there FROM \(table)", .schema, "42703", false),
                    ("SELECT pg_catalog.pg_read_file('secret')", .permission, "42501", false),
                    ("SELECT 1/0", .other, "22012", false),
                    ("SELECT pg_sleep(5)", .timeout, "57014", false),
                    ("SELECT '5ecret'::int", .other, "22P02", false),
                ]
                for (text, kind, code, closes) in cases {
                    let failure = try #require(refusal(link, text), "\(text)")
                    #expect(failure.kind == kind && failure.code == code, "\(failure)")
                    #expect(failure.closesConnection == closes && !failure.mayHaveExecuted)
                    // The key of the duplicate is in DETAIL.
                    #expect(!failure.message.contains(user.id.description))
                }
                try link.query("SET default_transaction_read_only = on")
                let failure = try #require(refusal(link, "DELETE FROM \(table)"))
                #expect(failure.kind == .readOnly && failure.code == "25006" && failure.closesConnection)
            }
        }
    }

    @Test("40P01, 40001, 55P03: who gives way to another one tries again")
    func contention() async throws {
        try await withStore { store, configuration in
            _ = try await store.insert(user)
            let table = configuration.table
            try await withSession(configuration) { first in
                try await withSession(configuration) { second in
                    try first.query("BEGIN")
                    try first.query("SELECT * FROM \(table) FOR UPDATE")
                    try second.query("SET lock_timeout = 50")
                    #expect(refusal(second, "DELETE FROM \(table)")?.kind == .contention)
                    #expect(refusal(second, "DELETE FROM \(table)")?.code == "55P03")
                    try first.query("COMMIT")

                    try first.query("BEGIN ISOLATION LEVEL SERIALIZABLE")
                    try first.query("SELECT * FROM \(table)")
                    try second.query("UPDATE \(table) SET stamp = stamp + 1")
                    let serialization = refusal(first, "UPDATE \(table) SET stamp = stamp + 1")
                    #expect(serialization?.kind == .contention && serialization?.code == "40001")
                    try first.query("ROLLBACK")
                }
            }
        }
    }

    @Test("40P01: a deadlock is resolved, and the statement that was taken back is done again")
    func deadlock() async throws {
        try await withStore { store, configuration in
            let other = TestUser("bert")
            _ = try await store.insert(user)
            _ = try await store.insert(other)
            let record = try #require(try await store.load(other))
            let table = configuration.table
            let codes = Mutex<[String]>([])
            try await withSession(configuration) { first in
                try first.query("BEGIN")
                try first.query("SELECT 1 FROM \(table) WHERE id = '\\x\(user.id)' FOR UPDATE")
                try await withSession(configuration) { second in
                    try second.query("BEGIN")
                    try second.query("SELECT 1 FROM \(table) WHERE id = '\\x\(other.id)' FOR UPDATE")
                    // Both wait for each other; one of them is told so.
                    try first.send("SELECT 1 FROM \(table) WHERE id = '\\x\(other.id)' FOR UPDATE")
                    let failure = refusal(second, "SELECT 1 FROM \(table) WHERE id = '\\x\(user.id)' FOR UPDATE")
                    if let failure { codes.withLock { $0.append(failure.code) } }
                    try second.query("ROLLBACK")
                }
                if let failure = first.answer().failure { codes.withLock { $0.append(failure.code) } }
                try first.query("ROLLBACK")
            }
            #expect(codes.withLock { $0 } == ["40P01"])
            #expect(
                try await store.update(
                    other.record(revision: 2),
                    id: other.id,
                    ifStamp: record.stamp,
                    now: TestUser.now
                )
                    == .updated
            )
        }
    }

    @Test("57P01: a connection that was ended while idle is replaced; nobody notices")
    func terminatedWhileIdle() async throws {
        try await withStore(applicationName: "idle-\(UInt32.random(in: 0 ... .max))") { store, configuration in
            _ = try await store.insert(user)
            for _ in 0..<20 {
                try await withSession(configuration) { link in
                    try link.query(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                        WHERE pid <> pg_backend_pid() AND application_name = '\(configuration.applicationName)'
                        """
                    )
                }
                #expect(try await store.load(user)?.subject == user.name)
            }
        }
    }

    @Test("57P01: a statement that was cut by the server before it was complete is done again, and happens once")
    func terminatedWhileWaiting() async throws {
        try await withStore(applicationName: "cut-\(UInt32.random(in: 0 ... .max))") { store, configuration in
            _ = try await store.insert(user)
            let record = try #require(try await store.load(user))
            var locking = configuration
            locking.applicationName = "locking"
            try await withSession(locking) { link in
                try link.query("BEGIN")
                try link.query("SELECT 1 FROM \(configuration.table) FOR UPDATE")
                let new = user.record(revision: 2)
                async let outcome = store.update(new, id: user.id, ifStamp: record.stamp, now: TestUser.now)
                let victims = """
                    SELECT pid FROM pg_stat_activity WHERE application_name = '\(configuration.applicationName)' \
                    AND wait_event_type = 'Lock'
                    """
                try await eventually("it waits") { try !link.query(victims).isEmpty }
                try link.query("SELECT pg_terminate_backend(pid) FROM (\(victims)) AS victims")
                try link.query("COMMIT")
                #expect(try await outcome == .updated)
                #expect(try await store.load(user)?.stamp == new.stamp)
            }
        }
    }

    @Test("An update that waits for a lock too long was surely not executed")
    func lockedTooLong() async throws {
        let name = "locked-\(UInt32.random(in: 0 ... .max))"
        try await withStore(applicationName: name, operationTimeout: .seconds(1)) { store, configuration in
            _ = try await store.insert(user)
            let record = try #require(try await store.load(user))
            try await withSession(configuration) { link in
                try link.query("SET idle_in_transaction_session_timeout = 0")
                try link.query("BEGIN")
                try link.query("SELECT 1 FROM \(configuration.table) FOR UPDATE")
                let new = user.record(revision: 2)
                let error = await failure {
                    try await store.update(new, id: user.id, ifStamp: record.stamp, now: TestUser.now)
                }
                // The server's limit comes first, unless the machine is busy.
                #expect([.unavailable, .outcomeUnknown].contains(error?.code))
                // And nothing of it goes on afterwards.
                try await eventually("nobody waits for the lock") {
                    try link.query(
                        """
                        SELECT 1 FROM pg_stat_activity WHERE application_name = '\(name)' AND state = 'active' \
                        AND pid <> pg_backend_pid()
                        """
                    ).isEmpty
                }
                try link.query("COMMIT")
                #expect(try await store.load(user)?.stamp == record.stamp)
            }
        }
    }

    @Test("0A000: tables that are altered underneath go unnoticed")
    func altered() async throws {
        try await withStore { store, configuration in
            _ = try await store.insert(user)
            #expect(try await store.load(user) != nil)
            try await withSession(configuration) { link in
                // `record` becomes another type and then the same again: prepared statements have it differently.
                try link.query(
                    "ALTER TABLE \(configuration.table) ALTER COLUMN record TYPE text USING encode(record, 'base64')"
                )
                let error = await failure { try await store.load(user) }
                #expect(error?.code == .unavailable)
                try link.query(
                    "ALTER TABLE \(configuration.table) ALTER COLUMN record TYPE bytea USING decode(record, 'base64')"
                )
            }
            #expect(try await store.load(user)?.subject == user.name)
        }
    }

    @Test("42P05: a statement whose first execution fails is prepared all the same, and not once more")
    func failingAtFirst() async throws {
        try await withStore(maximumConnections: 1) { store, _ in
            let (taken, free) = (TestUser("bert"), TestUser("carl"))
            let record = user.record()
            #expect(try await store.insert(record, id: user.id) == .inserted)
            #expect(try await store.insert(taken) == .inserted)
            func renew(to newID: SessionID) async throws -> RenewOutcome {
                try await store.renew(
                    user.id,
                    ifStamp: record.stamp,
                    forwarder: user.record(revision: 2),
                    successor: user.record(revision: 2),
                    newID: newID,
                    now: TestUser.now
                )
            }
            let connection = try await store.execute("SELECT pg_backend_pid()")
            #expect(try await renew(to: taken.id) == .exists)
            #expect(try await renew(to: free.id) == .renewed)
            #expect(try await store.execute("SELECT pg_backend_pid()") == connection)
        }
    }

    @Test("42P05: a connection that has a statement already, by whomever it was prepared, is replaced")
    func preparedBySomebodyElse() async throws {
        try await withStore(maximumConnections: 1) { store, configuration in
            try await store.execute("PREPARE s\(SQLStatement.load.rawValue) AS SELECT 1")
            #expect(try await store.insert(user) == .inserted)
            #expect(try await store.load(user)?.subject == user.name)
        }
    }

    @Test("26000: statements that the server has forgotten are prepared again")
    func deallocated() async throws {
        try await withStore(maximumConnections: 1) { store, _ in
            _ = try await store.insert(user)
            try await store.execute("DEALLOCATE ALL")
            #expect(try await store.load(user)?.subject == user.name)
            #expect(try await store.insert(TestUser("bert")) == .inserted)
        }
    }

    @Test("42P01: tables that were dropped underneath are an error that names them, and no logout")
    func dropped() async throws {
        try await withStore { store, configuration in
            _ = try await store.insert(user)
            try await store.dropTables()
            let error = await failure { try await store.load(user) }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains(configuration.table) == true)
            #expect(error?.message.contains("42P01") == true)
        }
    }

    @Test("Ids and records with every byte there is, the zero byte among them, come back as they are (I5)")
    func bytes() async throws {
        try await withStore { store, _ async throws in
            for start in stride(from: 0, to: 256, by: 32) {
                let user = TestUser("ada", idBytes: (start..<start + 32).map { UInt8($0) })
                let text = String(String.UnicodeScalarView((0..<256).compactMap { UnicodeScalar($0) })) + "'\\\u{1F511}"
                let record = user.record(text: text)
                #expect(try await store.insert(record, id: user.id) == .inserted)
                #expect(try await store.load(user) == record)
            }
            // Equal but for the last byte: one more session, as bytes are compared and not characters.
            for last in [UInt8(0), 0x20, 0x41, 0x61, 0xFF] {
                let user = TestUser("ada", idBytes: Array(repeating: 0x61, count: 31) + [last])
                #expect(try await store.insert(user) == .inserted)
            }
            #expect(try await store.count(now: TestUser.now) == 13)
        }
    }

    @Test("A record of some megabytes comes back as it is")
    func large() async throws {
        try await withStore { store, _ async throws in
            let record = user.record(text: String(repeating: "0123456789abcdef", count: 1 << 18))
            #expect(try await store.insert(record, id: user.id) == .inserted)
            #expect(try await store.load(user) == record)
        }
    }
}
#endif
