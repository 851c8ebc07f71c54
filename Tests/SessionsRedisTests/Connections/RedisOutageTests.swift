#if Redis
import NIOCore
import Sessions
import Synchronization
import Testing

@testable import SessionsRedis

/// N3 and DESIGN.md §5.9: a server that is gone for a while. Errors come in time, and nobody is logged out.
@Suite("A Redis server that goes away under load", .timeLimit(.minutes(2)))
struct RedisOutageTests {
    private static let timeout = Duration.seconds(1)
    private static let userCount = 16

    /// What a load has seen since it was asked last.
    private final class Observations: Sendable {
        private struct State {
            var failures: Set<SessionStoreError.Code> = []
            var slowest = Duration.zero
            /// Who has read and written.
            var served: Set<String> = []
        }

        private let state = Mutex(State())
        /// Whether the load is to end.
        let isOver = Atomic(false)

        func add(_ code: SessionStoreError.Code?, _ user: TestUser, after time: Duration) {
            state.withLock { state in
                if let code {
                    state.failures.insert(code)
                } else {
                    state.served.insert(user.name)
                }
                state.slowest = max(state.slowest, time)
            }
        }

        var servedCount: Int { state.withLock { $0.served.count } }
        var failures: Set<SessionStoreError.Code> { state.withLock { $0.failures } }
        var slowest: Duration { state.withLock { $0.slowest } }

        func reset() { state.withLock { $0 = State() } }
    }

    /// Runs `body` while all users read and write all the time.
    private func underLoad(
        _ store: RedisSessionStore,
        _ users: [TestUser],
        _ body: (Observations) async throws -> Void
    ) async throws {
        let observations = Observations()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for user in users {
                group.addTask {
                    while !observations.isOver.load(ordering: .relaxed) {
                        let start = ContinuousClock.now
                        let code = await failureCode {
                            // A session that is not there would be a logout.
                            let record = try #require(try await store.load(user))
                            #expect(record.subject == user.name)
                            _ = try await store.update(
                                user.record(revision: record.revision + 1),
                                id: user.id,
                                ifStamp: record.stamp,
                                now: TestUser.now
                            )
                        }
                        observations.add(code, user, after: ContinuousClock.now - start)
                        await wait(.milliseconds(1))
                    }
                }
            }
            defer { observations.isOver.store(true, ordering: .relaxed) }
            try await eventually("it works") { observations.servedCount == users.count }
            try await body(observations)
        }
    }

    private func run(_ body: (PrivateRedis, Observations) async throws -> Void) async throws {
        let users = (1...Self.userCount).map { TestUser("user \($0)") }
        try await PrivateRedis.run { server in
            var configuration = server.configuration(timeout: Self.timeout)
            configuration.connectionsPerServer = 2
            try await RedisSessionStore.run(configuration) { store in
                for user in users { _ = try await store.insert(user) }
                try await underLoad(store, users) { try await body(server, $0) }
                // Nothing hangs, and nobody was logged out.
                for user in users { #expect(try await store.load(user)?.subject == user.name) }
            }
        }
    }

    /// The most that an operation of two commands may take, on a machine that has other things to do too.
    private static let patience = timeout * 2 + .seconds(2)

    @Test("N3: killed and started again, three times")
    func killed() async throws {
        try await run { server, observations in
            for _ in 0..<3 {
                observations.reset()
                await server.kill()
                try await eventually("errors come") { !observations.failures.isEmpty }
                await wait(.seconds(1))
                #expect(observations.failures.isSubset(of: [.unavailable, .outcomeUnknown]))
                #expect(observations.slowest < Self.patience)
                try await server.start()
                observations.reset()
                try await eventually("it works again for all", within: .seconds(2)) {
                    observations.servedCount == Self.userCount
                }
            }
        }
    }

    @Test("N3: an encrypted connection on which nothing comes back is given up in time")
    func encrypted() async throws {
        let user = TestUser("a")
        var configuration = try TestServers.configuration("SESSIONS_REDIS_TLS_URL")
        guard case .single(let address) = configuration.topology.wrapped,
            case .host(_, let port) = address.wrapped
        else {
            Issue.record("not the address of one server")
            return
        }
        var tls = RedisSessionStore.TLS()
        tls.authorityFile = try TestServers.value("SESSIONS_REDIS_TLS_CA")
        configuration.tls = tls
        configuration.operationTimeout = Self.timeout
        configuration.connectTimeout = .seconds(20)
        try await UnreliableProxy.run(to: port) { proxy in
            configuration.topology = .single(.host("127.0.0.1", port: proxy.port))
            try await RedisSessionStore.run(configuration) { store in
                try await eventually("it works") { await failureCode { try await store.insert(user) } == nil }
                proxy.silenceAll()
                let time = await duration {
                    #expect(await failureCode { try await store.load(user) } == .unavailable)
                }
                #expect(time < Self.timeout + .seconds(2))
                // The next does not wait for the server to say goodbye to the last one.
                try await eventually("another connection works", within: .milliseconds(900)) {
                    await failureCode { try await store.load(user) } == nil
                }
            }
        }
    }

    @Test("N3: paused for two seconds")
    func paused() async throws {
        try await run { server, observations in
            observations.reset()
            await server.pause()
            await wait(.seconds(2))
            try await eventually("errors come") { observations.failures.contains(.unavailable) }
            #expect(observations.failures.isSubset(of: [.unavailable, .outcomeUnknown]))
            #expect(observations.slowest < Self.patience)
            await server.resume()
            observations.reset()
            try await eventually("it works again for all", within: .seconds(2)) {
                observations.servedCount == Self.userCount
            }
        }
    }
}
#endif
