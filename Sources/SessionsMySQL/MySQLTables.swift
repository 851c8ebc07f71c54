#if MySQL
import Sessions
import SessionsSQL

/// The tables on a server: whether they are there, and making them.
struct MySQLTables {
    private let schema: SQLSchema

    /// The seconds for which a server waits for another one that makes the tables.
    private static let patience = 20

    init(_ schema: SQLSchema) {
        self.schema = schema
    }

    /// Looks for them without a lock: all but the first server find everything, and a user without CREATE is never asked
    /// for it.
    /// - Returns: The tables' version, `nil` if they are to be made. Those of a later version than this program's are not
    ///   looked at any closer.
    /// - Throws: `.misconfigured` if they are missing and may not be made, or of no use.
    func find(
        on connection: MySQLConnection,
        _ policy: MySQLSessionStore.Schema
    ) throws(SQLFailure) -> Int64? {
        if try isThere(connection) { return try check(connection) }
        guard policy == .createIfNeeded else { throw Self.missing(schema, "schema = .expect says that they are there") }
        return nil
    }

    /// Makes them, unless somebody else does so at the same time.
    /// - Returns: The tables' version.
    /// - Throws: `.misconfigured` if they may not be made, or are of no use.
    func make(on connection: MySQLConnection) throws(SQLFailure) -> Int64 {
        // In the database's name and the tables', hashed for its length.
        let lock = "CONCAT('sessions.', MD5(CONCAT(DATABASE(), '.\(schema.tables.sessions)')))"
        let isLocked = try connection.query("SELECT GET_LOCK(\(lock), \(Self.patience))").first == ["1"]
        guard isLocked else { throw SQLFailure(.contention, "somebody else makes the tables, and is not done yet") }
        do throws(SQLFailure) {
            if try !isThere(connection) { try create(connection) }
            let version = try check(connection)
            try connection.query("SELECT RELEASE_LOCK(\(lock))")
            return version
        } catch {
            // The lock goes with the connection.
            var failure = error
            failure.closesConnection = true
            throw failure
        }
    }

    /// Whether a version is written down, which comes last.
    private func isThere(_ connection: MySQLConnection) throws(SQLFailure) -> Bool {
        do throws(SQLFailure) {
            return try version(connection) != nil
        } catch let error where error.kind == .schema {
            return false
        }
    }

    private func version(_ connection: MySQLConnection) throws(SQLFailure) -> Int64? {
        try connection.query("SELECT MAX(version) FROM \(schema.tables.schema)").first?.first?.flatMap { Int64($0) }
    }

    private func create(_ connection: MySQLConnection) throws(SQLFailure) {
        do throws(SQLFailure) {
            for statement in schema.definition { try connection.command(statement, .harmless) }
        } catch let error where error.kind == .permission || error.kind == .refused {
            throw Self.missing(schema, "the user may not make them (\(error.message))")
        }
    }

    private func check(_ connection: MySQLConnection) throws(SQLFailure) -> Int64 {
        guard let version = try version(connection) else {
            throw SQLFailure(.misconfigured, "the table \(schema.tables.schema) is empty")
        }
        guard version <= SQLSchema.version else { return version }
        // A table of another engine knows neither transactions nor locks of rows; it would lose sessions without a word.
        let names = [schema.tables.sessions, schema.tables.subjects, schema.tables.epochs, schema.tables.leases]
        let list = names.map { "'\($0)'" }.joined(separator: ", ")
        let rows = try connection.query(
            "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN (\(list))"
        )
        if let wrong = rows.first(where: { $0.count == 2 && $0[1]?.lowercased() != "innodb" }) {
            throw SQLFailure(
                .misconfigured,
                "the table \(wrong[0] ?? "") has the engine \((wrong[1] ?? "none").prefix(20)), and needs InnoDB"
            )
        }
        guard rows.count == names.count else { throw Self.missing(schema, "some are there and some are not") }
        return version
    }

    private static func missing(_ schema: SQLSchema, _ reason: String) -> SQLFailure {
        SQLFailure(
            .misconfigured,
            "the tables are missing, and \(reason): have somebody with the right CREATE execute the statements of "
                + "MySQLSessionStore.schema(table: \"\(schema.tables.sessions)\")"
        )
    }
}
#endif
