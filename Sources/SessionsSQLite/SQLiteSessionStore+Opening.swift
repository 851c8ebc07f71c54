#if SQLite
public import Logging
public import Sessions
import SessionsSQL

extension SQLiteSessionStore {
    /// Opens a database, and makes file and tables if they are missing.
    ///
    /// Any number of processes may do this at the same time.
    /// - Parameters:
    ///   - configuration: Where and how.
    ///   - logger: For warnings about what weakens a promise. Default: one with the label `sessions.sqlite`.
    /// - Throws: `.misconfigured`, naming the field, for a path or an option that cannot be, or a file that is no database;
    ///   `.newerFormat` for tables of a later version; `.unavailable` when another process keeps the database locked.
    public static func open(
        _ configuration: Configuration,
        logger: Logger = Logger(label: "sessions.sqlite")
    ) async throws(SessionStoreError) -> SQLiteSessionStore {
        try configuration.validate()
        let path = try SQLiteFile.prepare(configuration.path, logger: logger)
        let tables = try SQLTables(configuration.table)
        let statements = SQLStatements(dialect: .sqlite, tables: tables)
        let name = "sqlite: \(path)"
        let (durability, timeout) = (configuration.durability, configuration.operationTimeout)
        let checkpoints = SQLiteCheckpoints()
        @Sendable func connect() throws(SQLFailure) -> any SQLConnection {
            try SQLiteConnection(
                path: path,
                statements: statements,
                durability: durability,
                checkpoints: checkpoints,
                timeout: timeout
            )
        }
        @Sendable func limits(_ connections: Int) -> SQLConnectionPool.Limits {
            // A connection to a file does not age; one that is idle holds memory and three descriptors.
            .init(
                connections: connections,
                waiting: configuration.maximumWaitingCalls,
                age: .seconds(24 * 3600),
                idle: .seconds(300)
            )
        }
        func pool(_ connections: Int) -> SQLConnectionPool {
            SQLConnectionPool(limits: limits(connections), connect: connect)
        }
        let database = SQLDatabase(
            name: name,
            reads: pool(configuration.maximumReaders),
            writes: pool(1),
            background: pool(1),
            timeout: timeout
        )
        checkpoints.use(database.background)
        do {
            try await prepareTables(database, tables, configuration.schema)
        } catch {
            await database.shutDown()
            throw error
        }
        return SQLiteSessionStore(path: path, database: database)
    }

    private static func prepareTables(
        _ database: SQLDatabase,
        _ tables: SQLTables,
        _ policy: Schema
    ) async throws(SessionStoreError) {
        let schema = SQLSchema(dialect: .sqlite, tables: tables)
        let version = try await database.write { connection throws(SQLFailure) -> Int64? in
            guard let connection = connection as? SQLiteConnection else { return nil }
            guard let library = try connection.text("SELECT sqlite_version()"), Self.isSupported(library) else {
                throw SQLFailure(.misconfigured, "SQLite 3.37 or later is needed, and this program has an older one")
            }
            let mode = try connection.text("PRAGMA journal_mode")
            guard mode == "wal" else {
                throw SQLFailure(
                    .misconfigured,
                    "the database cannot be in WAL mode here: a local file system is needed"
                )
            }
            // The lock comes first, so that of ten processes that start at once one makes the tables and nine find them.
            return try connection.transaction { () throws(SQLFailure) in
                let isThere = try connection.integer(
                    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '\(tables.schema)'"
                )
                if isThere == 0 {
                    guard policy == .createIfNeeded else {
                        throw SQLFailure(
                            .misconfigured,
                            "the table \(tables.schema) is missing, and schema=expect forbids to make it"
                        )
                    }
                    for statement in schema.definition { try connection.execute(statement) }
                }
                return (try connection.integer("SELECT MAX(version) FROM \(tables.schema)"), commits: true)
            }
        }
        guard let version else {
            throw SessionStoreError(.misconfigured, "\(database.name): the table \(tables.schema) is empty")
        }
        guard version <= SQLSchema.version else {
            throw SessionStoreError(
                .newerFormat,
                "\(database.name): the tables have version \(version); this program knows up to \(SQLSchema.version)"
            )
        }
    }

    /// - Parameter version: Such as `3.40.1`.
    private static func isSupported(_ version: String) -> Bool {
        let numbers = version.split(separator: ".").compactMap { Int($0) }
        guard numbers.count >= 2 else { return false }
        return numbers[0] > 3 || numbers[0] == 3 && numbers[1] >= 37
    }
}

extension SQLiteSessionStore.Configuration {
    /// - Throws: `.misconfigured`, naming the field.
    func validate() throws(SessionStoreError) {
        func require(_ condition: Bool, _ problem: String) throws(SessionStoreError) {
            guard condition else { throw SessionStoreError(.misconfigured, "sqlite: \(problem)") }
        }
        try require((1...64).contains(maximumReaders), "the greatest number of readers is 1 to 64")
        try require(
            (1...1_000_000).contains(maximumWaitingCalls),
            "the greatest number of waiting calls is 1 to 1000000"
        )
        try require(
            operationTimeout >= .milliseconds(10) && operationTimeout <= .seconds(60),
            "the operation timeout is 10 ms to 60 s"
        )
    }
}
#endif
