#if Redis
import NIOCore
import Sessions
import Synchronization
import Testing

@testable import SessionsRedis

/// N1: what a server says that it must not. The connection is closed, whoever waits on it gets an error, and the next
/// command goes through on another connection.
@Suite("A Redis server that answers nonsense", .timeLimit(.minutes(2)))
struct RedisHostileReplyTests {
    struct Nonsense: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: ByteBuffer

        init(_ testDescription: String, _ text: String) {
            self.testDescription = testDescription
            bytes = ByteBuffer(string: text)
        }

        init(garbage seed: UInt64) {
            testDescription = "garbage \(seed)"
            var numbers = SeededNumbers(state: seed)
            // Neither a type that needs more bytes to be wrong, nor one that is right.
            let first = UInt8.random(in: 128...255, using: &numbers)
            bytes = ByteBuffer(bytes: [first] + (0..<64).map { _ in numbers.next() })
        }

        static let all =
            [
                Nonsense("a length of ten gigabytes", "$9999999999\r\n"),
                Nonsense("a length without end", "$99999999999999999999999999999999\r\n"),
                Nonsense("two billion elements", "*2147483647\r\n"),
                Nonsense("a negative length", "$-2\r\n"),
                Nonsense("a negative number of elements", "*-5\r\n"),
                Nonsense("nested too deeply", String(repeating: "*1\r\n", count: 100)),
                Nonsense("a push in a reply", "*1\r\n>1\r\n+a\r\n"),
                Nonsense("no end of line after a string", "$3\r\nabcdef\r\n"),
                Nonsense("a line without end", "+" + String(repeating: "a", count: 1 << 17)),
                Nonsense("a map", "%1\r\n+a\r\n+b\r\n"),
                Nonsense("a number", ":1\r\n"),
                Nonsense("a status", "+OK\r\n"),
                Nonsense("an array", "*1\r\n$1\r\na\r\n"),
            ] + (1...20).map { Nonsense(garbage: $0) }
    }

    @Test("N1: whoever waits gets an error, and the next command works", arguments: Nonsense.all)
    func nonsense(_ nonsense: Nonsense) async throws {
        let users = (1...4).map { TestUser("user \($0)") }
        let count = Atomic(0)
        try await FakeRedis.run { command in
            guard command.name == "GET", command.connection == 1 else { return nil }
            guard count.add(1, ordering: .relaxed).newValue == users.count else { return [] }
            // What comes behind it would be the answer to the next command, and is somebody else's.
            return [.send(nonsense.bytes), FakeRedis.bulk(users[0].value())]
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration()) { store in
                let time = try await duration {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for user in users {
                            group.addTask {
                                let error = await failure { try await store.load(user) }
                                #expect(error?.code == .unavailable)
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                // It is seen to be nonsense, not waited for.
                #expect(time < .seconds(10))
                try await eventually("the connection is closed") { !fake.openConnections.contains(1) }
                try await eventually("another connection works") {
                    await failureCode { try await store.load(users[1]) } == nil
                }
                #expect(fake.openConnections == [2])
            }
        }
    }

    @Test("N1: a write that is answered with nonsense may have been executed")
    func outcome() async throws {
        let user = TestUser("a")
        try await FakeRedis.run {
            $0.name == "SET" && $0.connection == 1 ? [.say(":7\r\n")] : nil
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration()) { store in
                #expect(await failureCode { try await store.insert(user) } == .outcomeUnknown)
                try await eventually("another connection works") {
                    await failureCode { try await store.insert(user) } == nil
                }
            }
        }
    }

    @Test("N1: pushes and attributes between replies belong to no command")
    func pushes() async throws {
        let users = (1...50).map { TestUser("user \($0)") }
        let push = ">2\r\n+message\r\n*1\r\n$1\r\na\r\n"
        let attribute = "|1\r\n+ttl\r\n:3600\r\n"
        try await FakeRedis.run { command in
            guard command.name == "GET", let user = users.first(where: { command.text(1).contains("\($0.id)") }) else {
                return nil
            }
            return [.say(push), .say(attribute), FakeRedis.bulk(user.value()), .say(push)]
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration()) { store in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for user in users {
                        group.addTask {
                            let record = try await store.load(user)
                            #expect(record?.subject == user.name)
                        }
                    }
                    try await group.waitForAll()
                }
                fake.say(push)
                #expect(try await store.load(users[0])?.subject == users[0].name)
                #expect(fake.acceptedCount == 1)
            }
        }
    }

    @Test("N1: a reply that nobody asked for closes the connection, before a command can get it")
    func unasked() async throws {
        let (alice, bob) = (TestUser("alice"), TestUser("bob"))
        try await FakeRedis.run { _ in
            nil
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration()) { store in
                _ = try await store.insert(alice)
                fake.say("_\r\n")
                try await eventually("the connection is closed") { fake.openConnections.isEmpty }
                try await eventually("another connection works") {
                    await failureCode { try await store.load(alice) } == nil
                }
                #expect(try await store.load(alice)?.subject == "alice")
                #expect(try await store.load(bob) == nil)
            }
        }
    }

    @Test("N1: what came before a command was sent is no reply to it")
    func tooEarly() async throws {
        let user = TestUser("a")
        try await FakeRedis.run { command in
            // In one piece with the answer to HELLO, after which the commands that wait are sent.
            command.name == "HELLO" && command.connection == 1 ? [.say(FakeRedis.hello + "_\r\n")] : nil
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration()) { store in
                // It must not say that there is no such session.
                #expect(await failureCode { try await store.load(user) } == .unavailable)
                try await eventually("another connection works") {
                    await failureCode { try await store.insert(user) } == nil
                }
                #expect(try await store.load(user)?.subject == "a")
            }
        }
    }

    @Test("N1: a server that leaves a reply out never shows one user what another has")
    func omitted() async throws {
        let (alice, bob) = (TestUser("alice"), TestUser("bob"))
        try await FakeRedis.run { command in
            guard command.name == "GET", command.connection == 1 else { return nil }
            return command.text(1).contains("\(alice.id)") ? [] : [FakeRedis.bulk(bob.value())]
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration(timeout: .seconds(3))) { store in
                try await eventually("it works") { await failureCode { try await store.insert(alice) } == nil }
                async let first = failureCode { try await store.load(alice) }
                try await eventually("the first is sent") { !fake.commands("GET").isEmpty }
                #expect(await failureCode { try await store.load(bob) } == .unavailable)
                #expect(await first == .corruptRecord)
                try await eventually("the connection is closed") { !fake.openConnections.contains(1) }
            }
        }
    }
}
#endif
