#if Redis
import Logging
import NIOPosix
import Sessions
import SessionsTesting
import Testing

@testable import SessionsRedis

@Suite("Reaching a server", .timeLimit(.minutes(1)))
struct RedisReachingTests {
    @Test("Through a local socket the store conforms")
    func socket() async throws {
        var configuration = RedisSessionStore.Configuration(
            .single(.unixSocket(try TestServers.value("SESSIONS_REDIS_SOCKET")))
        )
        configuration.keyPrefix = TestServers.uniquePrefix()
        let store = try await RedisSessionStore.open(configuration)
        await SessionStoreConformance(store: store).run()
        await store.shutDown()
    }

    @Test("A server's name is looked up")
    func name() async throws {
        var configuration = try TestServers.single()
        guard case .single(let address) = configuration.topology.wrapped, case .host(_, let port) = address.wrapped
        else { return }
        configuration.topology = .single(.host("localhost", port: port))
        let store = try await RedisSessionStore.open(configuration)
        try await store.checkHealth()
        await store.shutDown()
    }

    @Test(
        "What cannot be reached is one line, soon",
        arguments: [
            // Kept for documentation (RFC 5737), so that nobody is there.
            (.host("192.0.2.1", port: 6379), "Redis at 192.0.2.1:6379"),
            (.host("127.0.0.1", port: 1), "Redis at 127.0.0.1:1 cannot be reached: Connection refused"),
            (.host("nobody.invalid"), "Redis at nobody.invalid:6379: the host's name cannot be resolved"),
            (
                .unixSocket("/nowhere/redis.sock"),
                "Redis at /nowhere/redis.sock cannot be reached: No such file or directory"
            ),
        ] as [(RedisSessionStore.Address, String)]
    )
    func unreachable(_ address: RedisSessionStore.Address, _ line: String) async throws {
        let start = ContinuousClock.now
        let error = await #expect(throws: SessionStoreError.self) {
            _ = try await RedisSessionStore.open(.init(.single(address)))
        }
        #expect(ContinuousClock.now - start < .seconds(2))
        #expect(error?.code == .unavailable)
        #expect(error?.message.hasPrefix(line) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("\n") == false)
    }

    @Test("While a server cannot be reached, a write surely was not executed")
    func fate() async throws {
        let store = try RedisSessionStore.make(
            .init(.single(.host("127.0.0.1", port: 1))),
            on: .singleton,
            logger: .init(label: "test")
        )
        for _ in 0..<3 {
            let error = await #expect(throws: SessionStoreError.self) {
                _ = try await store.delete(
                    randomID(),
                    ifStamp: .init(rawValue: 1),
                    now: .init(millisecondsSince1970: 0)
                )
            }
            #expect(error?.code == .unavailable)
        }
        await store.shutDown()
    }
}
#endif
