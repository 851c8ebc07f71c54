#if Redis
import Logging
import NIOPosix
import Sessions
import Testing

@testable import SessionsRedis

/// Sentinels that lie, lag behind or say nothing.
@Suite("Asking sentinels", .timeLimit(.minutes(1)))
struct SentinelDirectoryTests {
    func configuration(_ sentinels: CannedServer...) -> RedisSessionStore.Configuration {
        RedisSessionStore.Configuration(.sentinel(.init(sentinels.map(\.address))))
    }

    func openingError(_ configuration: RedisSessionStore.Configuration) async -> SessionStoreError? {
        await #expect(throws: SessionStoreError.self) { _ = try await RedisSessionStore.open(configuration) }
    }

    /// Asks until it works.
    func becomesHealthy(_ store: RedisSessionStore) async -> Bool {
        await eventually(within: .seconds(5)) { (try? await store.checkHealth()) != nil }
    }

    func message(of store: RedisSessionStore) async -> String {
        do throws(SessionStoreError) {
            try await store.checkHealth()
            return ""
        } catch {
            return error.message
        }
    }

    func stop(_ servers: CannedServer...) async { for server in servers { await server.stop() } }

    @Test(
        "A server that says that it is a replica is not used, whatever the sentinel says; the next attempt asks again"
    )
    func lie() async throws {
        let primary = try await CannedServer.start(CannedServer.asPrimary)
        let replica = try await CannedServer.start(CannedServer.asReplica)
        let sentinel = try await CannedServer.start(CannedServer.asSentinel(naming: replica.port))
        let error = await openingError(configuration(sentinel))
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("\(replica.address), is not the primary") == true, "\(error?.message ?? "")")
        #expect(!replica.commands.contains { ["GET", "SET", "EVAL", "EVALSHA", "PING"].contains($0[0]) })

        let store = try RedisSessionStore.make(
            configuration(sentinel),
            on: .singleton,
            logger: .init(label: "test")
        )
        await #expect(throws: SessionStoreError.self) { try await store.checkHealth() }
        sentinel.answer(CannedServer.asSentinel(naming: primary.port))
        #expect(await becomesHealthy(store))
        #expect(primary.commands.contains(["PING"]))
        await store.shutDown()
        await stop(primary, replica, sentinel)
    }

    @Test(
        "A sentinel that names a server which is gone: the error names that server, and another sentinel is asked next"
    )
    func deadAddress() async throws {
        let primary = try await CannedServer.start(CannedServer.asPrimary)
        let gone = try await CannedServer.start(CannedServer.asPrimary)
        let port = gone.port
        await gone.stop()
        let liar = try await CannedServer.start(CannedServer.asSentinel(naming: port))
        let error = await openingError(configuration(liar))
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("127.0.0.1:\(port), cannot be reached") == true, "\(error?.message ?? "")")

        let honest = try await CannedServer.start(CannedServer.asSentinel(naming: primary.port))
        let store = try RedisSessionStore.make(
            configuration(liar, honest),
            on: .singleton,
            logger: .init(label: "test")
        )
        #expect(await becomesHealthy(store))
        await store.shutDown()
        await stop(primary, liar, honest)
    }

    @Test("Sentinels that say nothing do not use up the time of the one that answers")
    func silence() async throws {
        let primary = try await CannedServer.start(CannedServer.asPrimary)
        let silent = try await CannedServer.start { _ in nil }
        let mute = try await CannedServer.start { _ in nil }
        let sentinel = try await CannedServer.start(CannedServer.asSentinel(naming: primary.port))
        let start = ContinuousClock.now
        let store = try await RedisSessionStore.open(configuration(silent, mute, sentinel))
        #expect(ContinuousClock.now - start < .seconds(1))
        // From now on the one that answered is asked first.
        let count = silent.commands.count
        await primary.disconnect()
        #expect(await becomesHealthy(store))
        #expect(silent.commands.count == count)
        await store.shutDown()
        await stop(primary, silent, mute, sentinel)
    }

    @Test("Without any sentinel, the error names all of them")
    func noneAnswers() async throws {
        let silent = try await CannedServer.start { _ in nil }
        let gone = try await CannedServer.start { _ in nil }
        let configuration = configuration(silent, gone)
        let port = gone.port
        await gone.stop()
        let error = await openingError(configuration)
        #expect(error?.code == .unavailable)
        let message = error?.message ?? ""
        #expect(message.hasPrefix("no sentinel answers ("), "\(message)")
        #expect(message.contains("Sentinel at 127.0.0.1:\(silent.port) does not answer"), "\(message)")
        #expect(message.contains("Sentinel at 127.0.0.1:\(port) cannot be reached: Connection refused"), "\(message)")
        await stop(silent)
    }

    @Test("What is no sentinel is told so")
    func noSentinel() async throws {
        let server = try await CannedServer.start { words in
            words[0] == "SENTINEL" ? "-ERR unknown command 'SENTINEL'\r\n" : CannedServer.asPrimary(words)
        }
        let error = await openingError(configuration(server))
        #expect(error?.message.contains("Sentinel at 127.0.0.1:\(server.port)") == true, "\(error?.message ?? "")")
        for reply in ["+OK\r\n", "*1\r\n+x\r\n", "*2\r\n$4\r\na b\n\r\n$1\r\n1\r\n", "nonsense\r\n"] {
            server.answer { $0[0] == "SENTINEL" ? reply : CannedServer.asPrimary($0) }
            let error = await openingError(configuration(server))
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("Sentinel at 127.0.0.1:\(server.port)") == true, "\(error?.message ?? "")")
        }
        await stop(server)
    }

    @Test("The TLS setting covers the connections to sentinels as well")
    func encryption() async throws {
        let sentinel = try await CannedServer.start { _ in "-ERR unknown command\r\n" }
        var configuration = configuration(sentinel)
        configuration.tls = .init()
        let error = await openingError(configuration)
        #expect(error?.message.contains("Sentinel at 127.0.0.1:\(sentinel.port)") == true, "\(error?.message ?? "")")
        #expect(sentinel.commands.isEmpty)
        await stop(sentinel)
    }

    @Test("Sentinels that others name are asked when those of the configuration are gone")
    func furtherSentinels() async throws {
        let primary = try await CannedServer.start(CannedServer.asPrimary)
        let further = try await CannedServer.start(CannedServer.asSentinel(naming: primary.port))
        let sentinel = try await CannedServer.start(
            CannedServer.asSentinel(naming: primary.port, others: [further.port])
        )
        let store = try await RedisSessionStore.open(configuration(sentinel))
        #expect(further.commands.isEmpty)
        await sentinel.stop()
        await primary.disconnect()
        #expect(await becomesHealthy(store))
        #expect(!further.commands.isEmpty)
        await store.shutDown()
        await stop(primary, further)
    }

    /// Two sessions whose commands take different connections of two.
    let ids: [SessionID] = {
        var found: [Int: SessionID] = [:]
        for number in 0..<64 {
            let digits = String(number, radix: 16)
            guard let id = SessionID(String(repeating: "0", count: 64 - digits.count) + digits) else { continue }
            found[Int(RedisKeys.slot(of: id).number % 2)] = id
        }
        return [found[0], found[1]].compactMap { $0 }
    }()
}
#endif
