#if Redis
import NIOCore
@testable import Sessions
@testable import SessionsRedis
import Testing

extension RedisClusterTests {
    @Suite("Never serves a record that somebody else has changed")
    struct NearCaching {
        /// Runs `body` with two stores that have the same sessions, as two servers have.
        private static func withStores(
            _ body: (TestCluster, RedisSessionStore, RedisSessionStore) async throws -> Void
        ) async throws {
            let prefix = TestServers.uniquePrefix()
            try await TestCluster.with { cluster in
                try await RedisSessionStore.withCluster(nearCache: true) {
                    $0.keyPrefix = prefix
                } _: { store in
                    try await RedisSessionStore.withCluster(nearCache: true) {
                        $0.keyPrefix = prefix
                    } _: { other in
                        try await body(cluster, store, other)
                    }
                }
            }
        }

        @Test("A slot that moves away, and back after the session has ended", .timeLimit(.minutes(5)))
        func thereAndBack() async throws {
            try await Self.withStores { cluster, store, other in
                let map = try store.cluster.map
                let (source, destination) = (map.primaries[0], map.primaries[1])
                let ended = try ClusterSample(at: source, in: map)
                var changed = try ClusterSample(besides: ended)
                for sample in [ended, changed] {
                    try await store.insert(sample)
                    try await store.untilResident(sample)
                }
                try await cluster.move(ended.slot, from: source, to: destination)
                try await other.delete(ended)
                try await other.update(&changed)
                try await cluster.move(ended.slot, from: destination, to: source)
                // Without a command of its own, so that it has heard of nothing but what the nodes announce.
                try await TestCluster.until("the first store has heard of it") {
                    store.resident(ended) == nil && store.resident(changed) == nil
                }
                #expect(try await store.load(ended) == nil)
                #expect(try await store.load(changed)?.stamp == changed.record.stamp)
                try await store.untilResident(changed)
            }
        }

        @Test("A primary that becomes a replica, and goes on answering", .timeLimit(.minutes(5)))
        func manualFailover() async throws {
            try await Self.withStores { cluster, store, other in
                let map = try store.cluster.map
                let former = map.primaries[0]
                let sample = try ClusterSample(at: former, in: map)
                try await store.insert(sample)
                try await store.untilResident(sample)
                let replica = try await cluster.failOver(former)
                let start = ContinuousClock.now
                try await other.delete(sample)
                try await TestCluster.until("the first store has heard of it") { store.resident(sample) == nil }
                #expect(ContinuousClock.now - start < .seconds(5))
                #expect(try await store.load(sample) == nil)
                #expect(try store.cluster.map.owner(of: sample.slot) == replica)
            }
        }

        @Test("A node that loses slots to another epoch, or the majority, vouches for nothing")
        func status() throws {
            let user = TestUser("a")
            let part = NearCachePart(maximumCount: 10, keys: RedisKeys(prefix: "p"))
            func receive(_ value: RESPValue, _ effect: NearCacheEffect) {
                part.received(value, effect, ticket: part.willSend(effect), sentAt: .now())
            }
            func status(_ state: String, _ epoch: Int) -> RESPValue {
                .simple("cluster_state:\(state)\r\ncluster_current_epoch:\(epoch)\r\n")
            }
            let load = NearCacheEffect.load(user.id)
            func keep() { receive(.bulk(user.value()), load) }
            // The first answer of a connection comes before all others.
            let ticket = part.willSend(load)
            receive(status("ok", 5), .clusterStatus)
            part.received(.bulk(user.value()), load, ticket: ticket, sentAt: .now())
            #expect(part.count == 1)
            receive(status("ok", 5), .clusterStatus)
            #expect(part.count == 1)
            receive(status("ok", 6), .clusterStatus)
            #expect(part.count == 0)
            keep()
            receive(status("fail", 6), .clusterStatus)
            #expect(part.count == 0)
            keep()
            receive(status("ok", 6), .clusterStatus)
            #expect(part.count == 0)
            keep()
            receive(.error("NOPERM"), .clusterStatus)
            #expect(part.count == 0)
            // What is on its way may have been read before.
            let late = part.willSend(load)
            receive(status("ok", 7), .clusterStatus)
            part.received(.bulk(user.value()), load, ticket: late, sentAt: .now())
            #expect(part.count == 0)
        }

        @Test("Whoever gets a slot begins with an empty cache")
        func gaining() throws {
            let user = TestUser("a")
            let slot = RedisKeys.slot(of: user.id)
            let keys = RedisKeys(prefix: "p")
            let (a, b) = (RedisSessionStore.Address.host("a"), RedisSessionStore.Address.host("b"))
            var nodes = RedisClusterNodes { address in
                let target = RedisTarget(name: "\(address)") { address.resolved(on: $0) }
                return RedisServerConnections(target, count: 1, cachedCount: 10, keys: keys, on: TestCluster.eventLoops)
            }
            var (first, second) = (RedisClusterMap(), RedisClusterMap())
            first.give(0...16_383, to: a)
            second.give(0...16_383, to: b)
            _ = nodes.adopt(first)
            let part = try #require(nodes.connections(for: slot)?.nearCachePart(for: slot))
            func keep() {
                let load = NearCacheEffect.load(user.id)
                part.received(.bulk(user.value()), load, ticket: part.willSend(load), sentAt: .now())
            }
            func cached() -> SessionRecord? {
                nodes.connections(for: slot)?.cachedRecord(user.id, in: slot, now: TestUser.now)
            }
            keep()
            #expect(cached() != nil)
            _ = nodes.adopt(first)
            #expect(cached() != nil)
            // By a new map, there and back.
            _ = nodes.adopt(second)
            #expect(cached() == nil)
            _ = nodes.adopt(first)
            #expect(cached() == nil)
            keep()
            // By MOVED, there and back.
            nodes.move(slot, to: b)
            #expect(cached() == nil)
            nodes.move(slot, to: a)
            #expect(cached() == nil)
        }
    }
}
#endif
