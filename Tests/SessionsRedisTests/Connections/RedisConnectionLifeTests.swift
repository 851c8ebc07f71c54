#if Redis
import Logging
import NIOCore
import NIOPosix
import Sessions
import Synchronization
import Testing

@testable import SessionsRedis

@Suite("The life of a Redis connection", .timeLimit(.minutes(2)))
struct RedisConnectionLifeTests {
    private func get(_ key: String) -> RESPCommand {
        var command = RESPCommand("GET")
        command.append(key)
        return command
    }

    private func makeStore(_ fake: FakeRedis) throws -> RedisSessionStore {
        try RedisSessionStore.make(fake.configuration(), on: .singleton, logger: Logger(label: "test"))
    }

    // MARK: The end

    @Test("A store that is dropped without being shut down closes its connections")
    func dropped() async throws {
        try await FakeRedis.run { fake in
            var configuration = fake.configuration()
            configuration.connectionsPerServer = 3
            configuration.nearCache = .init()
            for _ in 0..<3 {
                let store = try RedisSessionStore.make(configuration, on: .singleton, logger: Logger(label: "test"))
                for number in 0..<20 { _ = try await store.load(TestUser("\(number)")) }
                #expect(fake.openConnections.count >= 3)
            }
            try await eventually("the connections are closed") { fake.openConnections.isEmpty }
        }
    }

    @Test("So does one that is dropped while it connects, and one with a command that nobody waits for")
    func droppedEarly() async throws {
        try await FakeRedis.run {
            $0.name == "HELLO" ? [.hold, .say(FakeRedis.hello)] : nil
        } _: { fake in
            do {
                let (store, user) = (try makeStore(fake), TestUser("a"))
                store.touchLater(user.id, ifStamp: user.record().stamp, expiresAt: TestUser.now, now: TestUser.now)
            }
            await wait(.milliseconds(50))
            fake.release()
            try await eventually("no connection is left") { fake.openConnections.isEmpty }
        }
    }

    @Test("shutDown while connecting: whoever waits is told so, and the connection that comes late is closed")
    func shutDownWhileConnecting() async throws {
        let user = TestUser("a")
        try await FakeRedis.run {
            $0.name == "HELLO" ? [.hold, .say(FakeRedis.hello)] : nil
        } _: { fake in
            let store = try makeStore(fake)
            async let read = failureCode { try await store.load(user) }
            async let write = failureCode { try await store.insert(user) }
            try await eventually("it connects") { !fake.commands("HELLO").isEmpty }
            await store.shutDown()
            #expect(await read == .shutDown)
            #expect(await write == .shutDown)
            fake.release()
            try await eventually("the connection is closed") { fake.openConnections.isEmpty }
            #expect(fake.commands("SET").isEmpty)
            #expect(await failureCode { try await store.load(user) } == .shutDown)
            await store.shutDown()
            #expect(fake.acceptedCount == 1)
        }
    }

    @Test("shutDown with a write under way: nobody knows what becomes of it")
    func shutDownWhileWriting() async throws {
        let user = TestUser("a")
        try await FakeRedis.run {
            $0.name == "SET" ? [] : nil
        } _: { fake in
            let store = try makeStore(fake)
            async let write = failureCode { try await store.insert(user) }
            try await eventually("it is sent") { !fake.commands("SET").isEmpty }
            await store.shutDown()
            #expect(await write == .outcomeUnknown)
            try await eventually("the connection is closed") { fake.openConnections.isEmpty }
        }
    }

