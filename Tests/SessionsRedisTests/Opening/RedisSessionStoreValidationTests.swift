#if Redis
import Sessions
import Testing

@testable import SessionsRedis

@Suite("The settings of a Redis store")
struct RedisSessionStoreValidationTests {
    /// A change to a good configuration, and the property that the error has to name, or `nil` if it is good still.
    struct Change: CustomTestStringConvertible {
        let testDescription: String
        let property: String?
        let change: @Sendable (inout RedisConfiguration) -> Void

        init(
            _ description: String,
            _ property: String?,
            _ change: @escaping @Sendable (inout RedisConfiguration) -> Void
        ) {
            (testDescription, self.property, self.change) = (description, property, change)
        }
    }

    private static func encrypted(_ change: (inout RedisSessionStore.TLS) -> Void) -> RedisSessionStore.TLS {
        var tls = RedisSessionStore.TLS()
        change(&tls)
        return tls
    }

    private static func watched(
        _ change: (inout RedisSessionStore.Sentinel) -> Void
    ) -> RedisSessionStore.Topology {
        var sentinel = RedisSessionStore.Sentinel([.host("s", port: 26_379)])
        sentinel.password = testSecret
        change(&sentinel)
        return .sentinel(sentinel)
    }

    static let changes: [Change] = [
        .init("as it is", nil) { _ in },
        .init("no node", "topology") { $0.topology = .cluster([]) },
        .init("no sentinel", "topology") { $0.topology = .sentinel(.init([])) },
        .init("100 nodes", nil) { $0.topology = .cluster(Array(repeating: .host("h"), count: 100)) },
        .init("101 nodes", "topology") { $0.topology = .cluster(Array(repeating: .host("h"), count: 101)) },
        .init("101 sentinels", "topology") { $0.topology = .sentinel(.init(Array(repeating: .host("h"), count: 101))) },
        .init("port 0", "topology") { $0.topology = .single(.host("h", port: 0)) },
        .init("port -1", "topology") { $0.topology = .single(.host("h", port: -1)) },
        .init("port 65536", "topology") { $0.topology = .single(.host("h", port: 65_536)) },
        .init("port 65535", nil) { $0.topology = .single(.host("h", port: 65_535)) },
        .init("no host", "topology") { $0.topology = .single(.host("")) },
        .init("CRLF in a host", "topology") { $0.topology = .single(.host("h\r\nFLUSHALL")) },
        .init("NUL in a host", "topology") { $0.topology = .cluster([.host("a"), .host("h\u{0}")]) },
        .init("a port in a host", "topology") { $0.topology = .single(.host("h:6379")) },
        .init("brackets", "topology") { $0.topology = .single(.host("[::1]")) },
        .init("CRLF in a zone", "topology") { $0.topology = .single(.host("fe80::1%\r\n")) },
        .init("IPv6", nil) { $0.topology = .single(.host("2001:db8::1")) },
        .init("a socket", nil) { $0.topology = .single(.unixSocket("/run/redis.sock")) },
        .init("a relative socket", "topology") { $0.topology = .single(.unixSocket("redis.sock")) },
        .init("an empty socket", "topology") { $0.topology = .single(.unixSocket("")) },
        .init("a long socket", "topology") {
            $0.topology = .single(.unixSocket("/" + String(repeating: "s", count: 107)))
        },
        .init("NUL in a socket", "topology") { $0.topology = .single(.unixSocket("/run/r\u{0}")) },
        .init("a socket in a Cluster", "topology") { $0.topology = .cluster([.unixSocket("/run/redis.sock")]) },
        .init("an empty name", "masterName") { $0.topology = watched { $0.masterName = "" } },
        .init("CRLF in a name", "masterName") { $0.topology = watched { $0.masterName = "m\r\nX" } },
        .init("a space in a name", "masterName") { $0.topology = watched { $0.masterName = "a b" } },
        .init("a long name", "masterName") {
            $0.topology = watched { $0.masterName = String(repeating: "m", count: 256) }
        },
        .init("a sentinel's empty password", "Sentinel.password") { $0.topology = watched { $0.password = "" } },
        .init("CRLF in a sentinel's password", "Sentinel.password") {
            $0.topology = watched { $0.password = "5ecret\r\n" }
        },
        .init("a sentinel's empty user", "Sentinel.username") { $0.topology = watched { $0.username = "" } },
        .init("a sentinel's user without password", "Sentinel.username") {
            $0.topology = watched { ($0.username, $0.password) = ("u", nil) }
        },
        .init("an empty user", "Configuration.username") { $0.username = "" },
        .init("CRLF in the user", "Configuration.username") { $0.username = "u\r\nX" },
        .init("a user without password", "Configuration.username") { ($0.username, $0.password) = ("5ecret", nil) },
        .init("a user with an empty password", nil) { ($0.username, $0.password) = ("u", "") },
        .init("an empty password", "Configuration.password") { $0.password = "" },
        .init("no password", nil) { $0.password = nil },
        .init("CRLF in the password", "Configuration.password") { $0.password = "5ecret\r\nFLUSHALL" },
        .init("a long password", "Configuration.password") { $0.password = String(repeating: "5ecret", count: 700) },
        .init("database -1", "database") { $0.database = -1 },
        .init("database 2147483648", "database") { $0.database = 2_147_483_648 },
        .init("database 15", nil) { $0.database = 15 },
        .init("a Cluster's database 1", "database") { ($0.topology, $0.database) = (.cluster([.host("h")]), 1) },
        .init("an empty prefix", "keyPrefix") { $0.keyPrefix = "" },
        .init("a prefix of 64", nil) { $0.keyPrefix = String(repeating: "p", count: 64) },
        .init("a prefix of 65", "keyPrefix") { $0.keyPrefix = String(repeating: "p", count: 65) },
        .init("a hash tag in the prefix", "keyPrefix") { $0.keyPrefix = "a{b}" },
        .init("CRLF in the prefix", "keyPrefix") { $0.keyPrefix = "a\r\nFLUSHALL" },
        .init("a pattern in the prefix", "keyPrefix") { $0.keyPrefix = "a*" },
        .init("a quote in the prefix", "keyPrefix") { $0.keyPrefix = "a';" },
        .init("no connection", "connectionsPerServer") { $0.connectionsPerServer = 0 },
        .init("64 connections", nil) { $0.connectionsPerServer = 64 },
        .init("65 connections", "connectionsPerServer") { $0.connectionsPerServer = 65 },
        .init("15 commands", "maximumPendingCommands") { $0.maximumPendingCommands = 15 },
        .init("1000001 commands", "maximumPendingCommands") { $0.maximumPendingCommands = 1_000_001 },
        .init("9 ms", "operationTimeout") { $0.operationTimeout = .milliseconds(9) },
        .init("more than 60 s", "operationTimeout") { $0.operationTimeout = .seconds(60) + .nanoseconds(1) },
        .init("60 s", nil) { $0.operationTimeout = .seconds(60) },
        .init("a negative time", "connectTimeout") { $0.connectTimeout = .seconds(-1) },
        .init("an endless time", "connectTimeout") { $0.connectTimeout = .seconds(Int64.max) },
        .init("no replica", "Replication.replicas") { $0.replication = .init(replicas: 0) },
        .init("17 replicas", "Replication.replicas") { $0.replication = .init(replicas: 17) },
        .init("no time for replicas", "Replication.timeout") { $0.replication = .init(timeout: .zero) },
        .init("11 s for replicas", "Replication.timeout") {
            ($0.operationTimeout, $0.replication) = (.seconds(60), .init(timeout: .seconds(11)))
        },
        .init("replicas as long as the operation", "Replication.timeout") {
            $0.replication = .init(timeout: .seconds(1))
        },
        .init("replicas shorter than the operation", nil) { $0.replication = .init(timeout: .milliseconds(999)) },
        .init("an empty near cache", "NearCache.maximumCount") { $0.nearCache = .init(maximumCount: 0) },
        .init("a huge near cache", "NearCache.maximumCount") { $0.nearCache = .init(maximumCount: 10_000_001) },
        .init("TLS", nil) { $0.tls = .init() },
        .init("TLS on a socket", "Configuration.tls") {
            ($0.topology, $0.tls) = (.single(.unixSocket("/run/redis.sock")), .init())
        },
        .init("certificate and key", nil) {
            $0.tls = encrypted { ($0.certificateFile, $0.keyFile) = ("c.pem", "k.pem") }
        },
        .init("a certificate without key", "TLS.certificateFile") {
            $0.tls = encrypted { $0.certificateFile = "c.pem" }
        },
        .init("a key without certificate", "TLS.keyFile") { $0.tls = encrypted { $0.keyFile = "k.pem" } },
        .init("an empty path", "TLS.authorityFile") { $0.tls = encrypted { $0.authorityFile = "" } },
        .init("NUL in a path", "TLS.authorityFile") { $0.tls = encrypted { $0.authorityFile = "ca.pem\u{0}x" } },
        .init("an address for a name", "TLS.serverName") { $0.tls = encrypted { $0.serverName = "::1" } },
        .init("CRLF in a name to verify", "TLS.serverName") { $0.tls = encrypted { $0.serverName = "h\r\n" } },
    ]

    @Test("4e: each is checked before anything connects, and the error names the property", arguments: changes)
    func validation(change: Change) async throws {
        var configuration = RedisConfiguration(.single(.host("127.0.0.1")))
        configuration.password = testSecret
        change.change(&configuration)
        guard let property = change.property else {
            try configuration.validate()
            return
        }
        let error = try #require(throws: SessionStoreError.self) { try configuration.validate() }
        #expect(error.code == .misconfigured)
        #expect(error.message.hasPrefix("RedisSessionStore."))
        #expect(error.message.contains("\(property) must "))
        #expect(!everythingShown(of: error).contains(testSecret))
        #expect(!error.message.utf8.contains { $0 < 0x20 })
        await #expect(throws: SessionStoreError.self) {
            _ = try await RedisSessionStore.open(configuration)
        }
    }
}
#endif
