#if MySQL
import Sessions
import SessionsSQL

@testable import SessionsMySQL

/// A user who may do everything on a server, to bring about what tests need.
final class Administrator: Sendable {
    private let pool: SQLConnectionPool

    init(_ configuration: MySQLSessionStore.Configuration) throws(SessionStoreError) {
        var configuration = configuration
        configuration.connectTimeout = .seconds(20)
        configuration.operationTimeout = .seconds(20)
        let statements = SQLStatements(dialect: .mysql, tables: try SQLTables("sessions"))
        let target = MySQLTarget(configuration, statements)
        pool = SQLConnectionPool(
            limits: .init(connections: 1, waiting: 100, age: .seconds(3600), idle: .seconds(3600)),
            connect: { () throws(SQLFailure) in try target.connect() }
        )
    }

    /// Runs `body` with the administrator of the common server.
    @discardableResult
    static func run<Value>(_ body: (Administrator) async throws -> Value) async throws -> Value {
        try await run(TestServers.configuration("SESSIONS_MYSQL_ADMIN_URL"), body)
    }

    @discardableResult
    static func run<Value>(
        _ configuration: MySQLSessionStore.Configuration,
        _ body: (Administrator) async throws -> Value
    ) async throws -> Value {
        let administrator = try Administrator(configuration)
        do {
            let value = try await body(administrator)
            await administrator.pool.shutDown()
            return value
        } catch {
            await administrator.pool.shutDown()
            throw error
        }
    }

    @discardableResult
    func execute(_ texts: String...) async throws -> [[String?]] {
        try await pool.run(isRead: true, timeout: .seconds(20)) { connection throws(SQLFailure) in
            guard let connection = connection as? MySQLConnection else { throw SQLFailure(.other, "another kind") }
            var rows: [[String?]] = []
            for text in texts { rows = try connection.query(text) }
            return rows
        }
    }
}

extension MySQLSessionStore {
    /// Does something on one of the store's own connections.
    func withConnection<Value: Sendable>(
        _ body: @escaping @Sendable (MySQLConnection) throws(SQLFailure) -> Value
    ) async throws -> Value {
        try await database.reads.run(isRead: true, timeout: .seconds(20)) { connection throws(SQLFailure) in
            guard let connection = connection as? MySQLConnection else { throw SQLFailure(.other, "another kind") }
            return try body(connection)
        }
    }

    /// The server's numbers of the store's connections.
    func connectionID() async throws -> String {
        try await withConnection { connection throws(SQLFailure) in
            try connection.query("SELECT CONNECTION_ID()").first?.first.flatMap { $0 } ?? ""
        }
    }
}
#endif
