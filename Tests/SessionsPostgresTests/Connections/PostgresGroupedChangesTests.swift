#if PostgreSQL
import Sessions
import SessionsSQL
import Testing

@testable import SessionsPostgres

@Suite("Changes that PostgreSQL executes together", .timeLimit(.minutes(1)))
struct PostgresGroupedChangesTests {
    /// A session as it is in the table.
    struct Stored: Sendable {
        var user: TestUser
        var record: SessionRecord
    }

    /// Runs `body` with a store that has one connection, with another connection to the same server, and with sessions.
    private func run(
        count: Int = 8,
        _ body: (PostgresSessionStore, PostgresSessionStore, [Stored]) async throws -> Void
    ) async throws {
        var configuration = try TestServers.plain()
        configuration.maximumConnections = 1
        var other = configuration
        other.table = TestServers.uniqueTable()
        try await PostgresSessionStore.run(other) { administrator, _ in
            try await PostgresSessionStore.run(configuration) { store, _ in
                var sessions: [Stored] = []
                for number in 0..<count {
                    let user = TestUser("\(number)")
                    let stored = Stored(user: user, record: user.record())
                    #expect(try await store.insert(stored.record, id: user.id) == .inserted)
                    sessions.append(stored)
                }
                try await body(store, administrator, sessions)
            }
        }
    }

