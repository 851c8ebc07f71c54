#if MySQL
import Sessions
import Synchronization
import Testing

@testable import SessionsMySQL

/// T-XTALK: many users on a few connections that fall silent and are cut, with tasks that are cancelled.
@Suite("Nobody sees another user's session in MySQL", .timeLimit(.minutes(5)))
struct MySQLCrossTalkTests {
    private static let userCount = 64
    private static let operationCount = 10_000

    /// What one user knows for sure.
    private struct Knowledge {
        /// The revision that was acknowledged last.
        var acknowledged: UInt64 = 1
        /// The highest that may have been written.
        var attempted: UInt64 = 1
    }

    private final class Tally: Sendable {
        let operations = Atomic(0)
        let successes = Atomic(0)
        let failures = Atomic(0)
        let cancellations = Atomic(0)

        /// Whether there is another operation to do: on a quick machine they would be over before the proxy has done much.
        func next() -> Bool {
            let count = operations.add(1, ordering: .relaxed).newValue
            return count <= operationCount
                || count <= 100 * operationCount && failures.load(ordering: .relaxed) <= 10
        }
    }

    @Test("T-XTALK: 10 000 operations, and no acknowledged update is lost")
    func crossTalk() async throws {
        let tally = Tally()
        let users = (1...Self.userCount).map { TestUser("user \($0)") }
        var configuration = try TestServers.configuration()
        guard case .host(_, let port) = configuration.hosts[0].wrapped else { return }
        try await MySQLSessionStore.run(TestServers.patient(configuration)) { store async throws in
            for user in users { #expect(try await store.insert(user) == .inserted) }
        }
        configuration.operationTimeout = .milliseconds(300)
        configuration.maximumConnections = 8
        try await UnreliableProxy.run(to: port) { proxy in
            configuration.hosts = [.host("127.0.0.1", port: proxy.port)]
            try await MySQLSessionStore.run(configuration) { store async throws in
                try await work(users, store, proxy, tally)
            }
            #expect(proxy.acceptedCount > 8, "no connection was ever replaced")
        }
        // Else it has tested nothing.
        #expect(tally.successes.load(ordering: .relaxed) > Self.operationCount / 4)
        #expect(tally.failures.load(ordering: .relaxed) > 10)
        #expect(tally.cancellations.load(ordering: .relaxed) > 100)
    }

    private func work(
        _ users: [TestUser],
        _ store: MySQLSessionStore,
        _ proxy: UnreliableProxy,
        _ tally: Tally
    ) async throws {
        let weather = Task {
            while !Task.isCancelled {
                await pause(milliseconds: .random(in: 20...100))
                if Bool.random() { proxy.cutOne() } else { proxy.silenceOne() }
            }
        }
        defer { weather.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for user in users {
                group.addTask { try await live(user, store, tally) }
            }
            try await group.waitForAll()
        }
    }

    /// Loads and updates one session, as long as there are operations to do.
    private func live(_ user: TestUser, _ store: MySQLSessionStore, _ tally: Tally) async throws {
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
                await pause(milliseconds: 5)
            }
        }
        try await eventually("\(user.name) reads at the end") {
            await failureCode { if let record = try await store.load(user) { check(record, user, knowledge) } } == nil
        }
    }

    /// Loads a session in a task that is cancelled at some time, in one case of three.
    private func load(_ user: TestUser, _ store: MySQLSessionStore, _ tally: Tally) async throws -> SessionRecord? {
        let task = Task { () -> SessionRecord? in
            let record = try await store.load(user)
            if record == nil { Issue.record("\(user.name)'s session is gone") }
            return record
        }
        if Int.random(in: 0..<3) == 0 {
            if Bool.random() { await pause(milliseconds: .random(in: 0...3)) }
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
