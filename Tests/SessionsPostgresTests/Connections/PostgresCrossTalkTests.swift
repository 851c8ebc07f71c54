#if PostgreSQL
import Sessions
import Synchronization
import Testing

@testable import SessionsPostgres

/// T-XTALK: many users on a few connections, some of which are cut, with tasks that are cancelled and calls whose time is
/// over.
@Suite("Nobody sees another user's session", .timeLimit(.minutes(5)))
struct PostgresCrossTalkTests {
    private static let userCount = 64
    private static let operationCount = 10_000

    private final class Tally: Sendable {
        let operations = Atomic(0)
        let successes = Atomic(0)
        let failures = Atomic(0)
        let cancellations = Atomic(0)

        /// Whether there is another operation to do.
        func next() -> Bool { operations.add(1, ordering: .relaxed).newValue <= operationCount }
    }

    /// What one user knows for sure.
    private struct Knowledge {
        /// The revision that was acknowledged last.
        var acknowledged: UInt64 = 1
        /// The highest that may have been written.
        var attempted: UInt64 = 1
    }

    @Test("T-XTALK: 10 000 operations, and no acknowledged update is lost", arguments: [false, true])
    func crossTalk(hasNearCache: Bool) async throws {
        let tally = Tally()
        let users = (1...Self.userCount).map { TestUser("user \($0)") }
        var configuration = try TestServers.plain()
        configuration.operationTimeout = .seconds(2)
        configuration.connectTimeout = .seconds(2)
        configuration.nearCache = hasNearCache ? .init() : nil
        configuration.applicationName = "crosstalk-\(UInt32.random(in: 0 ... .max))"
        try await PostgresSessionStore.run(configuration) { store, _ in
            for user in users {
                await eventually("everybody has a session") { await failure { try await store.insert(user) } == nil }
            }
            try await work(users, store, tally, configuration)
        }
        // Else it has tested nothing.
        #expect(tally.successes.load(ordering: .relaxed) > Self.operationCount / 4)
        #expect(tally.cancellations.load(ordering: .relaxed) > 100)
    }

    private func work(
        _ users: [TestUser],
        _ store: PostgresSessionStore,
        _ tally: Tally,
        _ configuration: PostgresSessionStore.Configuration
    ) async throws {
        var other = configuration
        other.applicationName = "weather"
        other.nearCache = nil
        let weather = try await PostgresSessionStore.open(other)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for user in users { group.addTask { try await live(user, store, tally) } }
            group.addTask {
                while tally.operations.load(ordering: .relaxed) < Self.operationCount {
                    await wait(.milliseconds(.random(in: 50...200)))
                    // Connections are ended under way, tables are locked for longer than calls wait.
                    let name = configuration.applicationName
                    switch Int.random(in: 0..<3) {
                    case 0:
                        _ = try? await weather.execute(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '\(name)'"
                        )
                    case 1:
                        _ = try? await weather.execute(
                            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = '\(name)'"
                        )
                    default:
                        _ = try? await weather.execute(
                            "DO $$ BEGIN LOCK TABLE \(configuration.table); PERFORM pg_sleep(0.05); END $$"
                        )
                    }
                }
            }
            try await group.waitForAll()
        }
        await weather.shutDown()
    }

    /// Loads and updates one session, as long as there are operations to do.
    private func live(_ user: TestUser, _ store: PostgresSessionStore, _ tally: Tally) async throws {
        var knowledge = Knowledge()
        while tally.next() {
            do {
                guard let record = try await load(user, store, tally) else { continue }
                check(record, user, knowledge)
                tally.successes.add(1, ordering: .relaxed)
                guard Bool.random(), tally.next() else { continue }
                knowledge.attempted = max(knowledge.attempted, record.revision + 1)
                let update = user.record(revision: record.revision + 1)
                let outcome = try await store.update(update, id: user.id, ifStamp: record.stamp, now: TestUser.now)
                switch outcome {
                case .updated: knowledge.acknowledged = update.revision
                // What was read may be older than an update of which nobody knew what became of it.
                case .conflict(let current): check(current, user, knowledge)
                case .missing: Issue.record("\(user.name)'s session is gone")
                }
                tally.successes.add(1, ordering: .relaxed)
            } catch let error as SessionStoreError {
                #expect([.unavailable, .outcomeUnknown].contains(error.code), "\(error)")
                tally.failures.add(1, ordering: .relaxed)
                await wait(.milliseconds(5))
            }
        }
        await eventually("\(user.name) reads at the end") {
            await failure { if let record = try await store.load(user) { check(record, user, knowledge) } } == nil
        }
    }

    /// Loads a session in a task that is cancelled at some time, in one case of three.
    private func load(_ user: TestUser, _ store: PostgresSessionStore, _ tally: Tally) async throws -> SessionRecord? {
        let task = Task { () -> SessionRecord? in
            if Bool.random(), let record = store.cached(user) { return record }
            let record = try await store.load(user)
            if record == nil { Issue.record("\(user.name)'s session is gone") }
            return record
        }
        if Int.random(in: 0..<3) == 0 {
            await wait(.microseconds(.random(in: 0...2_000)))
            task.cancel()
        }
        do {
            return try await task.value
        } catch let error as SessionStoreError where error.code == .cancelled {
            tally.cancellations.add(1, ordering: .relaxed)
            return nil
        }
    }

    private func check(_ record: SessionRecord, _ user: TestUser, _ knowledge: Knowledge) {
        #expect(record.subject == user.name)
        #expect(record.revision >= knowledge.acknowledged, "an acknowledged update is lost")
        #expect(record.revision <= knowledge.attempted, "an update that nobody has made")
    }
}
#endif
