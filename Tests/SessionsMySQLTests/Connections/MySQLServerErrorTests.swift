#if MySQL
import Sessions
import SessionsSQL
import Testing

@testable import SessionsMySQL

@Suite("N5: errors of a MySQL server, brought about", .timeLimit(.minutes(1)))
struct MySQLServerErrorTests {
    private func open(
        _ change: (inout MySQLSessionStore.Configuration) -> Void = { _ in }
    ) async throws -> MySQLSessionStore {
        var configuration = TestServers.patient(try TestServers.configuration())
        change(&configuration)
        return try await MySQLSessionStore.open(configuration)
    }

    @Test("1205: a row that stays locked is waited for, and the call ends in time, surely not executed")
    func lockWaitTimeout() async throws {
        let store = try await open { $0.operationTimeout = .seconds(3) }
        let user = TestUser("a")
        let record = user.record()
        #expect(try await store.insert(record, id: user.id) == .inserted)
        let table = store.configuration.table
        try await Administrator.run { administrator async throws in
            try await administrator.execute("START TRANSACTION", "SELECT id FROM \(table) FOR UPDATE")
            let next = user.record(revision: 2)
            let time = await duration {
                let error = await failure {
                    try await store.update(next, id: user.id, ifStamp: record.stamp, now: TestUser.now)
                }
                #expect(error?.code == .unavailable && error?.message.contains("(1205)") == true, "\(error as Any)")
            }
            #expect(time > .seconds(1) && time < .seconds(3))
            // Reading waits for no lock.
            #expect(try await store.load(user) == record)
            try await administrator.execute("COMMIT")
            #expect(try await store.load(user) == record)
            #expect(try await store.update(next, id: user.id, ifStamp: record.stamp, now: TestUser.now) == .updated)
        }
        await store.shutDown()
    }

    @Test("1205: a lock that goes in time lets the commit through, at a later try")
    func lockThatGoes() async throws {
        let store = try await open { $0.operationTimeout = .seconds(3) }
        let user = TestUser("a")
        let record = user.record()
        #expect(try await store.insert(record, id: user.id) == .inserted)
        try await Administrator.run { administrator async throws in
            try await administrator.execute(
                "START TRANSACTION",
                "SELECT id FROM \(store.configuration.table) FOR UPDATE"
            )
            let next = user.record(revision: 2)
            async let outcome = store.update(next, id: user.id, ifStamp: record.stamp, now: TestUser.now)
            // Longer than innodb_lock_wait_timeout.
            await pause(milliseconds: 1400)
            try await administrator.execute("COMMIT")
            #expect(try await outcome == .updated)
        }
        await store.shutDown()
    }

