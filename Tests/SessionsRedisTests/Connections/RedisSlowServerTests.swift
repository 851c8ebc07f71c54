#if Redis
import NIOCore
import Sessions
import Synchronization
import Testing

@testable import SessionsRedis

/// N2 and N3: servers that are slow, hang, or hang up. Everything ends within the time that an operation has.
@Suite("A Redis server that hangs or hangs up", .timeLimit(.minutes(2)))
struct RedisSlowServerTests {
    private static let timeout = Duration.seconds(2)
    /// What a machine that has other things to do may take longer.
    private static let patience = Duration.seconds(2)

    struct Fault: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Whether it shows at once, so that nobody has to wait for the deadline.
        var isSeenAtOnce = false
        let steps: [FakeRedis.Step]

        static let replies = [
            Fault(testDescription: "never answers", steps: []),
            Fault(testDescription: "stalls after the header", steps: [.say("$300\r\n")]),
            Fault(testDescription: "stalls within a header", steps: [.say("$30")]),
            Fault(testDescription: "stalls before the end of a line", steps: [.say("$3\r\nabc\r")]),
            Fault(testDescription: "drips", steps: FakeRedis.Step.drip(longReply, every: .milliseconds(10))),
            Fault(testDescription: "sends pushes and no reply", steps: pushes),
            Fault(testDescription: "closes before it answers", isSeenAtOnce: true, steps: [.close]),
            Fault(testDescription: "closes within a reply", isSeenAtOnce: true, steps: [.say("$300\r\nabc"), .close]),
            Fault(testDescription: "resets", isSeenAtOnce: true, steps: [.reset]),
            Fault(testDescription: "resets within a reply", isSeenAtOnce: true, steps: [.say("$300\r\nabc"), .reset]),
        ]

        private static let longReply = "$1000\r\n" + String(repeating: "a", count: 1_000) + "\r\n"
        private static let pushes = Array(
            repeating: [FakeRedis.Step.say(">1\r\n+a\r\n"), .pause(.milliseconds(10))],
            count: 1_000
        ).flatMap(\.self)
    }

    @Test("N2, N3: within a reply", arguments: Fault.replies, [true, false])
    func reply(_ fault: Fault, isRead: Bool) async throws {
        let user = TestUser("a")
        let faulty = Atomic(0)
        try await FakeRedis.run { command in
            let isFaulty = command.connection == faulty.load(ordering: .relaxed)
            return isFaulty && ["GET", "SET"].contains(command.name) ? fault.steps : nil
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration(timeout: Self.timeout)) { store in
                try await eventually("it works") { await failureCode { try await store.load(user) } == nil }
                let connection = try #require(fake.openConnections.max())
                faulty.store(connection, ordering: .relaxed)
                let time = await duration {
                    if isRead {
                        #expect(await failureCode { try await store.load(user) } == .unavailable)
                    } else {
                        #expect(await failureCode { try await store.insert(user) } == .outcomeUnknown)
                    }
                }
                #expect(time < (fault.isSeenAtOnce ? Self.timeout : Self.timeout + Self.patience))
                try await eventually("the connection is closed") { !fake.openConnections.contains(connection) }
                try await eventually("another connection works") {
                    await failureCode { try await store.load(user) } == nil
                }
                #expect(fake.openConnections.count == 1)
            }
        }
    }

    @Test("N3: while the connection is opened", arguments: Fault.replies, [true, false])
    func handshake(_ fault: Fault, isRead: Bool) async throws {
        let user = TestUser("a")
        try await FakeRedis.run { command in
            command.name == "HELLO" && command.connection == 1 ? fault.steps : nil
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration(timeout: Self.timeout)) { store in
                let time = await duration {
                    // Nothing was sent, so it is no question what became of it.
                    #expect(
                        await failureCode {
                            if isRead { _ = try await store.load(user) } else { _ = try await store.insert(user) }
                        } == .unavailable
                    )
                }
                #expect(time < Self.timeout + Self.patience)
                try await eventually("another connection works") {
                    await failureCode { try await store.insert(user) } == nil
                }
                #expect(fake.commands("SET").allSatisfy { $0.connection > 1 })
                try await eventually("the first connection is closed") { !fake.openConnections.contains(1) }
            }
        }
    }

    @Test("N3: no storm of attempts on a server that takes connections and closes them")
    func storm() async throws {
        let user = TestUser("a")
        try await FakeRedis.run(
            { _ in nil },
            greeting: { _ in [.close] },
            { fake in
                try await RedisSessionStore.run(fake.configuration()) { store in
                    let end = ContinuousClock.now + .seconds(2)
                    while ContinuousClock.now < end {
                        await withTaskGroup(of: Void.self) { group in
                            for _ in 0..<16 {
                                group.addTask {
                                    #expect(await failureCode { try await store.insert(user) } == .unavailable)
                                }
                            }
                        }
                        await wait(.milliseconds(1))
                    }
                    // After pauses of at least 25, 50, 100, 200, 400, 500 and 500 ms.
                    #expect(2...9 ~= fake.acceptedCount)
                }
            }
        )
    }

    @Test(
        "HELLO refused",
        arguments: [
            ("-ERR unknown command 'HELLO'", .misconfigured, "RESP3"), ("-NOPROTO no", .misconfigured, "RESP3"),
            ("-NOAUTH 5ecret", .misconfigured, "password"), ("-WRONGPASS 5ecret", .misconfigured, "password"),
            ("-NOPERM 5ecret", .misconfigured, "ACL"), ("-LOADING 5ecret", .unavailable, "loading"),
            ("-MASTERDOWN 5ecret", .unavailable, "primary"), ("-DENIED 5ecret", .misconfigured, "protected"),
            ("-ERR max number of clients reached", .unavailable, "maxclients"),
            ("-ERR 5ecret", .unavailable, "refuses"), ("+OK", .unavailable, "HELLO"), ("*0", .unavailable, "HELLO"),
        ] as [(String, SessionStoreError.Code, String)]
    )
    func refused(reply: String, code: SessionStoreError.Code, word: String) async throws {
        let user = TestUser("a")
        try await FakeRedis.run {
            $0.name == "HELLO" ? [.say(reply + "\r\n")] : nil
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration()) { store in
                let error = await failure { try await store.insert(user) }
                #expect(error?.code == code)
                #expect(error?.message.contains(word) == true)
                #expect(error?.message.contains("127.0.0.1:\(fake.port)") == true)
                #expect(!everythingShown(of: error as Any).contains(testSecret))
                // And again at once, while it is too early for the next attempt.
                #expect(await failureCode { try await store.insert(user) } == code)
                #expect(fake.commands("SET").isEmpty)
            }
        }
    }

    @Test("open() tells what is wrong, and leaves no connection behind")
    func open() async throws {
        try await FakeRedis.run {
            $0.name == "EVAL" ? [.say("-NOPERM no\r\n")] : nil
        } _: { fake in
            let error = await failure { try await RedisSessionStore.open(fake.configuration()) }
            #expect(error?.code == .misconfigured)
            #expect(error?.message.contains("+@scripting") == true)
            try await eventually("the connections are closed") { fake.openConnections.isEmpty }
        }
        try await FakeRedis.run { _ in
            []
        } _: { fake in
            let configuration = fake.configuration(timeout: Self.timeout)
            let time = await duration {
                #expect(await failureCode { try await RedisSessionStore.open(configuration) } == .unavailable)
            }
            #expect(time < Self.timeout + Self.patience)
            try await eventually("the connections are closed") { fake.openConnections.isEmpty }
        }
    }
}
#endif
