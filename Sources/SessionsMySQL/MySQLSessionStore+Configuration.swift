#if MySQL
extension MySQLSessionStore {
    /// How a store reaches its servers, and what it does there.
    public struct Configuration: Sendable {
        /// Where the server is. With several they are tried in order, each time a connection is opened; one that does not
        /// write, such as a replica, is passed over. 1 to 16.
        ///
        /// They must hold the same data: nodes of a cluster, or a primary and what takes its place.
        public var hosts: [Address]

        /// The user's name, 1 to 128 bytes.
        public var username: String

        /// The password, or `nil`, the default, for none. Never in a message.
        public var password: String?

        /// The name of the database, 1 to 64 characters. It must be there.
        public var database: String

        /// How connections are encrypted, or `nil`, the default, for not at all.
        ///
        /// Without it whoever is between here and the server reads every session. Leave it out for local sockets and for
        /// hosts on this machine only, or where the network itself is encrypted.
        public var tls: TLS?

        /// Whether the server may ask for the password itself, as it does for users from PAM and LDAP. Only over TLS with
        /// verification. Default: `false`.
        public var allowsCleartextPassword: Bool

        /// The name of the table of the records; the others begin with it. 1 to 40 lower-case letters, digits and
        /// underscores, beginning with a letter. Default: `sessions`.
        public var table: String

        /// Whether the tables are made when they are missing. Default: ``Schema/createIfNeeded``.
        public var schema: Schema

        /// The greatest number of connections, each with a thread of its own. 1 to 256. Default: 16.
        ///
        /// As many as are needed are opened. 8 of them read at the same time at most. Where MariaDB commits several sessions
        /// in one transaction, 2 do so at the same time; with MySQL all that do not read can commit. All servers' together,
        /// and those of others, must stay below the database's `max_connections`, 151 unless it was set.
        public var maximumConnections: Int

        /// How many calls may wait for a connection; what is over fails at once. 1 to 1 000 000. Default: 10 000.
        public var maximumWaitingCalls: Int

        /// The time within which a connection to one host is open and ready, or given up. 10 ms to 60 s. Default: 1 second.
        public var connectTimeout: Duration

        /// The time within which every operation ends, with a result or an error. 10 ms to 60 s. Default: 2 seconds.
        public var operationTimeout: Duration

        /// How long after its beginning a connection is replaced, so that new ones find a server that has taken another's
        /// place. 1 second to 7 days. Default: 30 minutes.
        public var maximumConnectionAge: Duration

        /// How long a connection is kept that nobody uses. 1 second to 7 days. Default: 5 minutes.
        public var maximumIdleTime: Duration

        /// Creates a configuration, with defaults for all else.
        public init(hosts: [Address], username: String, password: String? = nil, database: String) {
            self.hosts = hosts
            self.username = username
            self.password = password
            self.database = database
            tls = nil
            allowsCleartextPassword = false
            table = "sessions"
            schema = .createIfNeeded
            maximumConnections = 16
            maximumWaitingCalls = 10_000
            connectTimeout = .seconds(1)
            operationTimeout = .seconds(2)
            maximumConnectionAge = .seconds(30 * 60)
            maximumIdleTime = .seconds(5 * 60)
        }

        /// The ways to authenticate that a server may ask for, by their names in the protocol. The password itself is sent
        /// only where that was allowed.
        var allowedAuthentication: [String] {
            let hashed = ["mysql_native_password", "client_ed25519", "caching_sha2_password", "sha256_password"]
            return allowsCleartextPassword ? hashed + ["mysql_clear_password", "dialog"] : hashed
        }
    }

    /// A server's address.
    public struct Address: Hashable, Sendable {
        enum Wrapped: Hashable, Sendable {
            case host(String, port: Int)
            case unixSocket(path: String)
        }

        let wrapped: Wrapped

        /// A host name or IP address (without brackets), and a port.
        public static func host(_ name: String, port: Int = 3306) -> Self { .init(wrapped: .host(name, port: port)) }
        /// The path of a local socket.
        public static func unixSocket(_ path: String) -> Self { .init(wrapped: .unixSocket(path: path)) }
    }

    /// How connections are encrypted: TLS 1.2 or 1.3. Certificates are verified, and must bear the host as it is written in
    /// ``Configuration/hosts``, unless ``insecureSkipVerify`` is set.
    public struct TLS: Sendable {
        /// The file (PEM) with the authorities to trust, or `nil`, the default, for the system's.
        public var authorityFile: String?
        /// The file (PEM) with this client's certificate chain, or `nil`, the default, for none.
        public var certificateFile: String?
        /// The file (PEM) with the key of the client's certificate.
        public var keyFile: String?
        /// Whether any certificate will do, which lets anybody in between read and change everything. Default: `false`.
        public var insecureSkipVerify: Bool

        /// Encryption with the system's authorities.
        public init() {
            authorityFile = nil
            certificateFile = nil
            keyFile = nil
            insecureSkipVerify = false
        }
    }

    /// What is done about tables that are missing.
    public struct Schema: Hashable, Sendable {
        enum Wrapped: Hashable { case createIfNeeded, expect }
        let wrapped: Wrapped

        /// They are made. The user needs the right CREATE then.
        public static var createIfNeeded: Self { .init(wrapped: .createIfNeeded) }
        /// It is an error: somebody else makes them, with the statements of ``MySQLSessionStore/schema(table:)``.
        public static var expect: Self { .init(wrapped: .expect) }
    }
}
#endif
