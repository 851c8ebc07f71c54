#if SQLite
public import Sessions
// What a store can do is declared there; whoever imports this module should not have to know.
@_exported public import SessionsSQL

/// Keeps sessions in an SQLite database: one file, no service to run, safe between processes, kept over restarts.
///
/// The recommended store for sessions that must last on one machine.
///
/// ```swift
/// let store = try await SQLiteSessionStore.open(.init(path: "sessions.sqlite"))
/// let sessions = try SessionManager(store: store)
/// ```
/// Any number of processes on one machine may share the file, which must be on a local file system. It is in WAL mode, so
/// that readers and the one writer do not wait for each other. What is acknowledged survives as ``Durability`` says.
///
/// Digests, records and times are all that is in it: no token. The file is made with mode 0600.
public final class SQLiteSessionStore: SQLSessionStore {
    /// Which acknowledged writes survive what.
    public struct Durability: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String { case none, flushed }
        private let wrapped: Wrapped

        /// An acknowledged write survives the death of the process at any moment (`kill -9`, a crash), since the
        /// operating system has it.
        ///
        /// It need not survive a power cut or a crash of the operating system: the last seconds may be lost, a logout
        /// among them. The database stays whole (`synchronous = NORMAL`). The default.
        public static var none: Self { .init(wrapped: .none) }

        /// An acknowledged write also survives a power cut, so far as the device keeps what it says it has
        /// (`synchronous = FULL`). A commit takes as long as the device needs, some milliseconds on many.
        public static var flushed: Self { .init(wrapped: .flushed) }

        /// The level's name.
        public var description: String { wrapped.rawValue }
    }

    /// The file, as an absolute path.
    public let path: String

    /// The database, for this package's stores.
    public let database: SQLDatabase

    init(path: String, database: SQLDatabase) {
        self.path = path
        self.database = database
    }

    /// The statements that make the tables, for those who make them by themselves.
    /// - Parameter table: The name of the table of the records; the others begin with it. 1 to 40 lower-case letters,
    ///   digits and underscores, beginning with a letter. Default: `sessions`.
    /// - Throws: `.misconfigured` for another name.
    public static func schema(table: String = "sessions") throws(SessionStoreError) -> [String] {
        SQLSchema(dialect: .sqlite, tables: try SQLTables(table)).definition
    }
}
#else
/// Keeps sessions in SQLite. Not built: the trait `SQLite` is off.
@available(*, unavailable, message: "enable the trait SQLite: .package(url: \"…\", from: \"…\", traits: [\"SQLite\"])")
public final class SQLiteSessionStore {}
#endif
