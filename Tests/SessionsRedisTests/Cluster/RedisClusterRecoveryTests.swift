#if Redis
import NIOCore
import NIOPosix
import Sessions
@testable import SessionsRedis
import Synchronization
import Testing

@Suite("What a Cluster's nodes answer instead of a reply", .timeLimit(.minutes(5)))
struct RedisClusterRecoveryTests {
    /// How often something has happened so far.
    private final class Counter: Sendable {
        private let count = Atomic<Int>(0)

        func next() -> Int { count.add(1, ordering: .relaxed).newValue }
    }

    private func insert(_ store: RedisSessionStore) async throws {
        let outcome = try await store.insert(TestUser("a"))
        #expect(outcome == .inserted)
    }

    @Test("A write that got no answer is not sent again, and the next command asks where to go")
    func unansweredWrite() async throws {
        let user = TestUser("a")
        try await FakeCluster.run { cluster, node, command in
            guard command.name == "SET", node == 0 else { return nil }
            cluster.owner = 1
            return [.close]
        } _: { cluster, store, nodes in
            #expect(await failureCode { try await store.insert(user) } == .outcomeUnknown)
            #expect(nodes[1].commands("SET").isEmpty)
            let record = try await store.load(user)
            #expect(record == nil)
            #expect(nodes[0].commands("GET").isEmpty)
            #expect(nodes[1].commands("GET").count == 1)
            #expect(cluster.askedCount == 2)
        }
    }

    @Test("A read that got no answer is sent to the node that has the slot by then")
    func unansweredRead() async throws {
        try await FakeCluster.run { cluster, node, command in
            guard command.name == "GET", node == 0 else { return nil }
            cluster.owner = 1
            return [.close]
        } _: { _, store, nodes in
            let record = try await store.load(TestUser("a"))
            #expect(record == nil)
            #expect(nodes[0].commands("GET").count == 1)
            #expect(nodes[1].commands("GET").count == 1)
        }
    }

    @Test("A write that a hanging node does not answer fails in time, and the next one goes to its successor")
    func hanging() async throws {
        try await FakeCluster.run(timeout: .seconds(1)) { cluster, node, command in
            guard command.name == "SET", node == 0 else { return nil }
            cluster.owner = 1
            return [.hold]
        } _: { _, store, nodes in
            // On a busy machine it may happen that the command does not even leave in time.
            let code = await failureCode { try await store.insert(TestUser("a")) }
            #expect(code == .outcomeUnknown || code == .unavailable)
            try await eventually("its successor is found", within: .seconds(60)) {
                await failureCode { try await store.insert(TestUser("b")) } == nil
            }
            #expect(!nodes[1].commands("SET").isEmpty)
        }
    }

    @Test(
        "A node that does not serve is tried again, with a newer map",
        arguments: ["LOADING x", "CLUSTERDOWN x", "MASTERDOWN x", "READONLY x", "MOVED 1 nowhere", "MOVED 16384 a:1"]
    )
    func notServing(_ refusal: String) async throws {
        let counter = Counter()
        try await FakeCluster.run { _, _, command in
            command.name == "SET" && counter.next() <= 2 ? [.say("-\(refusal)\r\n")] : nil
        } _: { cluster, store, nodes in
            try await insert(store)
            #expect(nodes[0].commands("SET").count == 3)
            #expect(cluster.askedCount == 3)
        }
    }

    @Test("TRYAGAIN is tried again, with the same map")
    func tryAgain() async throws {
        let counter = Counter()
        try await FakeCluster.run { _, _, command in
            command.name == "SET" && counter.next() <= 2 ? [.say("-TRYAGAIN x\r\n")] : nil
        } _: { cluster, store, nodes in
            try await insert(store)
            #expect(nodes[0].commands("SET").count == 3)
            #expect(cluster.askedCount == 1)
        }
    }

    @Test("Other refusals are not: they would be the same", arguments: ["OOM x", "NOPERM x", "ERR x"])
    func refused(_ refusal: String) async throws {
        try await FakeCluster.run { _, _, command in
            command.name == "SET" ? [.say("-\(refusal)\r\n")] : nil
        } _: { _, store, nodes in
            #expect(await failureCode { try await store.insert(TestUser("a")) } != nil)
            #expect(nodes[0].commands("SET").count == 1)
        }
    }

    @Test("Nodes that send a command to and fro: it ends in time, and they are not flooded")
    func toAndFro() async throws {
        try await FakeCluster.run(timeout: .seconds(1)) { cluster, node, command in
            command.name == "GET" ? [cluster.redirection("MOVED", of: command.text(1), to: 1 - node)] : nil
        } _: { cluster, store, nodes in
            #expect(await failureCode { try await store.load(TestUser("a")) } == .unavailable)
            #expect(nodes[0].commands("GET").count + nodes[1].commands("GET").count <= 50)
            #expect(cluster.askedCount <= 20)
        }
    }

