#if Redis
import HTTPTypes
import Logging
import Sessions
import Synchronization
import Testing

@testable import SessionsRedis

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension SentinelTests {
    /// What happens to a primary.
    enum Harm: String, CaseIterable, Sendable {
        case kill = "kill -9"
        case pause = "SIGSTOP"
        case failover = "SENTINEL FAILOVER"
        case plannedFailover = "CLIENT PAUSE WRITE, then SENTINEL FAILOVER"
    }

    @Test(
        "Requests go on after a failover; nothing is applied twice",
        .timeLimit(.minutes(3)),
        arguments: Harm.allCases
    )
    func failover(_ harm: Harm) async throws {
        try await SentinelServers.use { servers in
            let store = try await RedisSessionStore.open(servers.configuration)
            // Every failed request would be logged.
            let manager = try SessionManager(
                store: store,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
            let writers = try await Writers(manager)
            let primary = try await servers.primary
            let replica = try await servers.replica
            let process = try await primary.processID()
            let epoch = try await servers.epoch
            defer { if harm == .pause { kill(process, SIGCONT) } }

            try await withThrowingTaskGroup { group in
                for number in 0..<Writers.count { group.addTask { try await writers.write(number) } }
                #expect(await eventually(within: .seconds(5)) { writers.acknowledged > 200 })
                let start = ContinuousClock.now
                switch harm {
                case .kill: kill(process, SIGKILL)
                case .pause: kill(process, SIGSTOP)
                case .failover, .plannedFailover:
                    if harm == .plannedFailover { _ = try await primary.send("CLIENT", "PAUSE", "5000", "WRITE") }
                    _ = try await servers.sentinels[0].send("SENTINEL", "FAILOVER", "mymaster")
                }
                // When the first sentinel names the new primary.
                let isElected = await eventually(within: .seconds(20)) {
                    for sentinel in servers.sentinels {
                        let reply = try? await sentinel.send("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
                        if case .array(let parts) = reply, parts.last?.text == "\(replica.port)" { return true }
                    }
                    return false
                }
                #expect(isElected)
                let election = ContinuousClock.now
                // Writing to the new primary: seen there, and not by what the store says.
                #expect(await eventually(within: .seconds(10)) { await replica.isWrittenTo })
                let before = writers.acknowledged
                #expect(await eventually(within: .seconds(10)) { writers.acknowledged > before })
                let recovery = ContinuousClock.now
                #expect(recovery - election < .seconds(3))
                print(
                    "failover by \(harm.rawValue): elected after \(election - start), written \(recovery - election) later"
                )

                if harm == .pause {
                    // The old primary believes in itself until a sentinel tells it otherwise.
                    kill(process, SIGCONT)
                }
                await pause(.seconds(2))
                writers.stop()
                try await group.waitForAll()
            }
            let lost = writers.expectSound()
            // What nobody was told of cannot be lost; what the others lose is what replication loses. On a busy machine the
            // sentinels may take the new primary for dead as well.
            if harm == .plannedFailover, try await servers.epoch == epoch + 1 { #expect(lost == 0) }
            await store.shutDown()
            // The old primary becomes the replica.
            try await servers.becomeWell()
        }
    }
}

extension RedisNode {
    /// Whether a client has run one of our scripts here as its last command.
    fileprivate var isWrittenTo: Bool {
        get async {
            guard let text = try? await send("CLIENT", "LIST", "TYPE", "normal").text else { return false }
            return text.contains("cmd=evalsha") || text.contains("cmd=eval ")
        }
    }
}

/// Sixteen tasks that count in one session, each with a key of its own, so that each knows what it must find.
private final class Writers: Sendable {
    static let count = 16

    private struct State {
        var cookie: String?
        var isStopped = false
        var acknowledged = 0
        var failures: [String: Int] = [:]
        var lost = 0
        var problems: [String] = []
    }

    private let manager: SessionManager
    private let state = Mutex(State())

    init(_ manager: SessionManager) async throws {
        self.manager = manager
        try await request { session in session["begun"] = true }
    }

    var acknowledged: Int { state.withLock { $0.acknowledged } }

    func stop() { state.withLock { $0.isStopped = true } }

    private func request(_ body: (Session) async throws -> Void) async throws {
        var request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
        request.headerFields[.cookie] = state.withLock { $0.cookie }
        var fields = HTTPFields()
        try await manager.withSession(for: request, responseFields: &fields, body)
        guard let cookie = fields[.setCookie] else { return }
        state.withLock { state in
            if state.cookie != nil { state.problems.append("a request was given a new session") }
            state.cookie = String(cookie.prefix { $0 != ";" })
        }
    }

    func write(_ number: Int) async throws {
        let key = SessionKey<Int>("writer-\(number)")
        var expected = 0
        // The attempts since the last acknowledged one that failed, and may have taken effect all the same.
        var unknown = 0
        while !state.withLock({ $0.isStopped }) {
            do {
                var value = 0
                try await request { session in
                    value = try await session.commit { try $0.increment(key) }
                }
                state.withLock { state in
                    state.acknowledged += 1
                    if value > expected + unknown + 1 {
                        state.problems.append("writer \(number): \(value) after \(expected) and \(unknown) unknown")
                    }
                    state.lost += max(0, expected + 1 - value)
                }
                expected = value
                unknown = 0
            } catch {
                state.withLock { state in
                    let code = (error as? SessionError).map { "\($0.code)" }
                    if code != "unavailable" { state.problems.append("an error of another kind: \(error)") }
                    state.failures["\(code ?? "other")", default: 0] += 1
                }
                unknown += 1
                await pause(.milliseconds(10))
            }
        }
        let last = expected
        let mayBe = unknown
        try await request { session in
            let value = try session.value(for: key) ?? 0
            self.state.withLock { state in
                state.lost += max(0, last - value)
                if value > last + mayBe {
                    state.problems.append("writer \(number): \(value) at the end, after \(last)")
                }
            }
        }
    }

    /// - Returns: How many acknowledged increments are missing.
    func expectSound() -> Int {
        let (acknowledged, failures, lost, problems) = state.withLock {
            ($0.acknowledged, $0.failures, $0.lost, $0.problems)
        }
        print("acknowledged: \(acknowledged), lost by replication: \(lost), failed: \(failures)")
        #expect(problems.isEmpty)
        return lost
    }
}
#endif
