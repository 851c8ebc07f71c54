#if SQLite
extension SQLiteSessionStore {
    /// Where a store keeps its sessions, and how.
    public struct Configuration: Sendable {
        /// The database's file. Made with mode 0600 if it is missing; its folder must be there. A relative path begins at
        /// the process's current folder.
        public var path: String

        /// Which acknowledged writes survive what. Default: ``SQLiteSessionStore/Durability/none``.
        public var durability: Durability

        /// The name of the table of the records; the others begin with it. 1 to 40 lower-case letters, digits and
        /// underscores, beginning with a letter. Default: `sessions`.
        public var table: String

        /// Whether the tables are made when they are missing. Default: ``Schema/createIfNeeded``.
        public var schema: Schema

        /// How many connections read at the same time; one more writes. 1 to 64. Default: 4.
        public var maximumReaders: Int

        /// How many calls may wait for a connection; what is over fails at once. 1 to 1 000 000. Default: 10 000.
        public var maximumWaitingCalls: Int

        /// The time within which every operation ends, with a result or an error: it includes waiting for another process
        /// that writes. 10 ms to 60 s. Default: 2 seconds.
        public var operationTimeout: Duration

        /// Creates a configuration for the database at a path, with defaults for all else.
        public init(path: String) {
            self.path = path
            durability = .none
            table = "sessions"
            schema = .createIfNeeded
            maximumReaders = 4
            maximumWaitingCalls = 10_000
            operationTimeout = .seconds(2)
        }
    }

    /// What is done about tables that are missing.
    public struct Schema: Hashable, Sendable {
        enum Wrapped: Hashable { case createIfNeeded, expect }
        let wrapped: Wrapped

        /// They are made.
        public static var createIfNeeded: Self { .init(wrapped: .createIfNeeded) }
        /// It is an error: somebody else makes them, with the statements of ``SQLiteSessionStore/schema(table:)``.
        public static var expect: Self { .init(wrapped: .expect) }
    }
}
#endif
