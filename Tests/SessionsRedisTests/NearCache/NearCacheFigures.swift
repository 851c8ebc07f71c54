#if Redis
import Foundation
import HTTPTypes
import NIOCore
import Sessions
import Testing

@testable import SessionsRedis

/// What the article "The near cache" says in numbers. They are printed; what is asserted is far from them, since tests
/// run on busy machines and without optimization. For figures:
///
///     Scripts/services run --only redis -- \
///         swift test --filter NearCacheFigures
@Suite("Figures of the near cache", .serialized, .timeLimit(.minutes(5)))
struct NearCacheFigures {
    #if DEBUG
    private static let scale = 1
    #else
    private static let scale = 10
    #endif

    private func report(_ text: String) { print("near cache: \(text)") }

    // MARK: Travel

    @Test("How long another server's commit takes to arrive")
    func travel() async throws {
        var configuration = try TestServers.single()
        configuration.nearCache = .init()
        try await RedisSessionStore.run(configuration) { writer in
            try await RedisSessionStore.run(configuration) { reader in
                let user = TestUser("ada")
                _ = try await writer.insert(user)
                var afterStart: [Duration] = []
                var afterAcknowledgment: [Duration] = []
                for revision in 2...UInt64(1 + 200 * Self.scale) {
                    let old = try #require(try await reader.load(user))
                    try await eventually("it is kept") { reader.residentRecord(user.id, now: TestUser.now) != nil }
                    let new = user.record(revision: revision)
                    let start = ContinuousClock.now
                    async let drop = Self.moment { reader.residentRecord(user.id, now: TestUser.now) == nil }
                    _ = try await writer.update(new, id: user.id, ifStamp: old.stamp, now: TestUser.now)
                    let acknowledgment = ContinuousClock.now
                    let end = await drop
                    afterStart.append(end - start)
                    afterAcknowledgment.append(max(.zero, end - acknowledgment))
                }
                report("a commit is heard of elsewhere \(Self.summary(afterStart)) after it was begun")
                report("... and \(Self.summary(afterAcknowledgment)) after it was acknowledged")
                // On a busy machine the one that looks may be late.
                #expect(afterAcknowledgment.sorted()[afterAcknowledgment.count / 2] < .seconds(1))
            }
        }
    }

    /// When a condition holds at last; asks without a pause.
    @concurrent private static func moment(of condition: @Sendable () -> Bool) async -> ContinuousClock.Instant {
        let limit = ContinuousClock.now + .seconds(5)
        while !condition(), ContinuousClock.now < limit { await Task.yield() }
        return .now
    }

    private static func summary(_ durations: [Duration]) -> String {
        let sorted = durations.sorted()
        func microseconds(_ duration: Duration) -> Int64 { Int64(duration / .microseconds(1)) }
        let median = microseconds(sorted[sorted.count / 2])
        let p99 = microseconds(sorted[sorted.count * 99 / 100])
        let most = microseconds(sorted[sorted.count - 1])
        return "\(median) µs (median of \(sorted.count)), \(p99) µs (p99), \(most) µs (at most)"
    }

    // MARK: Looking up

    @Test("What a look-up costs")
    func lookUp() {
        let record = TestUser("ada").record()
        for count in [1, 10_000] {
            let part = NearCachePart(maximumCount: 10_000, keys: RedisKeys(prefix: "sessions"))
            let users = (0..<count).map { TestUser("\($0)") }
            for user in users {
                let ticket = part.willSend(.confirm(user.id, record))
                let head = record.stored(under: user.id).getSlice(at: 0, length: RedisStoredRecord.headLength)
                part.received(
                    .bulk(head ?? ByteBuffer()),
                    .confirm(user.id, record),
                    ticket: ticket,
                    sentAt: .now() + .seconds(60)
                )
            }
            let now = TestUser.now
            let rounds = 20_000 * Self.scale
            var hits = 0
            let start = ContinuousClock.now
            for round in 0..<rounds where part.record(users[round &* 7919 % count].id, now: now) != nil { hits += 1 }
            let time = (ContinuousClock.now - start) / rounds
            #expect(hits == rounds)
            report("a look-up among \(count) sessions takes \(Int64(time / .nanoseconds(1))) ns")
        }
    }

    // MARK: Memory

