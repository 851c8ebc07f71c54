#if Redis
import Sessions
@testable import SessionsRedis
import SessionsTesting
import Testing

/// Everything that needs the Cluster: one test after the other, since some of them move slots and end nodes.
@Suite("A Redis Cluster", .serialized)
struct RedisClusterTests {
    @Suite("Conforms")
    struct Conformance {
        @Test("On a Cluster", .timeLimit(.minutes(5)), arguments: SessionStoreConformance.Check.allCases)
        func cluster(_ check: SessionStoreConformance.Check) async throws {
            try await run(check, try TestServers.cluster())
        }

        @Test(
            "On a Cluster, with a near cache",
            .timeLimit(.minutes(5)),
            arguments: SessionStoreConformance.Check.allCases
        )
        func nearCache(_ check: SessionStoreConformance.Check) async throws {
            var configuration = try TestServers.cluster()
            configuration.nearCache = .init()
            try await run(check, configuration)
        }

        private func run(
            _ check: SessionStoreConformance.Check,
            _ configuration: RedisSessionStore.Configuration
        ) async throws {
            let store = try await RedisSessionStore.open(configuration)
            let second = try await RedisSessionStore.open(configuration)
            await SessionStoreConformance(store: store, secondStore: second).run(check)
            await store.shutDown()
            await second.shutDown()
        }
    }
}
#endif
