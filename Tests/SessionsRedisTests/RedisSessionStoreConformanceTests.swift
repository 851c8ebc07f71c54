#if Redis
import Sessions
import SessionsRedis
import SessionsTesting
import Testing

@Suite("The Redis store conforms")
struct RedisSessionStoreConformanceTests {
    @Test("On one server", arguments: SessionStoreConformance.Check.allCases)
    func single(_ check: SessionStoreConformance.Check) async throws {
        try await run(check, try TestServers.single())
    }

    @Test("On one server, with a near cache", arguments: SessionStoreConformance.Check.allCases)
    func nearCache(_ check: SessionStoreConformance.Check) async throws {
        var configuration = try TestServers.single()
        configuration.nearCache = .init()
        try await run(check, configuration)
    }

    private func run(
        _ check: SessionStoreConformance.Check,
        _ configuration: RedisSessionStore.Configuration
    ) async throws {
        let configuration = TestServers.patient(configuration)
        let store = try await RedisSessionStore.open(configuration)
        let second = try await RedisSessionStore.open(configuration)
        await SessionStoreConformance(store: store, secondStore: second).run(check)
        await store.shutDown()
        await second.shutDown()
    }
}
#endif
