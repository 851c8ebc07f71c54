#if Redis
import NIOCore
import Sessions
import Synchronization
import Testing

@testable import SessionsRedis

/// N2 and N4: whoever waits may give up at any time, and nobody gets the reply that was meant for somebody else.
@Suite("Deadlines and cancellation of Redis commands", .timeLimit(.minutes(2)))
struct RedisDeadlineTests {
    private func get(_ key: String) -> RESPCommand {
        var command = RESPCommand("GET")
        command.append(key)
        return command
    }

    /// A server that answers each `GET` with the key, after it was told to for keys that begin with `held`.
    private static let echo: FakeRedis.Script = { command in
        guard command.name == "GET" else { return nil }
        let reply = FakeRedis.bulk(ByteBuffer(string: command.text(1)))
        return command.text(1).hasPrefix("held") ? [.hold, reply] : [reply]
    }

    @Test("CVE-2023-28858, CVE-2025-29923: a reply that comes after the deadline is thrown away")
    func late() async throws {
        try await FakeRedis.run(Self.echo) { fake in
            let connection = fake.connection()
            _ = try await connection.send(get("first"), deadline: .now() + .seconds(20), isCancellable: true)
            for round in 0..<2 {
                let first = Task {
                    try await connection.send(
                        get("held \(round)"),
                        deadline: .now() + .seconds(1),
                        isCancellable: true
                    )
                }
                try await eventually("it is sent") { fake.commands("GET").contains { $0.text(1) == "held \(round)" } }
                await #expect(throws: RedisFailure.self) { try await first.value }
                async let second = connection.send(
                    get("second \(round)"),
                    deadline: .now() + .seconds(10),
                    isCancellable: true
                )
                try await eventually("it is sent") { fake.commands("GET").contains { $0.text(1) == "second \(round)" } }
                fake.release()
                #expect(try await second == .bulk(ByteBuffer(string: "second \(round)")))
            }
            #expect(fake.acceptedCount == 1)
            #expect(connection.pendingCount.load(ordering: .relaxed) == 0)
            try await connection.shutDown().get()
        }
    }

