#if PostgreSQL
import Sessions
import SessionsPostgres
import SessionsTesting
import Testing

/// One after the other: all at once, they want more connections than a server gives.
@Suite("The PostgreSQL store conforms", .serialized)
struct PostgresSessionStoreConformanceTests {
    @Test("On one server", arguments: SessionStoreConformance.Check.allCases)
    func plain(_ check: SessionStoreConformance.Check) async throws {
        try await run(check, try TestServers.plain())
    }

    @Test("As behind a pooler in transaction mode", arguments: SessionStoreConformance.Check.allCases)
    func transactionPooler(_ check: SessionStoreConformance.Check) async throws {
        var configuration = try TestServers.plain()
        configuration.usesTransactionPooler = true
        try await run(check, configuration)
    }

    @Test("With a near cache", arguments: SessionStoreConformance.Check.allCases)
    func nearCache(_ check: SessionStoreConformance.Check) async throws {
        var configuration = try TestServers.plain()
        configuration.nearCache = .init()
        try await run(check, configuration)
    }

    private func run(
        _ check: SessionStoreConformance.Check,
        _ configuration: PostgresSessionStore.Configuration
    ) async throws {
        try await PostgresSessionStore.run(configuration) { store, configuration in
            let second = try await PostgresSessionStore.open(configuration)
            await SessionStoreConformance(store: store, secondStore: second).run(check)
            await second.shutDown()
        }
    }
}
#endif
