#if Redis
import HTTPTypes
import NIOCore
import Sessions
import Synchronization
import Testing

@testable import SessionsRedis

/// The near cache behind a connection, with a server that does what a real one never or seldom does.
@Suite("The near cache and its connection", .timeLimit(.minutes(1)))
struct NearCacheConnectionTests {
    private let user = TestUser("ada")

    private func withStore<Value>(
        on fake: FakeRedis,
        _ change: (inout RedisSessionStore.Configuration) -> Void = { _ in },
        _ body: (RedisSessionStore) async throws -> Value
    ) async throws -> Value {
        var configuration = fake.configuration()
        configuration.nearCache = .init()
        change(&configuration)
        return try await RedisSessionStore.run(configuration, body)
    }

    private func cached(_ store: RedisSessionStore) -> SessionRecord? {
        store.residentRecord(user.id, now: TestUser.now)
    }

    private func invalidation() -> String {
        let key = "sessions:{\(user.id)}"
        return ">2\r\n$10\r\ninvalidate\r\n*1\r\n$\(key.utf8.count)\r\n\(key)\r\n"
    }

    // MARK: Tracking

    @Test("Nothing is asked before the server has acknowledged that it tracks what is read")
    func acknowledged() async throws {
        try await FakeRedis.run { command in
            command.name == "CLIENT" && command.text(1) == "TRACKING" ? [.hold, .say("+OK\r\n")] : nil
        } _: { fake in
            try await withStore(on: fake) { store in
                async let outcome = store.insert(user)
                try await eventually("tracking is asked for") { !fake.commands("CLIENT").isEmpty }
                await wait(.milliseconds(50))
                #expect(fake.commands("SET").isEmpty)
                fake.release()
                #expect(try await outcome == .inserted)
                let tracking = try #require(fake.commands("CLIENT").first)
                #expect((1..<5).map(tracking.text) == ["TRACKING", "ON", "OPTOUT", ""])
                #expect(try await store.load(user) != nil)
                try await eventually("it is kept") { cached(store) != nil }
            }
        }
    }

    @Test("A server that does not track is of no use, and the error says why")
    func refused() async throws {
        try await FakeRedis.run { command in
            command.name == "CLIENT" ? [.say("-NOPERM this user has no permissions to run 'client|tracking'\r\n")] : nil
        } _: { fake in
            try await withStore(on: fake) { store in
                let error = await failure { try await store.load(user) }
                #expect(error?.code == .misconfigured)
                #expect(fake.commands("GET").isEmpty)
                #expect(cached(store) == nil)
            }
        }
    }

    @Test("What is not kept is not tracked")
    func untracked() async throws {
        try await FakeRedis.run { command in
            command.name == "SCAN" ? [.say("*2\r\n$1\r\n0\r\n*0\r\n")] : nil
        } _: { fake in
            try await withStore(on: fake) { store in
                #expect(try await store.count(now: TestUser.now) == 0)
                #expect(fake.commands("CLIENT").map { $0.text(2) } == ["ON", "NO"])
                _ = try await store.load(user)
                #expect(fake.commands("CLIENT").count == 2)
            }
        }
    }

    // MARK: Order

    @Test("A reply is kept when it comes, also if nobody waits for it any more")
    func nobodyWaits() async throws {
        let value = user.value()
        try await FakeRedis.run {
            $0.name == "GET" ? [.hold, FakeRedis.bulk(value)] : nil
        } _: { fake in
            try await withStore(on: fake) { store in
                let load = Task { try await store.load(user) }
                try await eventually("it is sent") { !fake.commands("GET").isEmpty }
                load.cancel()
                #expect(await failureCode { try await load.value } == .cancelled)
                #expect(cached(store) == nil)
                fake.release()
                try await eventually("it is kept") { cached(store) != nil }
            }
        }
    }

