#if Redis
import NIOCore
import Sessions
import Testing

@testable import SessionsRedis

/// Servers that hang and connections that were cut without a word.
@Suite("The near cache of a server that says nothing", .serialized, .timeLimit(.minutes(2)))
struct NearCacheSilenceTests {
    private let user = TestUser("ada")

    private func cached(_ store: RedisSessionStore) -> SessionRecord? {
        store.residentRecord(user.id, now: TestUser.now)
    }

    private func keep(in store: RedisSessionStore) async throws -> SessionRecord {
        let record = try #require(try await store.load(user))
        try await eventually("it is kept") { cached(store) != nil }
        return record
    }

    @Test("While nothing is asked the connection is, so that records stay fresh")
    func idle() async throws {
        var configuration = try TestServers.single()
        configuration.nearCache = .init()
        try await RedisSessionStore.run(configuration) { store in
            _ = try await store.insert(user)
            _ = try await keep(in: store)
            let start = ContinuousClock.now
            var missCount = 0
            while ContinuousClock.now < start + .seconds(3) {
                if cached(store) == nil { missCount += 1 }
                await wait(.milliseconds(10))
            }
            // A busy machine may be late with a ping.
            #expect(missCount < 30)
        }
    }

    @Test("A server that is paused: after a second nothing is served, requests fail, and all is well when it goes on")
    func paused() async throws {
        try await PrivateRedis.run { server in
            var configuration = server.configuration(timeout: .milliseconds(500))
            configuration.nearCache = .init()
            try await RedisSessionStore.run(configuration) { store in
                try await RedisSessionStore.run(configuration) { other in
                    _ = try await store.insert(user)
                    let record = try await keep(in: store)
                    await server.pause()
                    let pause = ContinuousClock.now
                    var lastServed = pause
                    var codes: Set<SessionStoreError.Code> = []
                    while ContinuousClock.now < pause + .seconds(2) {
                        let start = ContinuousClock.now
                        if cached(store) != nil {
                            lastServed = start
                            await wait(.milliseconds(1))
                        } else {
                            // As a manager does: what is not at hand is loaded, and that fails.
                            codes.insert(try #require(await failureCode { try await store.load(user) }))
                        }
                    }
                    #expect(lastServed - pause <= .seconds(1))
                    #expect(codes == [.unavailable])
                    print("near cache: the last record was served \(lastServed - pause) after the server was paused")

                    await server.resume()
                    let resumption = ContinuousClock.now
                    // The other server is the first one back, and ends the session.
                    try await eventually("it is ended") {
                        (try? await other.delete(user.id, ifStamp: record.stamp, now: TestUser.now)) != nil
                    }
                    let end = ContinuousClock.now
                    var isBack = false
                    while !isBack {
                        let start = ContinuousClock.now
                        // Commits were under way when it was lost, and nothing of before is left.
                        #expect(cached(store) == nil || start < end)
                        if let loaded = try? await store.load(user) {
                            Issue.record("\(loaded) has been ended")
                        } else if await failureCode({ try await store.load(user) }) == nil {
                            isBack = true
                        }
                        guard ContinuousClock.now < resumption + .seconds(10) else { break }
                        await wait(.milliseconds(5))
                    }
                    #expect(ContinuousClock.now - resumption < .seconds(2))
                }
            }
        }
    }

    @Test("A connection that was cut without a word: nothing is served that changed more than a second ago")
    func cut() async throws {
        try await PrivateRedis.run { server in
            try await UnreliableProxy.run(to: server.port) { proxy in
                var configuration = server.configuration(timeout: .seconds(5))
                configuration.nearCache = .init()
                var behindProxy = configuration
                behindProxy.topology = .single(.host("127.0.0.1", port: proxy.port))
                try await RedisSessionStore.run(behindProxy) { store in
                    try await RedisSessionStore.run(configuration) { other in
                        _ = try await other.insert(user)
                        let record = try await keep(in: store)
                        proxy.silenceAll()
                        let outcome = try await other.delete(user.id, ifStamp: record.stamp, now: TestUser.now)
                        #expect(outcome == .deleted)
                        let end = ContinuousClock.now
                        // The message about it was lost, and so it is served for a while.
                        var lastServed = end
                        while ContinuousClock.now < end + .seconds(2) {
                            let start = ContinuousClock.now
                            if cached(store) != nil { lastServed = start }
                            await wait(.milliseconds(1))
                        }
                        #expect(lastServed - end <= .seconds(1))
                        print("near cache: a session was served \(lastServed - end) after its end, on a cut connection")
                    }
                }
            }
        }
    }
}
#endif