    @Test("CVE-2023-28858, CVE-2023-28859: the reply to a cancelled command is thrown away")
    func cancelled() async throws {
        let users = (1...40).map { TestUser("user \($0)") }
        try await FakeRedis.run { command in
            guard command.name == "GET", let user = users.first(where: { command.text(1).contains("\($0.id)") }) else {
                return nil
            }
            return command.text(1).contains("\(users[0].id)")
                ? [.hold, FakeRedis.bulk(user.value())] : [FakeRedis.bulk(user.value())]
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration()) { store in
                func load(_ user: TestUser) -> Task<String, Never> {
                    Task {
                        do {
                            return try await store.load(user)?.subject ?? "nobody"
                        } catch {
                            return "\((error as? SessionStoreError)?.code ?? .unsupported)"
                        }
                    }
                }
                // The first in line, so that it holds up all the others.
                var tasks = [load(users[0])]
                try await eventually("the first is sent") { fake.commands("GET").count == 1 }
                tasks += users.dropFirst().map(load)
                try await eventually("all are sent") { fake.commands("GET").count == users.count }
                for index in stride(from: 0, to: users.count, by: 2) { tasks[index].cancel() }
                // At once: the server has not answered anything yet.
                for index in stride(from: 0, to: users.count, by: 2) {
                    #expect(await tasks[index].value == "cancelled")
                }
                fake.release()
                for index in stride(from: 1, to: users.count, by: 2) {
                    #expect(await tasks[index].value == users[index].name)
                }
                #expect(try await store.load(users[1])?.subject == users[1].name)
                #expect(fake.acceptedCount == 1)
            }
        }
    }

    @Test("N4: a task that is cancelled before it begins sends nothing, or throws its reply away")
    func cancelledBefore() async throws {
        let user = TestUser("a")
        try await FakeRedis.run { _ in
            nil
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration()) { store in
                _ = try await store.insert(user)
                let code = await Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return await failureCode { try await store.load(user) }
                }.value
                #expect(code == .cancelled)
                #expect(try await store.load(user)?.subject == "a")
                #expect(fake.acceptedCount == 1)
            }
        }
    }

    @Test("N4: a write whose task is cancelled is carried through")
    func cancelledWrite() async throws {
        let user = TestUser("a")
        try await FakeRedis.run {
            $0.name == "SET" ? [.hold, .say("+OK\r\n")] : nil
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration()) { store in
                let task = Task { try await store.insert(user) }
                try await eventually("it is sent") { !fake.commands("SET").isEmpty }
                task.cancel()
                fake.release()
                #expect(try await task.value == .inserted)
            }
        }
    }

    @Test("When the oldest command is overdue, the connection ends for all that were sent")
    func overdue() async throws {
        let (alice, bob) = (TestUser("alice"), TestUser("bob"))
        let silenced = Atomic(0)
        try await FakeRedis.run {
            $0.connection == silenced.load(ordering: .relaxed) ? [] : nil
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration(timeout: .seconds(2))) { store in
                try await eventually("it works") { await failureCode { try await store.checkHealth() } == nil }
                let connection = try #require(fake.openConnections.max())
                silenced.store(connection, ordering: .relaxed)
                let start = ContinuousClock.now
                async let first = failureCode { try await store.load(alice) }
                try await eventually("the first is sent") { fake.commands("GET").count == 1 }
                await wait(.seconds(1))
                // Sent later, and told as soon as the first is overdue, not after all of the time that they have.
                async let read = failureCode { try await store.load(bob) }
                async let write = failureCode { try await store.insert(bob) }
                #expect(await first == .unavailable)
                #expect(await read == .unavailable)
                #expect(await write == .outcomeUnknown)
                let time = ContinuousClock.now - start
                #expect(.milliseconds(1_900)...(.seconds(4)) ~= time)
                try await eventually("the connection is closed") { !fake.openConnections.contains(connection) }
                try await eventually("another connection works") {
                    await failureCode { try await store.load(alice) } == nil
                }
            }
        }
    }

    @Test("A deadline that is earlier than that of the command before is kept")
    func earlier() async throws {
        try await FakeRedis.run(Self.echo) { fake in
            let connection = fake.connection()
            let first = Task {
                try await connection.send(get("held"), deadline: .now() + .seconds(10), isCancellable: true)
            }
            try await eventually("the first is sent") { fake.commands("GET").count == 1 }
            let time = await duration {
                await #expect(throws: RedisFailure.self) {
                    try await connection.send(
                        get("second"),
                        deadline: .now() + .milliseconds(100),
                        isCancellable: true
                    )
                }
            }
            #expect(time < .seconds(5))
            fake.release()
            #expect(try await first.value == .bulk(ByteBuffer(string: "held")))
            try await connection.shutDown().get()
        }
    }

    @Test("Every deadline is kept while the connection is opened, however long that takes")
    func connecting() async throws {
        try await FakeRedis.run { _ in
            []
        } _: { fake in
            var configuration = fake.configuration(timeout: .seconds(1))
            configuration.connectTimeout = .seconds(20)
            try await RedisSessionStore.run(configuration) { store in
                let time = await duration {
                    await withTaskGroup(of: Void.self) { group in
                        for number in 0..<5 {
                            group.addTask {
                                await wait(.milliseconds(Int64(20 * number)))
                                let user = TestUser("\(number)")
                                #expect(await failureCode { try await store.insert(user) } == .unavailable)
                            }
                        }
                    }
                }
                #expect(time < .seconds(4))
                #expect(fake.acceptedCount == 1)
            }
        }
    }

    @Test("N10: more commands than may wait fail at once; it works again when replies have come")
    func limit() async throws {
        let users = (1...16).map { TestUser("\($0)") }
        try await FakeRedis.run {
            $0.name == "GET" && $0.connection == 1 ? [.hold, .say("_\r\n")] : nil
        } _: { fake in
            var configuration = fake.configuration()
            configuration.maximumPendingCommands = 16
            try await RedisSessionStore.run(configuration) { store in
                let tasks = users.map { user in Task { await failureCode { try await store.load(user) } } }
                try await eventually("all are in line") { fake.commands("GET").count == 16 }
                // A command that its caller has given up still takes its place.
                tasks[0].cancel()
                #expect(await tasks[0].value == .cancelled)
                let time = await duration {
                    let error = await failure { try await store.insert(users[0]) }
                    #expect(error?.code == .unavailable)
                    #expect(error?.message.contains("16 commands") == true)
                }
                #expect(time < .seconds(5))
                fake.release()
                for task in tasks.dropFirst() { #expect(await task.value == nil) }
                #expect(try await store.insert(users[0]) == .inserted)
                #expect(fake.acceptedCount == 1)
            }
        }
    }
}
#endif