    @Test("1213: of two transactions that wait for each other one is taken back, and says so")
    func deadlock() async throws {
        // Long enough for the server to wait for a lock until the other one comes.
        let store = try await open {
            $0.maximumConnections = 1
            $0.operationTimeout = .seconds(20)
        }
        let table = store.configuration.table
        let users = [
            TestUser("a", id: .init(repeating: 1, count: 32)), TestUser("b", id: .init(repeating: 2, count: 32)),
        ]
        for user in users { #expect(try await store.insert(user) == .inserted) }
        try await Administrator.run { other in
            @Sendable func lock(_ user: TestUser) -> String {
                "UPDATE \(table) SET stamp = 1 WHERE id = REPEAT(CHAR(\(user.id.bytes[0])), 32)"
            }
            try await other.execute("START TRANSACTION", lock(users[0]))
            // The other one has changed more, so that this one is the victim.
            try await other.execute("CREATE TEMPORARY TABLE IF NOT EXISTS filler (a INT) ENGINE=InnoDB")
            for _ in 0..<20 { try await other.execute("INSERT INTO filler VALUES (1)") }
            let values: [[SQLValue]] = users.map { [.bytes($0.id.bytes), .integer(Int64(bitPattern: 7)), .integer(0)] }
            async let failure = store.withConnection { connection throws(SQLFailure) -> SQLFailure? in
                try connection.begin()
                do throws(SQLFailure) {
                    _ = try connection.query(lock(users[1]))
                    _ = try connection.execute(.delete, values[0])
                    try connection.rollback()
                    return nil
                } catch {
                    try connection.rollback()
                    return error
                }
            }
            try await Administrator.run { witness in
                try await eventually("it waits for the first row") {
                    // Not from INNODB_TRX, which shows the same again to whoever asks more often than ten times a second.
                    try await witness.execute(
                        """
                        SELECT 1 FROM information_schema.GLOBAL_STATUS \
                        WHERE VARIABLE_NAME = 'INNODB_ROW_LOCK_CURRENT_WAITS' AND VARIABLE_VALUE > 0
                        """
                    ).count == 1
                }
            }
            try await other.execute(lock(users[1]))
            try await other.execute("ROLLBACK")
            let found = try await failure
            #expect(found?.kind == .contention && found?.code == "1213", "\(found as Any)")
            #expect(found?.mayHaveExecuted == false && found?.closesConnection == false)
        }
        for user in users { #expect(try await store.load(user) != nil) }
        await store.shutDown()
    }

    @Test("1213: a renewal and a commit that run into each other end as they should, without an error")
    func renewals() async throws {
        let store = try await open()
        let users = (0..<8).map { TestUser("\($0)") }
        for user in users { #expect(try await store.insert(user) == .inserted) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for round in 0..<64 {
                let (old, new) = (users[round % 8], users[(round + 3) % 8])
                group.addTask {
                    guard let current = try await store.load(old) else { return }
                    // Into an id that is there: the transaction has to be taken back.
                    let outcome = try await store.renew(
                        old.id,
                        ifStamp: current.stamp,
                        forwarder: old.record(revision: 2),
                        successor: new.record(),
                        newID: new.id,
                        now: TestUser.now
                    )
                    #expect(outcome != .renewed)
                }
            }
            try await group.waitForAll()
        }
        for user in users { #expect(try await store.load(user)?.revision == 1) }
        await store.shutDown()
    }

    @Test("1927: a connection that is killed while idle is not used any more")
    func killedWhileIdle() async throws {
        let store = try await open { $0.maximumConnections = 1 }
        let user = TestUser("a")
        try await Administrator.run { administrator async throws in
            for _ in 0..<10 {
                let connection = try await store.connectionID()
                try await administrator.execute("KILL CONNECTION \(connection)")
                // A write, of which nobody could say whether it took effect, had it been sent there.
                _ = try await store.insert(user)
                #expect(try await store.load(user)?.subject == "a")
            }
        }
        await store.shutDown()
    }

    @Test(
        "1927, 2013: a connection that is killed under way: a read is done again, a write's outcome is unknown or not"
    )
    func killedUnderWay() async throws {
        let store = try await open { $0.maximumConnections = 1 }
        let connection = try await store.connectionID()
        try await Administrator.run { administrator async throws in
            let attempts = Attempts()
            async let result = store.withConnection { connection throws(SQLFailure) -> Int in
                if attempts.next() == 1 { _ = try connection.query("SELECT SLEEP(10)") }
                return 1
            }
            try await eventually("it sleeps") {
                try await administrator.execute(
                    "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = \(connection) AND INFO LIKE 'SELECT SLEEP%'"
                ).count == 1
            }
            try await administrator.execute("KILL CONNECTION \(connection)")
            #expect(try await result == 1)
            #expect(attempts.count == 2)
        }
        await store.shutDown()
    }

    @Test("1317: a statement that is ended leaves its connection as it was")
    func killedStatement() async throws {
        let store = try await open { $0.maximumConnections = 1 }
        let connection = try await store.connectionID()
        let user = TestUser("a")
        #expect(try await store.insert(user) == .inserted)
        let table = store.configuration.table
        try await Administrator.run { administrator async throws in
            try await administrator.execute("START TRANSACTION", "SELECT id FROM \(table) FOR UPDATE")
            async let error = failure {
                let record = user.record(revision: 2)
                return try await store.touch(
                    user.id,
                    ifStamp: record.stamp,
                    expiresAt: record.expiresAt,
                    now: TestUser.now
                )
            }
            try await Administrator.run { other in
                try await eventually("it waits") {
                    try await other.execute(
                        "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = \(connection) AND COMMAND = 'Execute'"
                    ).count == 1
                }
                try await other.execute("KILL QUERY \(connection)")
            }
            let found = await error
            #expect(found?.code == .unavailable && found?.message.contains("1317") == true, "\(found as Any)")
            try await administrator.execute("COMMIT")
        }
        #expect(try await store.connectionID() == connection)
        #expect(try await store.load(user) != nil)
        await store.shutDown()
    }

    @Test("1146: tables that are dropped underneath are named, and found again when they are back")
    func droppedTable() async throws {
        let store = try await open()
        let user = TestUser("a")
        let table = store.configuration.table
        #expect(try await store.load(user) == nil)
        try await Administrator.run { administrator async throws in
            try await administrator.execute("RENAME TABLE \(table) TO \(table)_away")
            for error in [await failure { try await store.load(user) }, await failure { try await store.insert(user) }]
            {
                #expect(error?.code == .unavailable && error?.message.contains("1146") == true, "\(error as Any)")
                #expect(error?.message.contains(table) == true)
            }
            try await administrator.execute("RENAME TABLE \(table)_away TO \(table)")
        }
        #expect(try await store.insert(user) == .inserted)
        #expect(try await store.load(user)?.subject == "a")
        await store.shutDown()
    }

    @Test("A table that is changed underneath, by another column, goes on")
    func alteredTable() async throws {
        let store = try await open()
        let user = TestUser("a")
        #expect(try await store.insert(user) == .inserted)
        #expect(try await store.load(user) != nil)
        try await Administrator.run { administrator async throws in
            try await administrator.execute(
                "ALTER TABLE \(store.configuration.table) ADD COLUMN note INT NOT NULL DEFAULT 1"
            )
        }
        #expect(try await store.load(user)?.subject == "a")
        #expect(try await store.insert(TestUser("b")) == .inserted)
        await store.shutDown()
    }

    @Test("1142: a right that is taken away is named")
    func lostRight() async throws {
        try await Administrator.run { administrator async throws in
            let configuration = TestServers.patient(try TestServers.configuration("SESSIONS_MYSQL_URL"))
            try await MySQLSessionStore.open(configuration).shutDown()
            let name = "u\(UInt32.random(in: 0 ... .max))"
            try await administrator.execute(
                "CREATE USER \(name)@'%' IDENTIFIED BY '\(name)'",
                "GRANT SELECT ON \(configuration.database).* TO \(name)@'%'"
            )
            var limited = configuration
            (limited.username, limited.password) = (name, name)
            let store = try await MySQLSessionStore.open(limited)
            #expect(try await store.load(TestUser("a")) == nil)
            let error = await failure { try await store.insert(TestUser("a")) }
            #expect(error?.code == .unavailable && error?.message.contains("INSERT command denied") == true)
            #expect(error?.message.contains("(1142)") == true, "\(error as Any)")
            await store.shutDown()
            try await administrator.execute("DROP USER \(name)@'%'")
        }
    }
}
#endif
