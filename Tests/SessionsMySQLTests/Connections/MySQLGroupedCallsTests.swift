#if MySQL
import Sessions
import SessionsSQL
import Testing

@testable import SessionsMySQL

@Suite("Calls that MariaDB executes together", .timeLimit(.minutes(1)))
struct MySQLGroupedCallsTests {
    /// A session as it is in the table.
    struct Stored: Sendable {
        var user: TestUser
        var record: SessionRecord
    }

    /// Runs `body` with a store that has one connection, and with eight sessions.
    private func run(
        _ body: (MySQLSessionStore, Administrator, [Stored]) async throws -> Void
    ) async throws {
        var configuration = TestServers.patient(try TestServers.configuration())
        configuration.maximumConnections = 1
        try await Administrator.run { administrator in
            try await MySQLSessionStore.run(configuration) { store in
                var sessions: [Stored] = []
                for number in 0..<8 {
                    let stored = Stored(user: TestUser("\(number)"), record: TestUser("\(number)").record())
                    #expect(try await store.insert(stored.record, id: stored.user.id) == .inserted)
                    sessions.append(stored)
                }
                try await body(store, administrator, sessions)
            }
        }
    }

    /// Does several things at the same time that wait for the store's connection, and lets them go together.
    private func together<Value: Sendable>(
        _ sessions: [Stored],
        in store: MySQLSessionStore,
        _ administrator: Administrator,
        _ change: @escaping @Sendable (Stored) async throws -> Value
    ) async throws -> [Value] {
        let lock = "sessions-test-\(UInt64.random(in: 0 ... .max))"
        try await administrator.execute("DO GET_LOCK('\(lock)', 20)")
        async let holding = store.withConnection { connection throws(SQLFailure) in
            try connection.query("DO GET_LOCK('\(lock)', 20)")
            return try connection.query("DO RELEASE_LOCK('\(lock)')")
        }
        let values: [Value] = try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            try await eventually("the connection waits") {
                try await administrator.execute(
                    "SELECT 1 FROM information_schema.processlist WHERE state = 'User lock' AND info LIKE '%\(lock)%'"
                ).count > 0
            }
            for (index, session) in sessions.enumerated() {
                group.addTask { (index, try await change(session)) }
            }
            try await eventually("they wait") { store.database.writes.waitingCount == sessions.count }
            try await administrator.execute("DO RELEASE_LOCK('\(lock)')")
            var values: [Int: Value] = [:]
            for try await (index, value) in group { values[index] = value }
            return sessions.indices.compactMap { values[$0] }
        }
        _ = try await holding
        return values
    }

    private func commits(_ store: MySQLSessionStore) async throws -> Int { try await count("commit", store) }

    /// How many commands of a kind the store's connection has sent.
    private func count(_ command: String, _ store: MySQLSessionStore) async throws -> Int {
        try await store.withConnection { connection throws(SQLFailure) in
            let row = try connection.query("SHOW SESSION STATUS LIKE 'Com_\(command)'").first
            return row?.last.flatMap { $0 }.flatMap { Int($0) } ?? -1
        }
    }

    @Test(
        "Updates, touches, deletes and inserts that come together are one transaction each, and all of them are there"
    )
    func together() async throws {
        try await run { store, administrator, sessions in
            var sessions = sessions
            var before = try await commits(store)
            func expectOneMoreCommit() async throws {
                let now = try await commits(store)
                #expect(now == before + 1)
                before = now
            }

            var updated = sessions
            for index in updated.indices {
                updated[index].record = updated[index].user.record(
                    revision: 2,
                    text: String(repeating: "\(index)", count: index * 1000)
                )
            }
            let stamps = Dictionary(uniqueKeysWithValues: sessions.map { ($0.user.id, $0.record.stamp) })
            let updates = try await together(updated, in: store, administrator) { stored in
                try await store.update(
                    stored.record,
                    id: stored.user.id,
                    ifStamp: stamps[stored.user.id] ?? stored.record.stamp,
                    now: TestUser.now
                )
            }
            #expect(updates == Array(repeating: .updated, count: 8))
            try await expectOneMoreCommit()
            sessions = updated
            for stored in sessions { #expect(try await store.load(stored.user) == stored.record) }

            let touches = try await together(sessions, in: store, administrator) { stored in
                let later = stored.record.expiresAt + .seconds(60)
                return try await store.touch(
                    stored.user.id,
                    ifStamp: stored.record.stamp,
                    expiresAt: later,
                    now: TestUser.now
                )
            }
            #expect(touches == Array(repeating: true, count: 8))
            try await expectOneMoreCommit()
            for stored in sessions {
                #expect(try await store.load(stored.user)?.expiresAt == stored.record.expiresAt + .seconds(60))
            }

            let deletions = try await together(sessions, in: store, administrator) { stored in
                try await store.delete(stored.user.id, ifStamp: stored.record.stamp, now: TestUser.now)
            }
            #expect(deletions == Array(repeating: .deleted, count: 8))
            try await expectOneMoreCommit()
            #expect(try await store.count(now: TestUser.now) == 0)

            let inserts = try await together(sessions, in: store, administrator) { stored in
                try await store.insert(stored.record, id: stored.user.id)
            }
            #expect(inserts == Array(repeating: .inserted, count: 8))
            try await expectOneMoreCommit()
            for stored in sessions { #expect(try await store.load(stored.user) == stored.record) }
        }
    }

    @Test("Loads that come together are one statement, and each finds its own session, or that there is none")
    func loads() async throws {
        try await run { store, administrator, sessions in
            let gone = sessions[2].user.id
            #expect(try await store.delete(gone, ifStamp: sessions[2].record.stamp, now: TestUser.now) == .deleted)
            let asked = Array(sessions[1...6].reversed())
            let before = try await count("stmt_execute", store)
            let found = try await together(asked, in: store, administrator) { try await store.load($0.user) }
            #expect(try await count("stmt_execute", store) == before + 1)
            #expect(found == asked.map { $0.user.id == gone ? nil : $0.record })
        }
    }

    @Test("Records that are large, and one that cannot be read, leave the others that are loaded with them alone")
    func largeAndCorrupt() async throws {
        try await run { store, administrator, sessions in
            var sessions = sessions
            sessions[1].record = sessions[1].user.record(revision: 2, text: String(repeating: "x", count: 300_000))
            let stamp = try #require(try await store.load(sessions[1].user)?.stamp)
            #expect(
                try await store.update(sessions[1].record, id: sessions[1].user.id, ifStamp: stamp, now: TestUser.now)
                    == .updated
            )
            let id = sessions[4].user.id
            _ = try await store.withConnection { connection throws(SQLFailure) in
                try connection.query("UPDATE \(store.configuration.table) SET record = '' WHERE id = x'\(id)'")
            }
            let found = try await together(sessions, in: store, administrator) { stored in
                do throws(SessionStoreError) {
                    return try await store.load(stored.user)?.revision
                } catch {
                    #expect(error.code == .corruptRecord)
                    return nil
                }
            }
            #expect(found == [1, 2, 1, 1, nil, 1, 1, 1])
        }
    }

    @Test("One that builds on an old record is told so, and the others are committed all the same")
    func conflict() async throws {
        try await run { store, administrator, sessions in
            let newer = sessions[3].user.record(revision: 7)
            #expect(
                try await store.update(
                    newer,
                    id: sessions[3].user.id,
                    ifStamp: sessions[3].record.stamp,
                    now: TestUser.now
                ) == .updated
            )
            let outcomes = try await together(sessions, in: store, administrator) { stored in
                try await store.update(
                    stored.user.record(revision: 2),
                    id: stored.user.id,
                    ifStamp: stored.record.stamp,
                    now: TestUser.now
                )
            }
            for (index, outcome) in outcomes.enumerated() {
                #expect(outcome == (index == 3 ? .conflict(newer) : .updated))
            }
            for (index, stored) in sessions.enumerated() {
                #expect(try await store.load(stored.user)?.revision == (index == 3 ? 7 : 2))
            }
        }
    }

    @Test("An id that is taken fails the one that wants it, and no other")
    func taken() async throws {
        try await run { store, administrator, sessions in
            let others = (10..<14).map { Stored(user: TestUser("\($0)"), record: TestUser("\($0)").record()) }
            let outcomes = try await together(others + [sessions[0]], in: store, administrator) { stored in
                try await store.insert(stored.record, id: stored.user.id)
            }
            #expect(outcomes == Array(repeating: .inserted, count: 4) + [.exists])
        }
    }

    @Test("A row that somebody has locked is not waited for: nothing is done together then")
    func locked() async throws {
        var configuration = TestServers.patient(try TestServers.configuration())
        configuration.maximumConnections = 2
        try await Administrator.run { administrator in
            try await MySQLSessionStore.run(configuration) { store in
                let sessions = (0..<3).map { Stored(user: TestUser("\($0)"), record: TestUser("\($0)").record()) }
                for stored in sessions { _ = try await store.insert(stored.record, id: stored.user.id) }
                // Straight to the connection, as the pool would ask it.
                let lists = sessions.map { stored -> [SQLValue] in
                    [
                        .bytes(stored.user.id.bytes), .integer(Int64(bitPattern: stored.record.stamp.rawValue)),
                        .integer(0),
                    ]
                }
                let key = sessions[1].user.id.bytes.map { String(Int($0) + 256, radix: 16).dropFirst() }.joined()
                try await administrator.execute(
                    "START TRANSACTION",
                    "UPDATE \(configuration.table) SET stamp = stamp WHERE id = x'\(key)'"
                )
                let failure = try await store.withConnection { connection throws(SQLFailure) -> SQLFailure? in
                    do throws(SQLFailure) {
                        _ = try connection.executeTogether(.delete, lists)
                        return nil
                    } catch {
                        return error
                    }
                }
                #expect(failure?.kind == .contention && failure?.mayHaveExecuted == false, "\(failure as Any)")
                #expect(try await store.count(now: TestUser.now) == 3, "none of them is done")
                try await administrator.execute("ROLLBACK")
                let isDone = try await store.withConnection { connection throws(SQLFailure) in
                    try connection.executeTogether(.delete, lists)
                }
                #expect(isDone == [true, true, true])
                #expect(try await store.count(now: TestUser.now) == 0)
            }
        }
    }

    @Test("Records that are too large for one packet together are committed by themselves")
    func tooLargeTogether() async throws {
        try await run { store, administrator, sessions in
            let text = try await administrator.execute("SELECT @@max_allowed_packet").first?.first
            let limit = try #require(text.flatMap { $0 }.flatMap { Int($0) })
            let outcomes = try await together(Array(sessions.prefix(3)), in: store, administrator) { stored in
                try await store.update(
                    stored.user.record(revision: 2, text: String(repeating: "x", count: limit / 2)),
                    id: stored.user.id,
                    ifStamp: stored.record.stamp,
                    now: TestUser.now
                )
            }
            #expect(outcomes == [.updated, .updated, .updated])
            for stored in sessions.prefix(3) { #expect(try await store.load(stored.user)?.revision == 2) }
        }
    }
}
#endif
