#if Redis
extension RedisSessionStore {
    /// How a store reaches its servers and what it asks of them.
    public struct Configuration: Sendable {
        /// Where the servers are.
        public var topology: Topology

        /// The ACL user, or `nil`, the default, for the server's default user.
        public var username: String?

        /// The password, or `nil`, the default, for none. Never in a message.
        public var password: String?

        /// The number of the database, 0 to 2 147 483 647. Default: 0, the only one that a Cluster has.
        public var database: Int

        /// How connections are encrypted, or `nil`, the default, for not at all.
        public var tls: TLS?

        /// What the name of every key begins with; applications that share a server have different ones. 1 to 64 of the
        /// letters A to Z, digits and `-._:/` characters. Default: `sessions`.
        public var keyPrefix: String

        /// How many connections are opened to each server. 1 to 64. Default: 1.
        ///
        /// All requests share them: commands of many requests travel together, which costs server and client a fraction
        /// of what a connection per request does. One fills a processor core; more make sense on machines with many.
        public var connectionsPerServer: Int

        /// How many commands may wait for an answer on one connection; what is over fails at once. 16 to 1 000 000.
        /// Default: 10 000.
        public var maximumPendingCommands: Int

        /// The time within which every operation ends, with a reply or an error. 10 ms to 60 s. Default: 1 second.
        public var operationTimeout: Duration

        /// The time within which a connection is open and ready, or given up. 10 ms to 60 s. Default: 1 second.
        public var connectTimeout: Duration

        /// How often one of the servers that share the keys sweeps the subjects' indexes, at most. 0, for whenever a
        /// manager asks for it, to 30 days. Default: 10 minutes. Expired records need no sweep: the server drops them.
        public var sweepInterval: Duration

        /// Whether sensitive commits (a renewal, the end of a session) wait for replicas, or `nil`, the default, for not.
        public var replication: Replication?

        /// Whether sessions read lately are kept in this process, as long as the server vouches for them; `nil`, the
        /// default, for not.
        public var nearCache: NearCache?

        /// Creates a configuration for the servers of `topology`, with defaults for all else.
        public init(_ topology: Topology) {
            self.topology = topology
            username = nil
            password = nil
            database = 0
            tls = nil
            keyPrefix = "sessions"
            connectionsPerServer = 1
            maximumPendingCommands = 10_000
            operationTimeout = .seconds(1)
            connectTimeout = .seconds(1)
            sweepInterval = .seconds(600)
            replication = nil
            nearCache = nil
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
        public static func host(_ name: String, port: Int = 6379) -> Self { .init(wrapped: .host(name, port: port)) }
        /// The path of a local socket.
        public static func unixSocket(_ path: String) -> Self { .init(wrapped: .unixSocket(path: path)) }
    }

    /// How the servers are arranged.
    public struct Topology: Sendable {
        enum Wrapped: Sendable {
            case single(Address)
            case sentinel(Sentinel)
            case cluster([Address])
        }

        let wrapped: Wrapped

        /// One server.
        public static func single(_ address: Address) -> Self { .init(wrapped: .single(address)) }
        /// A primary with replicas, watched over by sentinels.
        public static func sentinel(_ sentinel: Sentinel) -> Self { .init(wrapped: .sentinel(sentinel)) }
        /// A Cluster, with some of its nodes to begin with: one is enough, several help when one is down.
        public static func cluster(_ nodes: [Address]) -> Self { .init(wrapped: .cluster(nodes)) }
    }

    /// The sentinels, and what they watch.
    ///
    /// ``RedisSessionStore/Configuration/tls`` covers the connections to them as well. An ACL user at the sentinels needs
    /// `+sentinel|get-master-addr-by-name +sentinel|master +sentinel|sentinels`. What a failover may lose is told in
    /// <doc:Durability>.
    public struct Sentinel: Sendable {
        /// Where they listen; port 26379 is usual. At least one.
        public var addresses: [Address]
        /// What they call the primary. Default: `mymaster`.
        public var masterName: String
        /// The sentinels' own ACL user, or `nil`, the default.
        public var username: String?
        /// The sentinels' own password, or `nil`, the default, for none.
        public var password: String?

        /// Creates a description of the sentinels.
        public init(_ addresses: [Address], masterName: String = "mymaster") {
            self.addresses = addresses
            self.masterName = masterName
            username = nil
            password = nil
        }
    }

    /// How connections are encrypted. Certificates are verified, names included, unless ``insecureSkipVerify`` is set.
    public struct TLS: Sendable {
        /// The file (PEM) with the authorities to trust, or `nil`, the default, for the system's.
        public var authorityFile: String?
        /// The file (PEM) with this client's certificate chain, or `nil`, the default, for none.
        public var certificateFile: String?
        /// The file (PEM) with the key of the client's certificate.
        public var keyFile: String?
        /// The name that the server's certificate must bear, or `nil`, the default, for the host's name.
        public var serverName: String?
        /// Whether any certificate will do, which lets anybody in between read and change everything. Default: `false`.
        public var insecureSkipVerify: Bool

        /// Encryption with the system's authorities.
        public init() {
            authorityFile = nil
            certificateFile = nil
            keyFile = nil
            serverName = nil
            insecureSkipVerify = false
        }
    }

    /// How many replicas must have a sensitive commit, which is a renewal or the end of a session, before its caller is told
    /// that it is done.
    ///
    /// If fewer have it in time, the commit stands all the same, for it cannot be taken back, and a warning is logged. While
    /// too few replicas are there at all, each sensitive commit takes as long as ``timeout``, and at the most twice as long.
    /// See <doc:Durability>.
    public struct Replication: Hashable, Sendable {
        /// The number of replicas. 1 to 16.
        public var replicas: Int
        /// How long to wait for them. 1 ms to 10 s. Default: 250 ms. Keep it under
        /// ``RedisSessionStore/Configuration/operationTimeout``.
        public var timeout: Duration

        /// Creates a requirement.
        public init(replicas: Int = 1, timeout: Duration = .milliseconds(250)) {
            self.replicas = replicas
            self.timeout = timeout
        }
    }

    /// Sessions that are kept in this process: see <doc:NearCache>.
    public struct NearCache: Hashable, Sendable {
        /// The most sessions to keep, in a Cluster for each primary. Each takes what its record takes and about 200 bytes
        /// more. 1 to 10 000 000. Default: 10 000.
        public var maximumCount: Int

        /// Creates a near cache.
        public init(maximumCount: Int = 10_000) {
            self.maximumCount = maximumCount
        }
    }
}
#endif
