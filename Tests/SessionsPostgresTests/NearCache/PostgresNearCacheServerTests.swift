#if PostgreSQL
import Sessions
import SessionsTesting
import Testing

@testable import SessionsPostgres

/// Two servers of an application, each with a near cache, on one PostgreSQL.
@Suite("Near caches of several servers", .timeLimit(.minutes(3)))
struct PostgresNearCacheServerTests {
    private let user = TestUser("ada")

    /// Runs `body` with two stores whose near caches work.
    private func withStores<Value>(
        _ configuration: PostgresSessionStore.Configuration,
        _ body: (PostgresSessionStore, PostgresSessionStore) async throws -> Value
    ) async throws -> Value {
        var configuration = configuration
        configuration.nearCache = .init()
        return try await PostgresSessionStore.run(configuration) { first, configuration in
            let second = try await PostgresSessionStore.open(configuration)
            await eventually("both hear") { first.nearCache?.isServing == true && second.nearCache?.isServing == true }
            let result: Result<Value, any Error>
            do { result = .success(try await body(first, second)) } catch { result = .failure(error) }
            await second.shutDown()
            return try result.get()
        }
    }

    /// Loads a session and waits until it is kept.
    @discardableResult
    private func keep(_ user: TestUser, in store: PostgresSessionStore) async throws -> SessionRecord {
        var record: SessionRecord?
        try await eventually("it is kept") {
            record = try await store.load(user)
            return record != nil && store.cached(user) == record
        }
        return try #require(record)
    }

    @Test("A commit is served where it was made without being read again, and the other server hears of it, each time")
    func commits() async throws {
        try await withStores(TestServers.plain()) { first, second in
            _ = try await first.insert(user)
            var record = try await keep(user, in: first)
            for revision in 2...40 as ClosedRange<UInt64> {
                try await keep(user, in: second)
                let new = user.record(revision: revision)
                #expect(try await first.update(new, id: user.id, ifStamp: record.stamp, now: TestUser.now) == .updated)
                // Its own announcement does not drop it, whether it comes before the answer or after it.
                #expect(first.cached(user) == new)
                await eventually("the other has heard of it") { second.cached(user) == nil }
                #expect(first.cached(user) == new)
                let newer = user.record(revision: revision)
                #expect(try await second.update(newer, id: user.id, ifStamp: new.stamp, now: TestUser.now) == .updated)
                await eventually("the first has heard of it") { first.cached(user) == nil }
                record = try await keep(user, in: first)
                #expect(record == newer)
            }
        }
    }

    @Test("Ends, renewals and touches are heard of as well")
    func otherChanges() async throws {
        try await withStores(TestServers.plain()) { first, second in
            _ = try await first.insert(user)
            var record = try await keep(user, in: first)
            try await keep(user, in: second)
            let later = record.expiresAt + .seconds(60)
            #expect(try await second.touch(user.id, ifStamp: record.stamp, expiresAt: later, now: TestUser.now))
            await eventually("a touch") { first.cached(user)?.expiresAt != record.expiresAt }
            record = try await keep(user, in: first)
            #expect(record.expiresAt == later)

            let successor = TestUser("ada")
            let forwarder = SessionRecord(
                stamp: SessionStamp(rawValue: .random(in: 0 ... .max)),
                revision: 2,
                createdAt: record.createdAt,
                absoluteDeadline: record.absoluteDeadline,
                idleTimeout: record.idleTimeout,
                expiresAt: TestUser.now + .seconds(60),
                kind: .forwarder(successor: successor.id, nonce: nil),
                values: SessionValues(now: TestUser.now)
            )
            let outcome = try await second.renew(
                user.id,
                ifStamp: record.stamp,
                forwarder: forwarder,
                successor: successor.record(),
                newID: successor.id,
                now: TestUser.now
            )
            #expect(outcome == .renewed)
            #expect(second.cached(successor) != nil && second.cached(user) == nil)
            await eventually("a renewal") { first.cached(user) == nil }
            record = try await keep(successor, in: first)
            #expect(try await second.delete(successor.id, ifStamp: record.stamp, now: TestUser.now) == .deleted)
            #expect(second.cached(successor) == nil)
            await eventually("an end") { first.cached(successor) == nil }
            #expect(try await first.load(successor) == nil)
        }
    }

