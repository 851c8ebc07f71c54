#if PostgreSQL
import Sessions
import SessionsPostgres
import SessionsTesting
import Testing

/// One after the other: all at once, they want more connections than a server gives.
@Suite("The PostgreSQL store gives what the model gives", .serialized)
struct PostgresSessionStoreModelTests {
    @Test("On one server")
    func plain() async throws { try await run(try TestServers.plain()) }

    @Test("As behind a pooler in transaction mode")
    func transactionPooler() async throws {
        var configuration = try TestServers.plain()
        configuration.usesTransactionPooler = true
        try await run(configuration)
    }

    @Test("With a near cache")
    func nearCache() async throws {
        var configuration = try TestServers.plain()
        configuration.nearCache = .init()
        try await run(configuration)
    }

    private func run(_ configuration: PostgresSessionStore.Configuration) async throws {
        try await PostgresSessionStore.run(configuration) { _, configuration in
            let open: @Sendable () async throws -> any SessionStore = {
                try await PostgresSessionStore.open(configuration)
            }
            await SessionModelTest(programs: 10, shrinkingLimit: 200, makeSecondStore: open, makeStore: open).run()
        }
    }
}
#endif
