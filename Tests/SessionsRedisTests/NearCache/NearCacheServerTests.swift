#if Redis
import HTTPTypes
import NIOCore
import Sessions
import Synchronization
import Testing

@testable import SessionsRedis

/// Two servers of an application, each with a near cache, on one Redis.
@Suite("Near caches of several servers", .timeLimit(.minutes(2)))
struct NearCacheServerTests {
    private let user = TestUser("ada")

    /// Runs `body` with two stores.
    private func withStores<Value>(
        _ configuration: RedisSessionStore.Configuration,
        _ body: (RedisSessionStore, RedisSessionStore) async throws -> Value
    ) async throws -> Value {
        var configuration = configuration
        configuration.nearCache = .init()
        return try await RedisSessionStore.run(configuration) { first in
            try await RedisSessionStore.run(configuration) { second in try await body(first, second) }
        }
    }

    /// Loads a session and waits until it is kept.
    @discardableResult
    private func keep(_ user: TestUser, in store: RedisSessionStore) async throws -> SessionRecord {
        let record = try #require(try await store.load(user))
        try await eventually("it is kept") { cached(user, in: store) == record }
        return record
    }

    private func cached(_ user: TestUser, in store: RedisSessionStore) -> SessionRecord? {
        store.residentRecord(user.id, now: TestUser.now)
    }

    // MARK: Between two servers

