#if PostgreSQL
import Sessions
import SessionsSQL

@testable import SessionsPostgres

extension PostgresSessionStore {
    /// Runs `body` with a store, and removes its tables and closes it afterwards.
    static func run<Value>(
        _ configuration: Configuration,
        _ body: (PostgresSessionStore, Configuration) async throws -> Value
    ) async throws -> Value {
        let store = try await open(configuration)
        let result: Result<Value, any Error>
        do { result = .success(try await body(store, configuration)) } catch { result = .failure(error) }
        // Not what a test is about; where the server is gone, so are the tables.
        try? await store.dropTables()
        await store.shutDown()
        return try result.get()
    }

    func dropTables() async throws {
        let tables = try SQLTables(configuration.table)
        for table in [tables.sessions, tables.subjects, tables.epochs, tables.leases, tables.schema] {
            try await execute("DROP TABLE IF EXISTS \(table)")
        }
        try await execute("DROP FUNCTION IF EXISTS \(tables.sessions)_announce")
    }

    /// Has the server execute a statement, on a connection of the store's.
    @discardableResult
    func execute(_ text: String) async throws -> [[String?]] {
        try await database.write { connection throws(SQLFailure) in
            guard let connection = connection as? PostgresConnection else { return [] }
            return try connection.link.query(text)
        }
    }
}
#endif
