#if PostgreSQL
import Sessions
import Testing

@testable import SessionsPostgres

/// What the documentation says in numbers. They are printed; what is asserted is far from them, since tests run on busy
/// machines and without optimization. For figures:
///
///     Scripts/services run --only postgres -- swift test -c release --filter PostgresFigures
@Suite("Figures of the PostgreSQL store", .serialized, .timeLimit(.minutes(5)))
struct PostgresFigures {
    #if DEBUG
    private static let time = Duration.milliseconds(300)
    #else
    private static let time = Duration.seconds(3)
    #endif

    private func report(_ text: String) { print("PostgreSQL: \(text)") }

    /// How often per second tasks that run beside each other, each with a session of its own, do something.
    private func rate(
        of taskCount: Int,
        _ store: PostgresSessionStore,
        _ body: @escaping @Sendable (TestUser, inout SessionRecord) async throws -> Void
    ) async throws -> Int {
        let users = (0..<taskCount).map { TestUser("user \($0)") }
        for user in users { _ = try await store.insert(user) }
        let start = ContinuousClock.now
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for user in users {
                group.addTask {
                    var count = 0
                    var record = try #require(try await store.load(user))
                    repeat {
                        try await body(user, &record)
                        count += 1
                    } while ContinuousClock.now < start + Self.time
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        return Int(Double(count) / ((ContinuousClock.now - start) / .seconds(1)))
    }

    private func commitRate(_ taskCount: Int, _ store: PostgresSessionStore) async throws -> Int {
        try await rate(of: taskCount, store) { user, record in
            let new = user.record(revision: record.revision + 1)
            let outcome = try await store.update(new, id: user.id, ifStamp: record.stamp, now: TestUser.now)
            #expect(outcome == .updated)
            record = new
        }
    }

    @Test("What announcing costs: commits per second with as many connections as tasks")
    func announcing() async throws {
        for taskCount in [1, 8, 32] {
            var rates: [Int] = []
            for nearCache in [nil, PostgresSessionStore.NearCache()] {
                var configuration = try TestServers.plain()
                configuration.maximumConnections = taskCount
                configuration.nearCache = nearCache
                let rate = try await PostgresSessionStore.run(configuration) { store, _ in
                    try await commitRate(taskCount, store)
                }
                rates.append(rate)
            }
            report("\(taskCount) connections: \(rates[0]) commits per second, \(rates[1]) with announcements")
        }
    }

    @Test("How many connections are of use: 32 tasks")
    func connections() async throws {
        for count in [4, 8, 16, 32] {
            var configuration = try TestServers.plain()
            configuration.maximumConnections = count
            let (commits, loads) = try await PostgresSessionStore.run(configuration) { store, _ in
                let commits = try await commitRate(32, store)
                let loads = try await rate(of: 32, store) { user, _ in _ = try await store.load(user) }
                return (commits, loads)
            }
            report("32 tasks on \(count) connections: \(commits) commits, \(loads) loads per second")
        }
    }

    @Test("How long another server's commit takes to arrive, and what a look-up takes")
    func travel() async throws {
        var configuration = try TestServers.plain()
        configuration.nearCache = .init()
        try await PostgresSessionStore.run(configuration) { reader, configuration in
            let writer = try await PostgresSessionStore.open(configuration)
            await eventually("it hears") { reader.nearCache?.isServing == true }
            let user = TestUser("ada")
            _ = try await writer.insert(user)
            var delays: [Duration] = []
            let end = ContinuousClock.now + Self.time
            while ContinuousClock.now < end {
                let old = try #require(try await reader.load(user))
                await eventually("it is kept") { reader.cached(user) != nil }
                let new = user.record(revision: old.revision + 1)
                _ = try await writer.update(new, id: user.id, ifStamp: old.stamp, now: TestUser.now)
                let acknowledged = ContinuousClock.now
                while reader.cached(user) != nil, ContinuousClock.now < acknowledged + .seconds(2) {
                    await Task.yield()
                }
                delays.append(.now - acknowledged)
            }
            await writer.shutDown()
            delays.sort()
            let (median, late) = (delays[delays.count / 2], delays[delays.count * 99 / 100])
            report("a commit is heard of \(median) (median) and \(late) (p99) after it was acknowledged")
            let record = try #require(try await reader.load(user))
            await eventually("it is kept") { reader.cached(user) == record }
            let now = TestUser.now
            let start = ContinuousClock.now
            for _ in 0..<10_000 { _ = reader.residentRecord(user.id, now: now) }
            report("a look-up takes \((ContinuousClock.now - start) / 10_000)")
            #expect(median < .seconds(1))
        }
    }
}
#endif
