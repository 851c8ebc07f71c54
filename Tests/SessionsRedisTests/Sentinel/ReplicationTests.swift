#if Redis
import InMemoryLogging
import Logging
import NIOCore
import Sessions
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
    /// A store that waits for a replica.
    private func replicatingStore(
        _ servers: SentinelServers,
        timeout: Duration = .milliseconds(250),
        logger: Logger = Logger(label: "test")
    ) async throws -> RedisSessionStore {
        var configuration = servers.configuration
        configuration.replication = .init(replicas: 1, timeout: timeout)
        return try await RedisSessionStore.open(configuration, logger: logger)
    }

    private func insert(into store: RedisSessionStore) async throws -> (id: SessionID, record: SessionRecord) {
        let record = sampleRecord()
        let id = randomID()
        #expect(try await store.insert(record, id: id) == .inserted)
        return (id, record)
    }

    @Test("With the replica there, it has the end of a session before the caller is told", .timeLimit(.minutes(1)))
    func replicaConfirms() async throws {
        try await SentinelServers.use { servers in
            let handler = InMemoryLogHandler()
            let store = try await replicatingStore(servers, logger: Logger(label: "test") { _ in handler })
            let replica = try await servers.replica
            for _ in 0..<50 {
                let (id, record) = try await insert(into: store)
                #expect(try await store.delete(id, ifStamp: record.stamp, now: record.createdAt) == .deleted)
                let key = "\(servers.configuration.keyPrefix):{\(id)}"
                #expect(try await replica.send("EXISTS", key) == .integer(0))
            }
            let (reply, replicas) = try await store.client.send(
                RESPCommand("PING"),
                to: .init(number: 0),
                by: store.deadline,
                effect: .none,
                awaiting: 1,
                for: .milliseconds(250)
            )
            #expect(reply == .simple("PONG"))
            #expect(replicas == 1)
            #expect(handler.entries.filter { $0.level >= .warning }.isEmpty)
            await store.shutDown()
        }
    }

    @Test("With the replica paused, the end stands, in the time allowed and with a warning", .timeLimit(.minutes(1)))
    func replicaPaused() async throws {
        try await SentinelServers.use { servers in
            let handler = InMemoryLogHandler()
            let store = try await replicatingStore(servers, logger: Logger(label: "test") { _ in handler })
            var sessions: [(id: SessionID, record: SessionRecord)] = []
            for _ in 0..<20 { sessions.append(try await insert(into: store)) }
            let other = sessions.removeLast()
            // So that the connection is there.
            #expect(
                try await store.delete(sessions[0].id, ifStamp: .init(rawValue: 0), now: other.record.createdAt)
                    != .missing
            )

            let process = try await servers.replica.processID()
            kill(process, SIGSTOP)
            defer { kill(process, SIGCONT) }
            let clock = ContinuousClock()
            let start = clock.now
            let slowestRead = try await withThrowingTaskGroup(returning: Duration.self) { group in
                for (id, record) in sessions {
                    group.addTask {
                        let outcome = try await store.delete(id, ifStamp: record.stamp, now: record.createdAt)
                        #expect(outcome == .deleted)
                    }
                }
                // What others ask meanwhile is not held up.
                var slowest = Duration.zero
                while clock.now - start < .milliseconds(200) {
                    let start = clock.now
                    #expect(try await store.load(other.id, now: other.record.createdAt) == other.record)
                    slowest = max(slowest, clock.now - start)
                }
                try await group.waitForAll()
                return slowest
            }
            let time = clock.now - start
            print("\(sessions.count) sessions ended in \(time), the slowest read beside them took \(slowestRead)")
            #expect(time >= .milliseconds(240))
            #expect(time < .milliseconds(900))
            #expect(slowestRead < .milliseconds(150))
            for (id, record) in sessions { #expect(try await store.load(id, now: record.createdAt) == nil) }
            let warnings = handler.entries.filter { $0.level == .warning }
            #expect(warnings.count == sessions.count)
            #expect(warnings.first?.metadata["replicas"] == "0")
            #expect(warnings.first?.metadata["wanted"] == "1")
            await store.shutDown()
        }
    }

    @Test("An operation's own time counts, also where it is shorter than waiting would be", .timeLimit(.minutes(1)))
    func deadline() async throws {
        try await SentinelServers.use { servers in
            var configuration = servers.configuration
            configuration.operationTimeout = .milliseconds(400)
            configuration.replication = .init(replicas: 1, timeout: .milliseconds(390))
            let store = try await RedisSessionStore.open(configuration)
            let (id, record) = try await insert(into: store)
            #expect(try await store.delete(id, ifStamp: .init(rawValue: 0), now: record.createdAt) != .missing)
            let process = try await servers.replica.processID()
            kill(process, SIGSTOP)
            defer { kill(process, SIGCONT) }
            let start = ContinuousClock.now
            #expect(try await store.delete(id, ifStamp: record.stamp, now: record.createdAt) == .deleted)
            #expect(ContinuousClock.now - start < .milliseconds(500))
            await store.shutDown()
        }
    }

    @Test("What waiting for a replica costs", .timeLimit(.minutes(1)))
    func latency() async throws {
        try await SentinelServers.use { servers in
            let plain = try await RedisSessionStore.open(servers.configuration)
            let waiting = try await replicatingStore(servers)
            for (name, store) in [("without", plain), ("with", waiting)] {
                var times: [Duration] = []
                for _ in 0..<200 {
                    let (id, record) = try await insert(into: store)
                    let start = ContinuousClock.now
                    #expect(try await store.delete(id, ifStamp: record.stamp, now: record.createdAt) == .deleted)
                    times.append(ContinuousClock.now - start)
                }
                times.sort()
                print("end of a session, \(name) waiting for a replica: median \(times[100]), p99 \(times[198])")
            }
            await plain.shutDown()
            await waiting.shutDown()
        }
    }
}
#endif