    /// Does several things at the same time that wait for the store's connection, and lets them go together.
    private func together<Value: Sendable>(
        _ sessions: [Stored],
        in store: PostgresSessionStore,
        _ administrator: PostgresSessionStore,
        _ change: @escaping @Sendable (Stored) async throws -> Value
    ) async throws -> [Value] {
        let lock = Int64.random(in: 0 ... .max)
        try await administrator.execute("SELECT pg_advisory_lock(\(lock))")
        async let holding = store.execute("SELECT pg_advisory_xact_lock(\(lock))")
        let values: [Value] = try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            try await eventually("the connection waits") {
                try await administrator.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE '%\(lock)%'"
                ).count > 0
            }
            for (index, session) in sessions.enumerated() {
                group.addTask { (index, try await change(session)) }
            }
            await eventually("they wait") { store.database.writes.waitingCount == sessions.count }
            try await administrator.execute("SELECT pg_advisory_unlock(\(lock))")
            var values: [Int: Value] = [:]
            for try await (index, value) in group { values[index] = value }
            return sessions.indices.compactMap { values[$0] }
        }
        _ = try await holding
        return values
    }

    /// By how many transactions the rows that are there were written.
    private func transactions(_ store: PostgresSessionStore) async throws -> String? {
        try await store.execute("SELECT count(DISTINCT xmin::text) FROM \(store.configuration.table)").first?.first
            ?? nil
    }

    @Test(
        "Updates, touches, inserts and deletes that come together are one transaction each, and all of them are there"
    )
    func together() async throws {
        try await run { store, administrator, sessions in
            #expect(try await transactions(store) == "8")
            var updated = sessions
            for index in updated.indices {
                let text = String(repeating: "\(index)", count: index * 1000)
                updated[index].record = updated[index].user.record(revision: 2, text: text)
            }
            let stamps = Dictionary(uniqueKeysWithValues: sessions.map { ($0.user.id, $0.record.stamp) })
            let updates = try await together(updated, in: store, administrator) { stored in
                let stamp = stamps[stored.user.id] ?? stored.record.stamp
                return try await store.update(stored.record, id: stored.user.id, ifStamp: stamp, now: TestUser.now)
            }
            #expect(updates == Array(repeating: .updated, count: 8))
            #expect(try await transactions(store) == "1")
            for stored in updated { #expect(try await store.load(stored.user) == stored.record) }

            let touches = try await together(Array(updated[..<4]), in: store, administrator) { stored in
                let later = stored.record.expiresAt + .seconds(60)
                return try await store.touch(
                    stored.user.id,
                    ifStamp: stored.record.stamp,
                    expiresAt: later,
                    now: TestUser.now
                )
            }
            #expect(touches == Array(repeating: true, count: 4))
            #expect(try await transactions(store) == "2")
            for stored in updated[..<4] {
                #expect(try await store.load(stored.user)?.expiresAt == stored.record.expiresAt + .seconds(60))
            }

            let others = (10..<14).map { Stored(user: TestUser("\($0)"), record: TestUser("\($0)").record()) }
            let inserts = try await together(others, in: store, administrator) { stored in
                try await store.insert(stored.record, id: stored.user.id)
            }
            #expect(inserts == Array(repeating: .inserted, count: 4))
            #expect(try await transactions(store) == "3")
            for stored in others { #expect(try await store.load(stored.user) == stored.record) }

            let deletions = try await together(updated + others, in: store, administrator) { stored in
                try await store.delete(stored.user.id, ifStamp: stored.record.stamp, now: TestUser.now)
            }
            #expect(deletions == Array(repeating: .deleted, count: 12))
            #expect(try await store.count(now: TestUser.now) == 0)
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

    @Test("A row that somebody keeps locked is not waited for by the others: nothing is done together then")
    func locked() async throws {
        try await run(count: 3) { store, administrator, sessions in
            try await administrator.execute("BEGIN")
            let table = store.configuration.table
            try await administrator.execute(
                "UPDATE \(table) SET stamp = stamp WHERE id = decode('\(sessions[1].user.id)', 'hex')"
            )
            guard case .failure(let failure) = try await deleteTogether(sessions, store) else {
                Issue.record("it has not waited in vain")
                return
            }
            #expect(failure.kind == .contention && !failure.mayHaveExecuted && !failure.closesConnection, "\(failure)")
            #expect(try await store.count(now: TestUser.now) == 3, "none of them is done")
            #expect(try await store.execute("SHOW lock_timeout") == [["0"]], "the next statement waits as ever")
            try await administrator.execute("ROLLBACK")
            #expect(try await deleteTogether(sessions, store).get() == [true, true, true])
            #expect(try await deleteTogether(sessions, store).get() == [false, false, false])
            #expect(try await store.count(now: TestUser.now) == 0)
        }
    }

    @Test("A commit that waits longer for its turn than rows are waited for is not given up")
    func waitsForItsTurn() async throws {
        try await run(count: 3) { store, administrator, sessions in
            let lock = Int32.random(in: 0 ... .max)
            let trigger = Trigger("pg_advisory_xact_lock(\(lock))", of: sessions[2], isAtCommit: true)
            try await administrator.add(trigger, to: store)
            try await administrator.execute("SELECT pg_advisory_lock(\(lock))")
            async let deletion = deleteTogether(sessions, store)
            try await eventually("the commit waits") {
                try await administrator.execute(
                    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = \(lock)"
                ).count > 0
            }
            await wait(.milliseconds(300))
            try await administrator.execute("SELECT pg_advisory_unlock(\(lock))")
            #expect(try await deletion.get() == [true, true, true])
            try await administrator.removeTrigger(from: store)
            #expect(try await store.count(now: TestUser.now) == 0)
        }
    }

    @Test("Records that are large are committed by themselves, so that the server never waits for the rest of a group")
    func tooLargeTogether() async throws {
        try await run(count: 3) { store, administrator, sessions in
            let outcomes = try await together(sessions, in: store, administrator) { stored in
                try await store.update(
                    stored.user.record(revision: 2, text: String(repeating: "x", count: 30_000)),
                    id: stored.user.id,
                    ifStamp: stored.record.stamp,
                    now: TestUser.now
                )
            }
            #expect(outcomes == [.updated, .updated, .updated])
            #expect(try await transactions(store) == "3")
            for stored in sessions { #expect(try await store.load(stored.user)?.revision == 2) }
        }
    }

    /// Deletes sessions together, straight on the connection, as the pool would ask it.
    private func deleteTogether(
        _ sessions: [Stored],
        _ store: PostgresSessionStore
    ) async throws -> Result<[Bool]?, SQLFailure> {
        let lists = sessions.map { stored -> [SQLValue] in
            [.bytes(stored.user.id.bytes), .integer(Int64(bitPattern: stored.record.stamp.rawValue)), .integer(0)]
        }
        return try await store.database.write { connection throws(SQLFailure) in
            do throws(SQLFailure) {
                return .success(try connection.executeTogether(.delete, lists))
            } catch {
                return .failure(error)
            }
        }
    }

    @Test(
        "When the server ends the connection, surely nothing is done before it has executed all of them, and nobody knows after",
        arguments: [false, true]
    )
    func terminated(isAtCommit: Bool) async throws {
        try await run(count: 3) { store, administrator, sessions in
            let trigger = Trigger("pg_terminate_backend(pg_backend_pid())", of: sessions[2], isAtCommit: isAtCommit)
            try await administrator.add(trigger, to: store)
            guard case .failure(let failure) = try await deleteTogether(sessions, store) else {
                Issue.record("the connection has not ended")
                return
            }
            #expect(failure.closesConnection && failure.mayHaveExecuted == isAtCommit, "\(failure)")
            try await administrator.removeTrigger(from: store)
            #expect(try await administrator.execute("SELECT count(*) FROM \(store.configuration.table)") == [["3"]])
        }
    }
}

/// Has the server call a function when a session is deleted, or when the transaction is committed that deletes it.
private struct Trigger {
    let call: String
    let id: SessionID
    let isAtCommit: Bool

    init(_ call: String, of stored: PostgresGroupedChangesTests.Stored, isAtCommit: Bool) {
        self.call = call
        id = stored.user.id
        self.isAtCommit = isAtCommit
    }
}

extension PostgresSessionStore {
    fileprivate func add(_ trigger: Trigger, to store: PostgresSessionStore) async throws {
        let table = store.configuration.table
        try await execute(
            """
            CREATE FUNCTION \(table)_deleted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM \(trigger.call);
                RETURN NULL;
            END $$
            """
        )
        // A constraint's trigger may be put off until the transaction is to be committed.
        try await execute(
            """
            CREATE \(trigger.isAtCommit ? "CONSTRAINT" : "") TRIGGER deleted AFTER DELETE ON \(table) \
            \(trigger.isAtCommit ? "DEFERRABLE INITIALLY DEFERRED" : "") FOR EACH ROW \
            WHEN (OLD.id = decode('\(trigger.id)', 'hex')) EXECUTE FUNCTION \(table)_deleted()
            """
        )
    }

    fileprivate func removeTrigger(from store: PostgresSessionStore) async throws {
        try await execute("DROP TRIGGER deleted ON \(store.configuration.table)")
        try await execute("DROP FUNCTION \(store.configuration.table)_deleted")
    }
}
#endif
