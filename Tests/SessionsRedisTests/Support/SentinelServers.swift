#if Redis
import NIOCore
import Sessions
import Testing

@testable import SessionsRedis

/// The primary, the replica and the three sentinels of `Scripts/services start redis-sentinel`.
final class SentinelServers: Sendable {
    let configuration: RedisSessionStore.Configuration
    let nodes: [RedisNode]
    let sentinels: [RedisNode]

    private init(
        _ configuration: RedisSessionStore.Configuration,
        nodes: [RedisNode],
        sentinels: [RedisNode]
    ) {
        self.configuration = configuration
        self.nodes = nodes
        self.sentinels = sentinels
    }

    /// Runs a test with the servers, all of them well, and with keys that no other test has.
    static func use(_ body: (SentinelServers) async throws -> Void) async throws {
        var configuration = try TestServers.configuration("SESSIONS_REDIS_SENTINEL_URL")
        guard var sentinel = configuration.sentinel else { throw TestServers.Missing(name: "a sentinel's address") }
        let password = try TestServers.value("SESSIONS_REDIS_SENTINEL_PASSWORD")
        sentinel.password = password
        configuration.topology = .sentinel(sentinel)
        let servers = SentinelServers(
            configuration,
            nodes: try TestServers.value("SESSIONS_REDIS_SENTINEL_NODES").split(separator: ",")
                .map { RedisNode(port: try Self.port(of: $0)) },
            sentinels: try sentinel.addresses
                .map { RedisNode(port: try Self.port(of: "\($0)"), password: password) }
        )
        try await servers.becomeWell()
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(servers))
        } catch {
            result = .failure(error)
        }
        for node in servers.nodes + servers.sentinels { await node.close() }
        try result.get()
    }

    private static func port(of address: some StringProtocol) throws -> Int {
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]) else {
            throw TestServers.Missing(name: "a port in \(address)")
        }
        return port
    }

    /// The one that takes writes and is followed by the other.
    var primary: RedisNode {
        get async throws { try await node("master") }
    }

    var replica: RedisNode {
        get async throws { try await node("slave") }
    }

    /// The number of the last failover.
    var epoch: Int {
        get async throws {
            guard case .map(let master) = try await sentinels[0].send("SENTINEL", "MASTER", "mymaster"),
                let epoch = master[.bulk(ByteBuffer(string: "config-epoch"))]?.text.flatMap({ Int($0) })
            else { throw TestServers.Missing(name: "the number of the last failover") }
            return epoch
        }
    }

    private func node(_ role: String) async throws -> RedisNode {
        for node in nodes where await node.role() == role { return node }
        throw TestServers.Missing(name: "a server that is a \(role)")
    }

    /// Starts again what a test has killed, lets go on what it has paused, and waits until all agree.
    func becomeWell() async throws {
        for node in nodes where await node.role() == nil { try await runServices("restart", "\(node.port)") }
        let areWell = await eventually(within: .seconds(30)) {
            guard let primary = try? await primary, let replica = try? await replica,
                let replication = try? await primary.info("replication"), replication["connected_slaves"] == "1",
                let link = try? await replica.info("replication"), link["master_link_status"] == "up"
            else { return false }
            for sentinel in sentinels {
                guard await isWell(sentinel, primary.port) else { return false }
            }
            return true
        }
        try #require(areWell, "the sentinels and their servers do not recover")
    }

    private func isWell(_ sentinel: RedisNode, _ port: Int) async -> Bool {
        guard case .map(let master) = try? await sentinel.send("SENTINEL", "MASTER", "mymaster"),
            case .array(let replicas) = try? await sentinel.send("SENTINEL", "REPLICAS", "mymaster"),
            replicas.count == 1, case .map(let replica) = replicas[0]
        else { return false }
        func field(_ name: String, _ fields: [RESPValue: RESPValue]) -> String? {
            fields[.bulk(ByteBuffer(string: name))]?.text
        }
        return field("flags", master) == "master" && field("port", master) == "\(port)"
            && field("num-other-sentinels", master) == "2" && field("flags", replica) == "slave"
            && field("master-link-status", replica) == "ok"
    }
}
#endif
