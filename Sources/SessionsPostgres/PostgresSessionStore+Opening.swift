#if PostgreSQL
public import Logging
public import Sessions
import SessionsSQL

extension PostgresSessionStore {
    /// The time within which opening has succeeded or failed.
    private static let openingTime = Duration.milliseconds(4800)

    /// Opens a store: finds the primary, looks whether it will do, and makes the tables if they are missing.
    ///
    /// Any number of servers may do this at the same time. Warns if the server acknowledges what it may lose
    /// (`synchronous_commit = off`, `fsync = off`).
    /// - Parameters:
    ///   - configuration: Where the servers are and what is asked of them.
    ///   - logger: Where warnings go, now and later. Default: one with the label `sessions.postgres`.
    /// - Throws: `SessionStoreError`, within five seconds: `.misconfigured`, naming the field or telling what to do, for a
    ///   configuration that makes no sense or that the server refuses; `.newerFormat` for tables of a later version;
    ///   `.unavailable` if no server answers in time, or none that writes.
    public static func open(
        _ configuration: Configuration,
        logger: Logger = Logger(label: "sessions.postgres")
    ) async throws(SessionStoreError) -> PostgresSessionStore {
        try configuration.validate()
        try configuration.checkFiles()
        let store = make(configuration, try SQLTables(configuration.table), logger)
        try await store.prepare()
        store.listener?.start()
        return store
    }

    /// Makes a store that has not connected yet.
    private static func make(
        _ configuration: Configuration,
        _ tables: SQLTables,
        _ logger: Logger
    ) -> PostgresSessionStore {
        let servers = PostgresServers(configuration)
        let statements = SQLStatements(dialect: .postgres, tables: tables)
        let preparesStatements = !configuration.usesTransactionPooler
        let nearCache = configuration.nearCache.map { PostgresNearCache(maximumCount: $0.maximumCount) }
        let listener = nearCache.map {
            PostgresListener($0, servers: servers, announcements: PostgresAnnouncements(tables), logger: logger)
        }
        let pool = SQLConnectionPool(
            limits: .init(
                connections: configuration.maximumConnections,
                changes: Self.concurrentTransactions,
                waiting: configuration.maximumWaitingCalls,
                age: configuration.maximumConnectionAge,
                idle: configuration.maximumIdleTime
            )
        ) { () throws(SQLFailure) in
            let link = try servers.connect()
            guard let nearCache, let listener else {
                return PostgresConnection(link, statements: statements, preparesStatements: preparesStatements)
            }
            let server: String
            do throws(SQLFailure) { server = try link.serverIdentity() } catch {
                link.close()
                throw error
            }
            if nearCache.connected(to: server) { listener.reconnect() }
            return PostgresConnection(link, statements: statements, preparesStatements: preparesStatements) {
                nearCache.isCurrent(server)
            }
        }
        let database = SQLDatabase(
            name: configuration.name,
            pool: pool,
            timeout: configuration.operationTimeout,
            renewsInOneStatement: true
        )
        return PostgresSessionStore(
            configuration: configuration,
            database: database,
            nearCache: nearCache,
            listener: listener,
            logger: logger
        )
    }

    /// How many transactions run at a time in which changes are committed together: while they do, others gather.
    private static let concurrentTransactions = 2

    /// Looks at server and tables, on a connection of its own.
    private func prepare() async throws(SessionStoreError) {
        let tables = try SQLTables(configuration.table)
        let servers = PostgresServers(configuration)
        let deadline = ContinuousClock.now + Self.openingTime
        let statements = SQLStatements(dialect: .postgres, tables: tables)
        let preparation = PostgresPreparation(configuration, tables)
        let limits = SQLConnectionPool.Limits(connections: 1, waiting: 1, age: .seconds(60), idle: .seconds(60))
        let pool = SQLConnectionPool(limits: limits) { () throws(SQLFailure) in
            PostgresConnection(
                // A while before, so that what is wrong is told and not only that time is over.
                try servers.connect(by: deadline - .milliseconds(500)),
                statements: statements,
                preparesStatements: false
            )
        }
        let warnings: [String]
        do throws(SQLFailure) {
            warnings = try await pool.run(isRead: false, timeout: Self.openingTime) { connection throws(SQLFailure) in
                guard let connection = connection as? PostgresConnection else { return [] }
                return try preparation.run(connection.link)
            }
        } catch {
            // Nobody waits for the connection: looking up a host's name may take longer than anybody has patience.
            throw Self.openingError(error, database.name)
        }
        await pool.shutDown()
        for warning in warnings { logger.warning("\(warning)", metadata: ["store": "\(database.name)"]) }
    }

    private static func openingError(_ failure: SQLFailure, _ name: String) -> SessionStoreError {
        var error = failure.storeError(name, isRead: true)
        switch failure.kind {
        case .refused, .schema, .permission, .misconfigured:
            error.code = failure.code == PostgresPreparation.newerFormat ? .newerFormat : .misconfigured
        default: break
        }
        return error
    }
}

extension PostgresSessionStore.Configuration {
    /// Kind, user, hosts and database, for messages.
    var name: String { "postgres: \(username)@\(hosts.map(\.description).joined(separator: ","))/\(database)" }

    /// Looks whether the files are there: libpq goes on without a certificate that it does not find.
    func checkFiles() throws(SessionStoreError) {
        guard let tls else { return }
        let files = [
            ("authorityFile", tls.authorityFile), ("certificateFile", tls.certificateFile), ("keyFile", tls.keyFile),
        ]
        for (name, path) in files {
            if let path, !PostgresAuthorities.canRead(path) {
                throw SessionStoreError(
                    .misconfigured,
                    "postgres: the file TLS.\(name) is not there, or cannot be read"
                )
            }
        }
        guard tls.verification == .insecureNone || tls.authorityFile != nil || PostgresAuthorities.system != nil else {
            throw SessionStoreError(
                .misconfigured,
                "postgres: the system's certificate authorities are not where they usually are: set TLS.authorityFile "
                    + "(sslrootcert)"
            )
        }
    }
}
#endif
