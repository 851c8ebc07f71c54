#if PostgreSQL
extension PostgresSessionStore {
    /// How a store reaches its servers and what it asks of them.
    ///
    /// Nothing else has a say: neither the environment (`PGHOST`, `PGPASSWORD`, …) nor `~/.pgpass`, `pg_service.conf` or
    /// `~/.postgresql`, from which other programs on libpq take what they are not told.
    public struct Configuration: Sendable {
        /// Where the servers are: a primary, and those that may become it. They are tried in order, beginning with the one
        /// that was right last; one that does not write is not used. 1 to 16.
        public var hosts: [Address]

        /// The user's name.
        public var username: String

        /// The password, or `nil`, the default, for none. Never in a message.
        public var password: String?

        /// The database.
        public var database: String

        /// How connections are encrypted, or `nil` for not at all.
        ///
        /// Default: with everything verified; not at all if all ``hosts`` are this machine (a local socket,
        /// `localhost`, a loopback address).
        public var tls: TLS?

        /// The name of the table of the records; the others begin with it. 1 to 40 lower-case letters, digits and
        /// underscores, beginning with a letter. Default: `sessions`.
        public var table: String

        /// The schema in which the tables are, or `nil`, the default, for the one that the user's `search_path` finds.
        /// 1 to 63 lower-case letters, digits and underscores, beginning with a letter.
        public var searchPath: String?

        /// Whether the tables are made when they are missing. Default: ``Schema/createIfNeeded``.
        public var schema: Schema

        /// The greatest number of connections, each with a thread of its own; with a near cache there is one more. 1 to
        /// 256. Default: 8.
        public var maximumConnections: Int

        /// How many calls may wait for a connection; what is over fails at once. 1 to 1 000 000. Default: 10 000.
        public var maximumWaitingCalls: Int

        /// The time within which a server has accepted a connection, or the next one is tried. 10 ms to 60 s. Default: 1
        /// second.
        public var connectTimeout: Duration

        /// The time within which every operation ends, with a result or an error. 10 ms to 60 s. Default: 2 seconds. It is
        /// the server's `statement_timeout` as well, so that nothing goes on for long that nobody waits for.
        public var operationTimeout: Duration

        /// How long after its beginning a connection is replaced. 1 s to 1 day. Default: 30 minutes.
        public var maximumConnectionAge: Duration

        /// How long a connection is kept without having been used. 1 s to 1 day. Default: 5 minutes.
        public var maximumIdleTime: Duration

        /// Whether the servers are a pooler in transaction mode, such as PgBouncer's default one, in which each
        /// transaction may meet another server process. Default: `false`. See <doc:Poolers>.
        public var usesTransactionPooler: Bool

        /// What the connections are called in `pg_stat_activity`. At most 63 bytes. Default: `swift-sessions`.
        public var applicationName: String

        /// Whether sessions read lately are kept in this process; `nil`, the default, for not. See <doc:NearCache>.
        public var nearCache: NearCache?

        /// Creates a configuration for the servers at `hosts`, with defaults for all else.
        public init(hosts: [Address], username: String, password: String? = nil, database: String) {
            self.hosts = hosts
            self.username = username
            self.password = password
            self.database = database
            tls = hosts.allSatisfy(\.isThisMachine) ? nil : TLS()
            table = "sessions"
            searchPath = nil
            schema = .createIfNeeded
            maximumConnections = 8
            maximumWaitingCalls = 10_000
            connectTimeout = .seconds(1)
            operationTimeout = .seconds(2)
            maximumConnectionAge = .seconds(1800)
            maximumIdleTime = .seconds(300)
            usesTransactionPooler = false
            applicationName = "swift-sessions"
            nearCache = nil
        }
    }

    /// A server's address.
    public struct Address: Hashable, Sendable {
        enum Wrapped: Hashable, Sendable {
            case host(String, port: Int)
            case socket(directory: String, port: Int)
        }

        let wrapped: Wrapped

        /// A host name or IP address (without brackets), and a port.
        public static func host(_ name: String, port: Int = 5432) -> Self { .init(wrapped: .host(name, port: port)) }
        /// The local socket in a directory, such as `/run/postgresql`; the port is a part of its name.
        public static func socket(directory: String, port: Int = 5432) -> Self {
            .init(wrapped: .socket(directory: directory, port: port))
        }
    }

    /// How connections are encrypted.
    public struct TLS: Hashable, Sendable {
        /// What a server has to prove.
        public struct Verification: Hashable, Sendable, CustomStringConvertible {
            enum Wrapped: String { case full, authorityOnly, insecureNone }
            let wrapped: Wrapped

            /// A certificate of a trusted authority, for the host's name (`sslmode=verify-full`). The default.
            public static var full: Self { .init(wrapped: .full) }
            /// A certificate of a trusted authority, for whatever name (`verify-ca`): as good as that authority is
            /// careful, which for a public one is not at all.
            public static var authorityOnly: Self { .init(wrapped: .authorityOnly) }
            /// Nothing, which lets anybody in between read and change everything.
            public static var insecureNone: Self { .init(wrapped: .insecureNone) }

            /// The name.
            public var description: String { wrapped.rawValue }
        }

        /// What a server has to prove. Default: ``Verification/full``.
        public var verification: Verification
        /// The file (PEM) with the authorities to trust, or `nil`, the default, for the system's.
        public var authorityFile: String?
        /// The file (PEM) with this client's certificate chain, or `nil`, the default, for none.
        public var certificateFile: String?
        /// The file (PEM) with the key of the client's certificate. Only its owner may read it, or root and a group.
        public var keyFile: String?

        /// Encryption with the system's authorities.
        public init(
            verification: Verification = .full,
            authorityFile: String? = nil,
            certificateFile: String? = nil,
            keyFile: String? = nil
        ) {
            self.verification = verification
            self.authorityFile = authorityFile
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    /// What is done about tables that are missing.
    public struct Schema: Hashable, Sendable {
        enum Wrapped: Hashable { case createIfNeeded, expect }
        let wrapped: Wrapped

        /// They are made.
        public static var createIfNeeded: Self { .init(wrapped: .createIfNeeded) }
        /// It is an error: somebody else makes them, with the statements of ``PostgresSessionStore/schema(table:)``.
        public static var expect: Self { .init(wrapped: .expect) }
    }

    /// Sessions that are kept in this process: see <doc:NearCache>.
    public struct NearCache: Hashable, Sendable {
        /// The most sessions to keep. Each takes what its record takes and about 200 bytes more. 1 to 10 000 000. Default:
        /// 10 000.
        public var maximumCount: Int

        /// Creates a near cache.
        public init(maximumCount: Int = 10_000) {
            self.maximumCount = maximumCount
        }
    }
}
#endif
