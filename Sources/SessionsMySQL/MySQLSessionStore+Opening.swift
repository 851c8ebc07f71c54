#if MySQL
public import Logging
public import Sessions
import SessionsSQL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension MySQLSessionStore {
    /// Opens a store: connects, asks the server whether it will do, and makes the tables if they are missing.
    ///
    /// Any number of servers may do this at the same time. Warns about settings of the server's that weaken what a session
    /// promises.
    /// - Parameters:
    ///   - configuration: Where the server is, and what is done there.
    ///   - logger: Where the warnings go. Default: one with the label `sessions.mysql`.
    /// - Throws: `.misconfigured`, naming the field, for a configuration that makes no sense, or that the server refuses
    ///   (user, password, certificate, database, rights, version, tables); `.newerFormat` for tables of a later version;
    ///   `.unavailable` within 5 seconds if no server answers, or none that writes.
    public static func open(
        _ configuration: Configuration,
        logger: Logger = Logger(label: "sessions.mysql")
    ) async throws(SessionStoreError) -> MySQLSessionStore {
        let store = try make(configuration)
        do throws(SessionStoreError) {
            let server = try await store.prepareServer()
            for warning in server.warnings { logger.warning("\(store.database.name): \(warning)") }
        } catch {
            await store.shutDown()
            throw error
        }
        return store
    }

    /// Makes a store that has not connected yet.
    static func make(_ configuration: Configuration) throws(SessionStoreError) -> MySQLSessionStore {
        try configuration.validate()
        try configuration.tls?.checkFiles()
        let statements = SQLStatements(dialect: .mysql, tables: try SQLTables(configuration.table))
        let target = MySQLTarget(configuration, statements)
        let name = configuration.name
        let pool = SQLConnectionPool(
            limits: .init(
                connections: configuration.maximumConnections,
                reads: Self.concurrentReads,
                changes: Self.concurrentTransactions,
                waiting: configuration.maximumWaitingCalls,
                age: configuration.maximumConnectionAge,
                idle: configuration.maximumIdleTime
            ),
            connect: { () throws(SQLFailure) in try target.connect() }
        )
        let database = SQLDatabase(name: name, pool: pool, timeout: configuration.operationTimeout)
        return MySQLSessionStore(configuration: configuration, database: database)
    }

    /// Measured with 32 clients: more make a read dearer for the server, fewer make people wait.
    private static let concurrentReads = 8
    /// How many transactions run at a time in which changes are committed together: while they do, others gather.
    private static let concurrentTransactions = 2

    /// The time within which a server says whether it will do.
    private static let inspectionTimeout = Duration.milliseconds(4500)
    /// The time within which tables are made, or another server has made them: this server answers, and may be slow.
    static let creationTimeout = Duration.seconds(30)

    private func prepareServer() async throws(SessionStoreError) -> MySQLServer {
        let tables = MySQLTables(SQLSchema(dialect: .mysql, tables: try SQLTables(configuration.table)))
        let policy = configuration.schema
        let (server, found) = try await prepare(within: Self.inspectionTimeout) { connection throws(SQLFailure) in
            (try MySQLServer(connection), try tables.find(on: connection, policy))
        }
        let version: Int64
        if let found {
            version = found
        } else {
            version = try await prepare(within: Self.creationTimeout) { connection throws(SQLFailure) in
                try tables.make(on: connection)
            }
        }
        guard version <= SQLSchema.version else {
            throw SessionStoreError(
                .newerFormat,
                "\(database.name): the tables have version \(version); this program knows up to \(SQLSchema.version)"
            )
        }
        return server
    }

    /// - Parameter body: Counts as a read, though it may make tables: it may be done again, whatever became of the first
    ///   time.
    private func prepare<Value: Sendable>(
        within timeout: Duration,
        _ body: @escaping @Sendable (MySQLConnection) throws(SQLFailure) -> Value
    ) async throws(SessionStoreError) -> Value {
        do throws(SQLFailure) {
            return try await database.reads.run(isRead: true, timeout: timeout) { connection throws(SQLFailure) in
                guard let connection = connection as? MySQLConnection else {
                    throw SQLFailure(.other, "a connection of another kind")
                }
                return try body(connection)
            }
        } catch {
            throw error.openingError(database.name)
        }
    }
}

extension SQLFailure {
    /// What lasts until somebody changes something is called so.
    fileprivate func openingError(_ name: String) -> SessionStoreError {
        let error = storeError(name, isRead: true)
        return switch kind {
        case .refused, .schema, .permission, .misconfigured: SessionStoreError(.misconfigured, error.message)
        default: error
        }
    }
}

extension MySQLSessionStore.TLS {
    /// The library would say that a file is missing, and not which.
    /// - Throws: `.misconfigured`, naming the property.
    fileprivate func checkFiles() throws(SessionStoreError) {
        let files = [
            (MySQLField.authorityFile, authorityFile), (.certificateFile, certificateFile), (.keyFile, keyFile),
        ]
        for (field, path) in files {
            guard let path, access(path, R_OK) != 0 else { continue }
            throw MySQLFieldNames.properties.error(field, "must be the path of a file that can be read: \(path) is not")
        }
    }
}

extension MySQLSessionStore.Configuration {
    /// Names kind, user, hosts and database in messages.
    var name: String {
        "mysql: \(username)@\(hosts.map(\.description).joined(separator: ","))/\(database)"
    }
}
#endif