    #if os(Linux)
    @Test("How much memory a session takes")
    func memory() throws {
        // Kept, or else the second would use what the first has freed.
        var parts: [NearCachePart] = []
        for byteCount in [200, 2000] {
            let count = 10_000 * Self.scale
            let part = NearCachePart(maximumCount: count, keys: RedisKeys(prefix: "sessions"))
            let before = try Self.residentBytes()
            var size = 0
            for number in 0..<count {
                let user = TestUser("\(number)")
                var values = SessionValues(now: TestUser.now, limits: .init())
                try values.set(String(repeating: "x", count: byteCount), for: SessionKey<String>("x"))
                let record = SessionRecord(
                    stamp: SessionStamp(rawValue: UInt64(number)),
                    revision: 1,
                    createdAt: TestUser.now,
                    absoluteDeadline: TestUser.now + .seconds(7200),
                    idleTimeout: .seconds(3600),
                    expiresAt: TestUser.now + .seconds(3600),
                    values: values
                )
                let stored = record.stored(under: user.id)
                size = stored.readableBytes
                let ticket = part.willSend(.load(user.id))
                part.received(.bulk(stored), .load(user.id), ticket: ticket, sentAt: .now())
                _ = part.record(user.id, now: TestUser.now)
            }
            parts.append(part)
            #expect(part.count == count)
            let bytes = try (Self.residentBytes() - before) / count
            report("a session of \(size) bytes takes \(bytes) bytes of memory")
        }
    }

    private static func residentBytes() throws -> Int {
        let statistics = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        let pages = try #require(Int(statistics.split(separator: " ")[1]))
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    #endif

    // MARK: Processor time

    @Test("What a request costs with a near cache and without", arguments: [false, true])
    func requests(isCached: Bool) async throws {
        var configuration = try TestServers.single()
        if isCached { configuration.nearCache = .init() }
        try await RedisSessionStore.run(configuration) { store in
            let manager = try SessionManager(store: store)
            var cookies: [String] = []
            for number in 0..<32 {
                var fields = HTTPFields()
                let exchange = manager.exchange(for: Self.request(nil))
                try await exchange.session()["n"] = number
                try await exchange.finish(&fields)
                cookies.append(try #require(fields[.setCookie]?.split(separator: ";").first.map(String.init)))
            }
            let name = isCached ? "with" : "without"
            for (what, isWriting) in [("reads", false), ("writes", true)] {
                let rounds = 200 * Self.scale
                let server = try await Self.serverTime(store)
                let own = Self.ownTime()
                let start = ContinuousClock.now
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for cookie in cookies {
                        group.addTask {
                            for _ in 0..<rounds {
                                var fields = HTTPFields()
                                let exchange = manager.exchange(for: Self.request(cookie))
                                let session = try await exchange.session()
                                if isWriting { try session.increment("n") } else { _ = session["n", as: Int.self] }
                                try await exchange.finish(&fields)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                let count = Double(rounds * cookies.count)
                let perRequest = (Self.ownTime() - own) / count
                let perRequestThere = (try await Self.serverTime(store) - server) / count
                let rate = count / ((ContinuousClock.now - start) / .seconds(1))
                report(
                    "\(name) near cache a request that \(what) takes \(Self.digits(perRequest * 1e6)) µs here,"
                        + " \(Self.digits(perRequestThere * 1e6)) µs in Redis (32 at a time, \(Int(rate))/s)"
                )
            }
        }
    }

    private static func digits(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }

    private static func request(_ cookie: String?) -> HTTPRequest {
        var request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
        if let cookie { request.headerFields[.cookie] = cookie }
        return request
    }

    /// Processor time of this process, in seconds.
    private static func ownTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Processor time of the server, in seconds.
    private static func serverTime(_ store: RedisSessionStore) async throws -> Double {
        var command = RESPCommand("INFO")
        command.append("cpu" as StaticString)
        let servers = try await store.client.servers(by: .now() + .seconds(5))
        let reply = try await servers[0].send([command], by: .now() + .seconds(5))[0].get()
        let lines = try #require(reply.text).split(whereSeparator: \.isNewline)
        return lines.reduce(0) { sum, line in
            let isTime = line.hasPrefix("used_cpu_sys:") || line.hasPrefix("used_cpu_user:")
            return sum + (isTime ? Double(line.split(separator: ":")[1]) ?? 0 : 0)
        }
    }
}
#endif