    @Test("With the listening connection everything goes, and comes back with it")
    func listenerKilled() async throws {
        var configuration = try TestServers.plain()
        configuration.applicationName = "listener-\(UInt32.random(in: 0 ... .max))"
        try await withStores(configuration) { first, _ in
            _ = try await first.insert(user)
            try await keep(user, in: first)
            let killed = try await first.execute(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE application_name = '\(configuration.applicationName)' AND query LIKE '%transaction_read_only%' AND pid <> pg_backend_pid()
                """
            )
            #expect(killed.count == 2)
            await eventually("it is empty") { first.cached(user) == nil }
            await eventually("it hears again") { first.nearCache?.isServing == true }
            try await keep(user, in: first)
        }
    }

    @Test("Silence is not freshness: from a server that hangs nothing is served after a second")
    func paused() async throws {
        try await PrivatePostgres.run { server in
            try await withStores(server.configuration(timeout: .milliseconds(2000))) { first, _ in
                _ = try await first.insert(user)
                try await keep(user, in: first)
                await server.pause()
                let pause = ContinuousClock.now
                var lastServed = pause
                while ContinuousClock.now < pause + .seconds(3) {
                    // Asked before it is looked for: what a busy machine does in between is no freshness.
                    let start = ContinuousClock.now
                    if first.cached(user) != nil { lastServed = start }
                    await wait(.milliseconds(5))
                }
                await server.resume()
                #expect(lastServed - pause <= .seconds(1))
                await eventually("it hears again") { first.nearCache?.isServing == true }
            }
        }
    }

    @Test("A server that is restarted, and one that takes its place: nothing of before is served")
    func restarted() async throws {
        try await PrivatePostgres.run { server in
            try await withStores(server.configuration(timeout: .seconds(2))) { first, second in
                for _ in 0..<2 {
                    let user = TestUser("bert")
                    _ = try await first.insert(user)
                    let record = try await keep(user, in: first)
                    await server.stop()
                    await eventually("it is empty") { first.cached(user) == nil }
                    try await server.start()
                    await eventually("both hear again") {
                        _ = await failure { try await first.load(user) }
                        _ = await failure { try await second.load(user) }
                        return first.nearCache?.isServing == true && second.nearCache?.isServing == true
                    }
                    try await keep(user, in: first)
                    let deleted = try await second.delete(user.id, ifStamp: record.stamp, now: TestUser.now)
                    #expect(deleted == .deleted)
                    await eventually("an end is heard of") { first.cached(user) == nil }
                }
            }
        }
    }

    @Test("What a store without a near cache does is heard of, and what an operator does by hand")
    func announcedByTheTable() async throws {
        let configuration = try TestServers.plain()
        try await withStores(configuration) { first, _ in
            var plain = first.configuration
            plain.nearCache = nil
            let other = try await PostgresSessionStore.open(plain)
            _ = try await first.insert(user)
            let record = try await keep(user, in: first)
            let new = user.record(revision: 2)
            #expect(try await other.update(new, id: user.id, ifStamp: record.stamp, now: TestUser.now) == .updated)
            await eventually("an update without a near cache is heard of") { first.cached(user) == nil }
            try await keep(user, in: first)
            let table = plain.table
            try await other.execute("DELETE FROM \(table)")
            await eventually("a deletion by hand is heard of") { first.cached(user) == nil }
            await other.shutDown()
        }
    }

    @Test("Without the trigger nothing is served, and with it again")
    func needsTheTrigger() async throws {
        try await withStores(TestServers.plain()) { first, second in
            _ = try await first.insert(user)
            try await keep(user, in: first)
            let table = first.configuration.table
            try await second.execute("DROP TRIGGER \(table)_announce ON \(table)")
            await eventually("nothing is served") { first.cached(user) == nil }
            _ = try await first.load(user)
            #expect(first.cached(user) == nil)
            let statements = try PostgresSessionStore.nearCacheSchema(table: table)
            for statement in statements { try await second.execute(statement) }
            try await keep(user, in: first)
        }
    }

    @Test("Where the trigger is missing and must not be made, the store does not open and says what to do")
    func expectsTheTrigger() async throws {
        try await PostgresSessionStore.run(TestServers.plain()) { _, configuration in
            var configuration = configuration
            configuration.schema = .expect
            configuration.nearCache = .init()
            let error = await failure { try await PostgresSessionStore.open(configuration) }
            #expect(error?.code == .misconfigured)
            #expect(error?.message.contains("nearCacheSchema") == true)
        }
    }

    @Test("A manager opens sessions without asking the server, and a fresh one by asking it")
    func manager() async throws {
        try await withStores(TestServers.plain()) { first, second in
            _ = try await first.insert(user)
            try await keep(user, in: first)
            let record = try #require(try await second.load(user))
            #expect(try await second.delete(user.id, ifStamp: record.stamp, now: TestUser.now) == .deleted)
            // `load` never answers from the near cache, however soon it is asked.
            #expect(try await first.load(user) == nil)
            #expect(first.cached(user) == nil)
        }
    }

    @Test("Whatever was acknowledged more than a second ago is never unseen: two stores, many tasks")
    func staleness() async throws {
        try await withStores(TestServers.plain()) { first, second in
            let users = (0..<16).map { TestUser("user \($0)") }
            for user in users { _ = try await first.insert(user) }
            let worst = try await withThrowingTaskGroup(of: Duration.self) { group in
                for user in users {
                    group.addTask {
                        var worst = Duration.zero
                        var record = try #require(try await second.load(user))
                        for revision in 2...100 as ClosedRange<UInt64> {
                            _ = try await first.load(user)
                            let new = user.record(revision: revision)
                            _ = try await second.update(new, id: user.id, ifStamp: record.stamp, now: TestUser.now)
                            let acknowledged = ContinuousClock.now
                            while let cached = first.cached(user), cached.stamp == record.stamp {
                                worst = max(worst, .now - acknowledged)
                                guard worst < .seconds(2) else { break }
                                await Task.yield()
                            }
                            record = new
                        }
                        return worst
                    }
                }
                return try await group.reduce(Duration.zero) { max($0, $1) }
            }
            #expect(worst < .seconds(1))
            print("the longest that a change was not seen: \(worst)")
        }
    }
}
#endif