    @Test("ASK: ASKING and the command go together to the node that is named, and the next one to the owner again")
    func asked() async throws {
        try await FakeCluster.run { cluster, node, command in
            command.name == "SET" && node == 0 ? [cluster.redirection("ASK", of: command.text(1), to: 1)] : nil
        } _: { cluster, store, nodes in
            for _ in 0..<2 { try await insert(store) }
            #expect(nodes[0].commands("SET").count == 2)
            #expect(nodes[1].commands("SET").count == 2)
            #expect(nodes[1].commands("ASKING").count == 2)
            #expect(cluster.askedCount == 1)
        }
    }

    @Test("A thousand commands at once meet MOVED: each goes on at once, and the map is asked for once")
    func movedTogether() async throws {
        try await FakeCluster.run { cluster, node, command in
            command.name == "GET" && node != cluster.owner
                ? [cluster.redirection("MOVED", of: command.text(1), to: cluster.owner)] : nil
        } _: { cluster, store, nodes in
            _ = try await store.load(TestUser("first"))
            cluster.owner = 1
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<1000 {
                    group.addTask { _ = try await store.load(TestUser("\(number)")) }
                }
                try await group.waitForAll()
            }
            #expect(nodes[1].commands("GET").count == 1000)
            #expect(cluster.askedCount <= 5)
            // At most one connection for all, and one for what waits for replicas, which nothing did.
            #expect(nodes.allSatisfy { $0.acceptedCount == 1 })
        }
    }

    @Test("A seed that hangs, answers rubbish, or is loading leaves time for the next one", arguments: 0..<4)
    func badSeed(_ kind: Int) async throws {
        try await FakeCluster.run(timeout: .seconds(2), seeds: [0, 1]) { cluster, node, command in
            cluster.owner = 1
            guard node == 0, command.name == "CLUSTER" else { return nil }
            return [[.hold], [.say("*1\r\n+x\r\n")], [.say("$1\r\nx\r\n")], [.say("-LOADING x\r\n")]][kind]
        } _: { _, store, nodes in
            // The time is short, so that one that hangs is found out soon; on a busy machine it may be too short.
            try await eventually("another seed is asked", within: .seconds(60)) {
                await failureCode { try await store.checkHealth() } == nil
            }
            try await insert(store)
            #expect(nodes[1].commands("SET").count == 1)
            // A seed that has no slots is of no more use.
            try await eventually("the seed is left alone") { nodes[0].openConnections.isEmpty }
        }
    }

    @Test("A password that no node accepts is said to be wrong, and not that the Cluster is down")
    func wrongPassword() async throws {
        try await FakeCluster.run { _, _, command in
            command.name == "HELLO" ? [.say("-WRONGPASS x\r\n")] : nil
        } _: { _, store, _ in
            #expect(await failureCode { try await store.checkHealth() } == .misconfigured)
            #expect(await failureCode { try await store.load(TestUser("a")) } == .misconfigured)
        }
    }

    @Test("A node that has lost the majority is not well")
    func health() async throws {
        try await FakeCluster.run { _, _, command in
            command.name == "CLUSTER" && command.text(1) == "INFO"
                ? [.say("=45\r\ntxt:cluster_state:fail\r\ncluster_current_epoch:1\r\n")] : nil
        } _: { _, store, _ in
            let error = await failure { try await store.checkHealth() }
            #expect(error?.code == .unavailable)
        }
    }

    @Test("After shutDown nothing is connected to, and everything fails with .shutDown")
    func shutDown() async throws {
        try await FakeCluster.run { _, _, command in
            command.name == "GET" ? [.hold] : nil
        } _: { _, store, nodes in
            async let read = failureCode { try await store.load(TestUser("a")) }
            try await eventually("it is asked") { !nodes[0].commands("GET").isEmpty }
            await store.shutDown()
            #expect(await read == .shutDown)
            #expect(await failureCode { try await store.insert(TestUser("a")) } == .shutDown)
            #expect(await failureCode { try await store.checkHealth() } == .shutDown)
            try await eventually("no connection is left") { nodes.allSatisfy(\.openConnections.isEmpty) }
        }
    }

    @Test("A store that is dropped without being shut down closes its connections")
    func dropped() async throws {
        try await FakeCluster.run { _, _, _ in
            nil
        } _: { _, store, nodes in
            do {
                let other = try RedisSessionStore.make(store.configuration, on: .singleton, logger: store.logger)
                _ = try await other.load(TestUser("a"))
                #expect(nodes[0].openConnections.count == 1)
            }
            try await eventually("no connection is left") { nodes.allSatisfy(\.openConnections.isEmpty) }
        }
    }
}
#endif
