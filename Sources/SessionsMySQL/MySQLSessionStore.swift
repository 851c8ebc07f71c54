#if MySQL
public import Sessions
// What a store can do is declared there; whoever imports this module should not have to know.
@_exported public import SessionsSQL

/// Keeps sessions in MySQL or MariaDB.
///
/// ```swift
/// var configuration = MySQLSessionStore.Configuration(hosts: [.host("db.example.com")], username: "app", database: "app")
/// configuration.password = password
/// configuration.tls = .init()
/// let store = try await MySQLSessionStore.open(configuration)
/// let sessions = try SessionManager(store: store)
/// ```
/// MariaDB 10.5 or MySQL 8.0, or later. The user needs SELECT, INSERT, UPDATE and DELETE on the tables, and CREATE if the
/// store is to make them. What proxies, replicas and Galera mean for sessions is told in <doc:Servers>.
public final class MySQLSessionStore: SQLSessionStore {
    let configuration: Configuration
    /// The database, for this package's stores.
    public let database: SQLDatabase

    init(configuration: Configuration, database: SQLDatabase) {
        self.configuration = configuration
        self.database = database
    }

    /// The statements that make the tables, for those who make them by themselves.
    /// - Parameter table: The name of the table of the records; the others begin with it. 1 to 40 lower-case letters,
    ///   digits and underscores, beginning with a letter. Default: `sessions`.
    /// - Throws: `.misconfigured` for another name.
    public static func schema(table: String = "sessions") throws(SessionStoreError) -> [String] {
        SQLSchema(dialect: .mysql, tables: try SQLTables(table)).definition
    }
}
#else
/// Keeps sessions in MySQL or MariaDB. Not built: the trait `MySQL` is off.
@available(*, unavailable, message: "enable the trait MySQL: .package(url: \"…\", from: \"…\", traits: [\"MySQL\"])")
public final class MySQLSessionStore {}
#endif