    @Test("A connection that is lost is opened anew by the next command")
    func again() async throws {
        let user = TestUser("a")
        try await FakeRedis.run {
            $0.name == "SET" ? [.say("+OK\r\n"), .close] : nil
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration()) { store in
                for number in 1...3 {
                    try await eventually("it works") { await failureCode { try await store.insert(user) } == nil }
                    try await eventually("it is closed") { fake.openConnections.isEmpty }
                    #expect(fake.acceptedCount == number)
                }
            }
        }
    }

    @Test("What comes while an attempt fails is no reason for another one before its time")
    func noneBeforeItsTime() async throws {
        try await FakeRedis.run {
            $0.name == "HELLO" ? [.hold] : nil
        } _: { fake in
            let connection = fake.connection()
            let replies = [RedisReply(), RedisReply()]
            let outgoing = replies.map {
                RedisConnection.Outgoing(command: get("a"), reply: $0, deadline: .now() + .seconds(10))
            }
            try connection.enqueue([outgoing[0]])
            try await eventually("it connects") { !fake.commands("HELLO").isEmpty }
            let failure = RedisFailure(.unanswered, "the end of the first attempt")
            // In this order, with nothing in between: the second is in line and not fetched when the attempt fails.
            try await connection.eventLoop.submit {
                try connection.enqueue([outgoing[1]])
                connection.becomeClosed(RedisChannelHandler(connection, connection.target, attempt: 1), failure)
            }.get()
            for reply in replies { #expect(await reply.value() == .failure(failure.beforeSending)) }
            #expect(fake.acceptedCount == 1)
            try await connection.shutDown().get()
        }
    }

    // MARK: Groups

    /// Sends a group while the connection is being opened, which takes until `body` has returned.
    private func send(
        _ group: [RedisConnection.Outgoing],
        _ body: () async throws -> Void
    ) async throws -> [String] {
        try await FakeRedis.run {
            $0.name == "HELLO" ? [.hold, .say(FakeRedis.hello)] : nil
        } _: { fake in
            let connection = fake.connection()
            try connection.enqueue(group)
            try await eventually("it connects") { !fake.commands("HELLO").isEmpty }
            try await body()
            fake.release()
            // What is sent later than the group shows that the group was sent or never will be.
            _ = try await connection.send(get("last"), deadline: .now() + .seconds(60), isCancellable: false)
            try await connection.shutDown().get()
            #expect(connection.pendingCount.load(ordering: .relaxed) == 0)
            return fake.commands("GET").map { $0.text(1) }
        }
    }

    @Test("A group of which only a part is still waited for is sent whole")
    func partlySettled() async throws {
        let replies = [RedisReply(), RedisReply()]
        let group = zip(["asking", "command"], replies).map {
            RedisConnection.Outgoing(command: get($0), reply: $1, deadline: .now() + .seconds(60))
        }
        let sent = try await send(group) { replies[0].settle(.failure(RedisFailure(.cancelled, ""))) }
        #expect(sent == ["asking", "command", "last"])
        #expect(await replies[1].value() == .success(.null))
    }

    @Test("A group that nobody waits for any more is not sent")
    func settled() async throws {
        let replies = [RedisReply(), RedisReply()]
        let group = zip(["asking", "command"], replies).map {
            RedisConnection.Outgoing(command: get($0), reply: $1, deadline: .now() + .seconds(60))
        }
        let sent = try await send(group) {
            for reply in replies { reply.settle(.failure(RedisFailure(.cancelled, ""))) }
        }
        #expect(sent == ["last"])
    }

    @Test("A group of which a part is too late is not sent at all", arguments: [0, 1])
    func partlyLate(_ late: Int) async throws {
        let replies = [RedisReply(), RedisReply()]
        let group = replies.indices.map {
            RedisConnection.Outgoing(
                command: get("\($0)"),
                reply: replies[$0],
                deadline: .now() + ($0 == late ? .milliseconds(20) : .seconds(60))
            )
        }
        let sent = try await send(group) { await wait(.milliseconds(200)) }
        #expect(sent == ["last"])
        for reply in replies {
            guard case .failure(let failure) = await reply.value() else {
                Issue.record("a command was executed whose partner was not")
                continue
            }
            #expect(failure.fate == .notExecuted)
        }
    }
}
#endif