    @Test("A commit is served where it was made without being read again, and the other server hears of it, each time")
    func commits() async throws {
        try await withStores(TestServers.single()) { first, second in
            _ = try await first.insert(user)
            var record = try await keep(user, in: first)
            for revision in 2...50 as ClosedRange<UInt64> {
                try await keep(user, in: second)
                let new = user.record(revision: revision)
                let outcome = try await first.update(new, id: user.id, ifStamp: record.stamp, now: TestUser.now)
                #expect(outcome == .updated)
                try await eventually("it is served") { cached(user, in: first) == new }
                try await eventually("the other has heard of it") { cached(user, in: second) == nil }
                #expect(cached(user, in: first) == new)
                // The first server has not loaded it since, and hears of the next change all the same.
                let newer = user.record(revision: revision)
                #expect(
                    try await second.update(newer, id: user.id, ifStamp: new.stamp, now: TestUser.now) == .updated
                )
                try await eventually("the first has heard of it") { cached(user, in: first) == nil }
                record = try await keep(user, in: first)
                #expect(record == newer)
            }
        }
    }

    @Test("Both servers change a session by turns: each commit drops the other's record")
    func turns() async throws {
        try await withStores(TestServers.single()) { first, second in
            _ = try await first.insert(user)
            var record = try await keep(user, in: first)
            for revision in 2...60 as ClosedRange<UInt64> {
                let (writer, reader) = revision.isMultiple(of: 2) ? (first, second) : (second, first)
                let new = user.record(revision: revision)
                let outcome = try await writer.update(new, id: user.id, ifStamp: record.stamp, now: TestUser.now)
                #expect(outcome == .updated)
                try await eventually("it is served") { cached(user, in: writer) == new }
                try await eventually("the other has heard of it") { cached(user, in: reader) == nil }
                record = new
            }
        }
    }

    @Test("A later deadline and the end are heard of, and not served by the server that made them")
    func touchAndEnd() async throws {
        try await withStores(TestServers.single()) { first, second in
            _ = try await first.insert(user)
            let record = try await keep(user, in: first)
            try await keep(user, in: second)
            let later = record.expiresAt + .seconds(600)
            #expect(try await first.touch(user.id, ifStamp: record.stamp, expiresAt: later, now: TestUser.now))
            #expect(cached(user, in: first).map { $0.expiresAt == later } ?? true)
            try await eventually("the other has heard of it") { cached(user, in: second) == nil }
            #expect(try await keep(user, in: second).expiresAt == later)

            try await keep(user, in: first)
            first.touchLater(user.id, ifStamp: record.stamp, expiresAt: later + .seconds(9), now: TestUser.now)
            #expect(try await first.load(user)?.expiresAt == later + .seconds(9))
            try await eventually("the other has heard of it") { cached(user, in: second) == nil }

            try await keep(user, in: first)
            try await keep(user, in: second)
            #expect(try await first.delete(user.id, ifStamp: record.stamp, now: TestUser.now) == .deleted)
            #expect(cached(user, in: first) == nil)
            try await eventually("the other has heard of it") { cached(user, in: second) == nil }
            #expect(try await second.load(user) == nil)
        }
    }

    @Test("A server that waits for replicas with what is sensitive does not serve what it has ended")
    func awaitingReplicas() async throws {
        var configuration = try TestServers.single()
        configuration.replication = .init(timeout: .milliseconds(20))
        try await withStores(configuration) { first, second in
            for number in 0..<20 {
                let user = TestUser("user \(number)")
                _ = try await first.insert(user)
                let record = try await keep(user, in: first)
                try await keep(user, in: second)
                async let read = first.load(user)
                #expect(try await first.delete(user.id, ifStamp: record.stamp, now: TestUser.now) == .deleted)
                #expect(cached(user, in: first) == nil)
                _ = try await read
                try await eventually("the other has heard of it") { cached(user, in: second) == nil }
                #expect(cached(user, in: first) == nil)
            }
        }
    }

    // MARK: With managers

    @Test("Changes, renewals, the end and the end of all are seen by the other server")
    func managers() async throws {
        try await withStores(TestServers.single()) { first, second in
            let here = Visitor(try SessionManager(store: first))
            let there = Visitor(try SessionManager(store: second), sharing: here)
            try await here.visit { $0["n"] = 0 }
            for _ in 0..<20 {
                try await there.visit { _ in }
                try await here.visit { try $0.increment("n") }
                let n = try await here.visit { $0["n", as: Int.self] }
                try await eventually("the change is seen") { try await there.visit { $0["n", as: Int.self] } == n }
            }
            let old = Visitor(there.manager, cookie: there.cookie)
            try await here.visit { try $0.renew(subject: "ada") }
            try await eventually("the old token is dead") { try await !old.visit { $0.exists } }
            try await eventually("the new one is not") { try await there.visit { $0.subject } == "ada" }
            let phone = Visitor(there.manager)
            try await phone.visit { try $0.renew(subject: "ada") }
            _ = try await here.manager.endAll(of: "ada")
            try await eventually("all are ended") {
                let exist = (try await there.visit { $0.exists }, try await phone.visit { $0.exists })
                return exist == (false, false)
            }
        }
    }

    @Test("A session that was read before it changed elsewhere never overwrites: its edits go on top")
    func compareAndSet() async throws {
        try await withStores(TestServers.single()) { first, second in
            let here = Visitor(try SessionManager(store: first))
            let there = Visitor(try SessionManager(store: second), sharing: here)
            try await here.visit { $0["n"] = 0 }
            var sum = 0
            for _ in 0..<50 {
                try await there.visit { _ in }
                try await there.visit { session in
                    // Read already; now it changes.
                    #expect(session["n", as: Int.self] == sum)
                    try await here.visit { try $0.increment("n") }
                    try session.increment("n")
                }
                sum += 2
                try await eventually("both are there") { try await here.visit { $0["n", as: Int.self] } == sum }
                try await eventually("both are there") { try await there.visit { $0["n", as: Int.self] } == sum }
            }
        }
        try await withStores(TestServers.single()) { first, second in
            _ = try await first.insert(user)
            let stale = try await keep(user, in: first)
            let new = user.record(revision: 2)
            _ = try await second.update(new, id: user.id, ifStamp: stale.stamp, now: TestUser.now)
            let mine = user.record(revision: 2)
            let outcome = try await first.update(mine, id: user.id, ifStamp: stale.stamp, now: TestUser.now)
            #expect(outcome == .conflict(new))
            #expect(cached(user, in: first) != mine)
        }
    }

    // MARK: The server's table

    @Test("A server without room in its table says which sessions it drops, also if it does so for this connection")
    func tableOverflow() async throws {
        try await PrivateRedis.run { server in
            try await server.execute("CONFIG", "SET", "tracking-table-max-keys", "10")
            try await withStores(server.configuration()) { first, second in
                let users = (0..<100).map { TestUser("user \($0)") }
                for user in users { _ = try await first.insert(user) }
                for user in users { _ = try await first.load(user) }
                try await first.checkHealth()
                let kept = users.filter { cached($0, in: first) != nil }
                #expect(!kept.isEmpty)
                #expect(kept.count <= 11)
                for user in users {
                    let record = try #require(try await second.load(user))
                    let new = user.record(revision: 2)
                    _ = try await second.update(new, id: user.id, ifStamp: record.stamp, now: TestUser.now)
                }
                try await first.checkHealth()
                #expect(users.allSatisfy { cached($0, in: first) == nil })
            }
        }
    }

    @Test("A server whose keys are all deleted empties the cache", arguments: ["FLUSHALL", "FLUSHDB"])
    func flushed(_ name: String) async throws {
        try await PrivateRedis.run { server in
            try await withStores(server.configuration()) { first, second in
                let users = (0..<20).map { TestUser("user \($0)") }
                for user in users { _ = try await first.insert(user) }
                for user in users { try await keep(user, in: second) }
                if name == "FLUSHALL" {
                    try await server.execute("FLUSHALL")
                } else {
                    try await server.execute("FLUSHDB", "ASYNC")
                }
                try await eventually("nothing is kept") { users.allSatisfy { cached($0, in: second) == nil } }
                for user in users { #expect(try await second.load(user) == nil) }
            }
        }
    }
}

/// A browser of one application that runs on several servers.
private final class Visitor: Sendable {
    private final class Jar: Sendable {
        let cookie = Mutex<String?>(nil)
    }

    let manager: SessionManager
    private let jar: Jar

    init(_ manager: SessionManager, cookie: String? = nil) {
        self.manager = manager
        jar = Jar()
        jar.cookie.withLock { $0 = cookie }
    }

    /// The same browser, whose requests go to another server.
    init(_ manager: SessionManager, sharing other: Visitor) {
        self.manager = manager
        jar = other.jar
    }

    var cookie: String? { jar.cookie.withLock { $0 } }

    @discardableResult
    func visit<Value>(_ handler: (Session) async throws -> Value) async throws -> Value {
        var request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
        if let cookie { request.headerFields[.cookie] = cookie }
        let exchange = manager.exchange(for: request)
        let value = try await handler(try await exchange.session())
        var fields = HTTPFields()
        try await exchange.finish(&fields)
        if let field = fields[.setCookie] {
            jar.cookie.withLock { $0 = field.split(separator: ";").first.map(String.init) }
        }
        return value
    }
}
#endif
