#if PostgreSQL
import Logging
public import Sessions
// What a store can do is declared there; whoever imports this module should not have to know.
@_exported public import SessionsSQL

/// Keeps sessions in PostgreSQL, through libpq.
///
/// ```swift
/// let store = try await PostgresSessionStore.open(
///     .init(
///         hosts: [.host("db1.internal"), .host("db2.internal")],
///         username: "app",
///         password: password,
///         database: "app"
///     )
/// )
/// let sessions = try SessionManager(store: store)
/// ```
/// PostgreSQL 12 or later. Reading a session is one round trip, committing or renewing another. Every connection has a
/// thread of its own, so that no call blocks Swift's shared pool.
///
/// What the server holds are digests, records and times; no token is in it.
public final class PostgresSessionStore: SQLSessionStore {
    let configuration: Configuration
    let logger: Logger

    /// The database, for this package's stores.
    public let database: SQLDatabase

    let nearCache: PostgresNearCache?
    let listener: PostgresListener?

    init(
        configuration: Configuration,
        database: SQLDatabase,
        nearCache: PostgresNearCache?,
        listener: PostgresListener?,
        logger: Logger
    ) {
        self.configuration = configuration
        self.database = database
        self.nearCache = nearCache
        self.listener = listener
        self.logger = logger
    }

    deinit { listener?.stop() }

    /// The statements that make the tables, for those who make them by themselves: in this order, each by itself, in the
    /// schema in which they shall be.
    /// - Parameter table: The name of the table of the records; the others begin with it. 1 to 40 lower-case letters,
    ///   digits and underscores, beginning with a letter. Default: `sessions`.
    /// - Throws: `.misconfigured` for another name.
    public static func schema(table: String = "sessions") throws(SessionStoreError) -> [String] {
        SQLSchema(dialect: .postgres, tables: try SQLTables(table)).definition
    }

    /// The statements that make the trigger which a near cache needs, for those who make it by themselves: whoever changes
    /// a session then announces it, with a near cache or without.
    ///
    /// Without near caches the trigger only costs: `DROP TRIGGER sessions_announce ON sessions` takes it away, once no
    /// server has one any more.
    /// - Parameter table: As for ``schema(table:)``.
    /// - Throws: `.misconfigured` for another name.
    public static func nearCacheSchema(table: String = "sessions") throws(SessionStoreError) -> [String] {
        PostgresAnnouncements(try SQLTables(table)).definition
    }
}
#else
/// Keeps sessions in PostgreSQL. Not built: the trait `PostgreSQL` is off.
@available(
    *,
    unavailable,
    message: "enable the trait PostgreSQL: .package(url: \"…\", from: \"…\", traits: [\"PostgreSQL\"])"
)
public final class PostgresSessionStore {}
#endif
