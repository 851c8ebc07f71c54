#if Redis
import NIOCore
import Sessions
@testable import SessionsRedis
import Synchronization

/// A Cluster of two nodes in this process, of which one has all slots.
final class FakeCluster: Sendable {
    /// What node 0 or 1 does when a command has come; `nil` for what a healthy one does.
    typealias Script =
        @Sendable (_ cluster: FakeCluster, _ node: Int, _ command: FakeRedis.Command) -> [FakeRedis.Step]?

    private struct State {
        var ports = [0, 0]
        var owner = 0
        var askedCount = 0
    }

    private let state = Mutex(State())

    /// Which node has the slots.
    var owner: Int {
        get { state.withLock { $0.owner } }
        set { state.withLock { $0.owner = newValue } }
    }

    /// How often nodes were asked for the map.
    var askedCount: Int { state.withLock { $0.askedCount } }

    /// `MOVED` or `ASK`, to one of the nodes.
    func redirection(_ word: String, of key: String, to node: Int) -> FakeRedis.Step {
        let slot = Self.slot(ofKey: key).number
        return .say("-\(word) \(slot) 127.0.0.1:\(state.withLock { $0.ports[node] })\r\n")
    }

    private static func slot(ofKey key: String) -> RedisSlot {
        let tag = key.split(separator: "{").last?.prefix { $0 != "}" }
        return RedisSlot(hashing: String(tag ?? ""))
    }

    private func answer(_ command: FakeRedis.Command) -> [FakeRedis.Step]? {
        guard command.name == "CLUSTER" else { return command.name == "ASKING" ? [.say("+OK\r\n")] : nil }
        if command.text(1) == "INFO" {
            return [FakeRedis.bulk(ByteBuffer(string: "cluster_state:ok\r\ncluster_current_epoch:1\r\n"))]
        }
        return state.withLock { state in
            state.askedCount += 1
            let node = "*3\r\n$9\r\n127.0.0.1\r\n:\(state.ports[state.owner])\r\n$2\r\nid\r\n"
            return [.say("*1\r\n*3\r\n:0\r\n:16383\r\n\(node)")]
        }
    }

    /// Runs `body` with a Cluster and a store on it, which is given `timeout` for everything.
    /// - Parameter seeds: The nodes that the store is told of.
    static func run(
        timeout: Duration = .seconds(20),
        seeds: [Int] = [0, 1],
        _ script: @escaping Script,
        _ body: (FakeCluster, RedisSessionStore, [FakeRedis]) async throws -> Void
    ) async throws {
        let cluster = FakeCluster()
        func nodeScript(_ node: Int) -> FakeRedis.Script {
            { script(cluster, node, $0) ?? cluster.answer($0) }
        }
        try await FakeRedis.run(nodeScript(0)) { first in
            try await FakeRedis.run(nodeScript(1)) { second in
                cluster.state.withLock { $0.ports = [first.port, second.port] }
                var configuration = first.configuration(timeout: timeout)
                let ports = [first.port, second.port]
                configuration.topology = .cluster(seeds.map { .host("127.0.0.1", port: ports[$0]) })
                try await RedisSessionStore.run(configuration) { try await body(cluster, $0, [first, second]) }
            }
        }
    }
}
#endif