    @Test("A message that comes right behind a reply counts, however long the reply's task takes to wake")
    func order() async throws {
        var answer = ByteBuffer()
        answer.writeString("$\(user.value().readableBytes)\r\n")
        answer.writeImmutableBuffer(user.value())
        answer.writeString("\r\n\(invalidation())")
        let bytes = answer
        try await FakeRedis.run {
            $0.name == "GET" ? [.send(bytes)] : nil
        } _: { fake in
            try await withStore(on: fake) { store in
                for _ in 0..<200 { #expect(try await store.load(user) != nil) }
                try await store.checkHealth()
                #expect(cached(store) == nil)
            }
        }
    }

    @Test("While a commit is under way nothing is served, and afterwards its record, once it is confirmed")
    func commit() async throws {
        let value = user.value()
        let record = user.record(revision: 2)
        let head = record.stored(under: user.id).getSlice(at: 0, length: RedisStoredRecord.headLength)
        let invalidation = invalidation()
        try await FakeRedis.run { command in
            switch command.name {
            case "GET": [FakeRedis.bulk(value)]
            case "EVALSHA": [.hold, .say(":1\r\n"), .say(invalidation)]
            case "GETRANGE": [FakeRedis.bulk(head)]
            default: nil
            }
        } _: { fake in
            try await withStore(on: fake) { store in
                let old = try #require(try await store.load(user))
                try await eventually("it is kept") { cached(store) == old }
                async let outcome = store.update(record, id: user.id, ifStamp: old.stamp, now: TestUser.now)
                try await eventually("it is sent") { !fake.commands("EVALSHA").isEmpty }
                #expect(cached(store) == nil)
                fake.release()
                #expect(try await outcome == .updated)
                try await eventually("it is served") { cached(store) == record }
                #expect(fake.commands("GET").count == 1)
            }
        }
    }

    // MARK: Lost connections

    @Test("A lost connection takes its records with it, and nobody is told of the loss before they are gone")
    func lost() async throws {
        let value = user.value()
        let other = TestUser("eve")
        try await FakeRedis.run { command in
            guard command.name == "GET" else { return nil }
            return command.text(1).contains("\(other.id)") ? [.reset] : [FakeRedis.bulk(value)]
        } _: { fake in
            try await withStore(on: fake) { store in
                for round in 1...4 {
                    // The pause after a loss is over at some time.
                    try await eventually("it is loaded") { (try? await store.load(user)) != nil }
                    try await eventually("it is kept") { cached(store) != nil }
                    #expect(await failureCode { try await store.load(other) } == .unavailable)
                    #expect(cached(store) == nil)
                    #expect(fake.acceptedCount == round)
                }
            }
        }
    }

    @Test("After a change of which nobody knows whether it happened, nothing is served", arguments: [true, false])
    func unknown(isCommit: Bool) async throws {
        let value = user.value()
        try await FakeRedis.run { command in
            switch command.name {
            case "GET": [FakeRedis.bulk(value)]
            case "EVALSHA": [.reset]
            default: nil
            }
        } _: { fake in
            try await withStore(on: fake) { store in
                let old = try #require(try await store.load(user))
                try await eventually("it is kept") { cached(store) == old }
                let new = user.record(revision: 2)
                let code = await failureCode { () async throws in
                    if isCommit {
                        _ = try await store.update(new, id: user.id, ifStamp: old.stamp, now: TestUser.now)
                    } else {
                        _ = try await store.delete(user.id, ifStamp: old.stamp, now: TestUser.now)
                    }
                }
                #expect(code == .outcomeUnknown)
                #expect(cached(store) == nil)
            }
        }
    }

    @Test("Nor after one on the connection that waits for replicas, which the other outlives")
    func unknownAwaiting() async throws {
        let value = user.value()
        try await FakeRedis.run { command in
            switch command.name {
            case "GET": [FakeRedis.bulk(value)]
            case "EVALSHA": [.hold, .reset]
            default: nil
            }
        } _: { fake in
            try await withStore(on: fake) {
                $0.replication = .init()
            } _: { store in
                let old = try #require(try await store.load(user))
                async let code = failureCode {
                    try await store.delete(user.id, ifStamp: old.stamp, now: TestUser.now)
                }
                try await eventually("it is sent") { !fake.commands("EVALSHA").isEmpty }
                // Read again before the server has come to it.
                _ = try await store.load(user)
                try await eventually("it is kept") { cached(store) == old }
                fake.release()
                #expect(await code == .outcomeUnknown)
                #expect(cached(store) == nil)
                try await eventually("that connection is lost") { fake.openConnections == [1] }
            }
        }
    }

    // MARK: Reading past it

    @Test("A session that is asked for fresh is the server's, whatever is kept")
    func fresh() async throws {
        let isGone = Atomic(false)
        try await FakeRedis.run { command in
            command.name == "GET" && isGone.load(ordering: .relaxed) ? [.say("_\r\n")] : nil
        } _: { fake in
            try await withStore(on: fake) { store in
                let manager = try SessionManager(store: store)
                var request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
                var fields = HTTPFields()
                let first = manager.exchange(for: request)
                try await first.session()["n"] = 1
                try await first.finish(&fields)
                request.headerFields[.cookie] = fields[.setCookie]?.split(separator: ";").first.map(String.init)
                let id = try #require(try await manager.exchange(for: request).session().id)
                try await eventually("it is kept") { store.residentRecord(id, now: TestUser.now) != nil }
                let loads = fake.commands("GET").count

                // Ended elsewhere, and the message is long on its way.
                isGone.store(true, ordering: .relaxed)
                let exchange = manager.exchange(for: request)
                #expect(try await exchange.session().exists)
                #expect(fake.commands("GET").count == loads)
                let isThere = try await exchange.session(.fresh).exists
                #expect(!isThere)
                #expect(fake.commands("GET").count == loads + 1)
            }
        }
    }
}
#endif
