#if Redis
import NIOCore
import Sessions
import Testing

@testable import SessionsRedis

/// Two servers with near caches and many requests, which all write down what they were told.
@Suite("Near caches under load", .serialized, .timeLimit(.minutes(3)))
struct SplitMixTests {
    /// What happens to the server meanwhile.
    enum Trouble: String, CaseIterable, CustomTestStringConvertible {
        case none = "nothing happens"
        case kills = "connections are killed"
        case smallTable = "the server tracks ten keys"
        case flushes = "all keys are deleted"

        var testDescription: String { rawValue }
    }

    private static let sessionCount = 12

    @Test("No read is older than a second, and what has ended stays ended", arguments: Trouble.allCases)
    func random(_ trouble: Trouble) async throws {
        try await PrivateRedis.run { server in
            if trouble == .smallTable { try await server.execute("CONFIG", "SET", "tracking-table-max-keys", "10") }
            var configuration = server.configuration(timeout: .seconds(5))
            configuration.nearCache = .init()
            let history = NearCacheHistory((0..<Self.sessionCount).map { TestUser("user \($0)") })
            try await RedisSessionStore.run(configuration) { first in
                try await RedisSessionStore.run(configuration) { second in
                    for index in 0..<Self.sessionCount { _ = try await first.insert(history.user(index)) }
                    let hits = try await run([first, second], history, trouble, server)
                    #expect(hits > 1000)
                }
            }
            #expect(history.violations.isEmpty)
            #expect(history.changeCount > 500)
            print(
                "near cache, \(trouble.rawValue): \(history.readCount) reads, \(history.changeCount) changes;",
                "the longest that one was missed by a read after its acknowledgment: \(history.longestDelay)"
            )
        }
    }

    private func run(
        _ stores: [RedisSessionStore],
        _ history: NearCacheHistory,
        _ trouble: Trouble,
        _ server: PrivateRedis
    ) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for (number, store) in stores.enumerated() {
                for task in 0..<16 {
                    group.addTask {
                        var random = SplitMix(state: UInt64(number * 100 + task))
                        var hits = 0
                        for _ in 0..<400 { hits += try await request(to: store, history, &random) }
                        return hits
                    }
                }
            }
            group.addTask {
                try await make(trouble, on: server, history)
                return 0
            }
            return try await group.reduce(0, +)
        }
    }

    private func make(_ trouble: Trouble, on server: PrivateRedis, _ history: NearCacheHistory) async throws {
        for _ in 0..<5 {
            await wait(.milliseconds(300))
            switch trouble {
            case .none, .smallTable:
                return
            case .kills:
                try await server.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            case .flushes:
                try await history.ended { try await server.execute("FLUSHALL") }
            }
        }
    }

    /// Some reads of a session, as requests make them, and now and then a change.
    /// - Returns: How many reads the near cache has answered.
    private func request(
        to store: RedisSessionStore,
        _ history: NearCacheHistory,
        _ random: inout SplitMix
    ) async throws -> Int {
        let index = Int.random(in: 0..<Self.sessionCount, using: &random)
        let user = history.user(index)
        var hits = 0
        do throws(SessionStoreError) {
            var record: SessionRecord?
            for _ in 0..<4 {
                let start = ContinuousClock.now
                if let atHand = store.residentRecord(user.id, now: TestUser.now) {
                    hits += 1
                    record = atHand
                    history.read(record.change, user, at: index, askedAt: start, tolerance: .seconds(1))
                } else {
                    record = try await store.load(user)
                    history.read(record.change, user, at: index, askedAt: start, tolerance: .zero)
                }
                await wait(.microseconds(.random(in: 0...500, using: &random)))
            }
            guard let record else {
                let successor = TestUser("another")
                _ = try await store.insert(successor)
                history.replace(user, at: index, with: successor)
                return hits
            }
            try await change(record, of: user, in: store, at: index, history, &random)
        } catch {
            // Whether it was done is not known, or it surely was not; either way nothing was acknowledged. The server
            // may be out of reach for a moment.
            await wait(.milliseconds(20))
        }
        return hits
    }

    private func change(
        _ record: SessionRecord,
        of user: TestUser,
        in store: RedisSessionStore,
        at index: Int,
        _ history: NearCacheHistory,
        _ random: inout SplitMix
    ) async throws(SessionStoreError) {
        let change: UInt64
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<8:
            let new = user.record(revision: record.revision + 1)
            guard try await store.update(new, id: user.id, ifStamp: record.stamp, now: TestUser.now) == .updated else {
                return
            }
            change = new.revision
        case 8:
            guard try await store.delete(user.id, ifStamp: record.stamp, now: TestUser.now) == .deleted else { return }
            change = NearCacheHistory.end
        case 9:
            let later = record.expiresAt + .seconds(60)
            return store.touchLater(user.id, ifStamp: record.stamp, expiresAt: later, now: TestUser.now)
        default:
            return
        }
        history.acknowledged(change, user, at: index)
        // Where it was changed it is never seen as it was before, not for a moment.
        let start = ContinuousClock.now
        if let atHand = store.residentRecord(user.id, now: TestUser.now), atHand.revision < change {
            history.read(atHand.revision, user, at: index, askedAt: start, tolerance: .zero)
        }
    }
}
#endif
