#if PostgreSQL
import Sessions
import Testing

@testable import SessionsPostgres

@Suite("Sessions that PostgreSQL looks for together", .timeLimit(.minutes(1)))
struct PostgresGroupedLookupsTests {
    @Test("Many loads that wait share statements, and each finds its own session, or that there is none")
    func together() async throws {
        var configuration = try TestServers.plain()
        configuration.maximumConnections = 1
        configuration.operationTimeout = .seconds(20)
        try await PostgresSessionStore.run(configuration) { store, _ in
            let users = (0..<40).map { TestUser("user \($0)") }
            for user in users where !user.name.hasSuffix("7") { #expect(try await store.insert(user) == .inserted) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for user in users + users + users {
                    group.addTask {
                        let record = try await store.load(user)
                        #expect(record?.subject == (user.name.hasSuffix("7") ? nil : user.name))
                    }
                }
                try await group.waitForAll()
            }
            // What it knows is what it has been asked.
            let statements = try await store.execute("SELECT statement FROM pg_prepared_statements")
            #expect(statements.contains { $0.first??.contains("WHERE id IN ($1, $2") == true })
        }
    }
}
#endif
