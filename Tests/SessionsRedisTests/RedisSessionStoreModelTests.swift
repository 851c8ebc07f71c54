#if Redis
import Sessions
import SessionsRedis
import SessionsTesting
import Testing

@Suite("The Redis store gives what the model gives")
struct RedisSessionStoreModelTests {
    @Test("On one server")
    func single() async throws { await run(try TestServers.single()) }

    @Test("On one server, with a near cache")
    func nearCache() async throws {
        var configuration = try TestServers.single()
        configuration.nearCache = .init()
        await run(configuration)
    }

    private func run(_ configuration: RedisSessionStore.Configuration) async {
        let configuration = TestServers.patient(configuration)
        let open: @Sendable () async throws -> any SessionStore = { try await RedisSessionStore.open(configuration) }
        await SessionModelTest(programs: 20, shrinkingLimit: 300, makeSecondStore: open, makeStore: open).run()
    }
}
#endif
