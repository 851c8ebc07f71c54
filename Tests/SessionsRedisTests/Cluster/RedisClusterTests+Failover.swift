#if Redis
import Foundation
import NIOCore
@testable import Sessions
@testable import SessionsRedis
import Testing

extension RedisClusterTests {
    @Suite("Goes on without a node")
    struct Failover {
        @Test("A primary is killed: its replica takes over, and it comes back as a replica", .timeLimit(.minutes(5)))
        func killed() async throws {
            try await TestCluster.with { cluster in
                try await RedisSessionStore.withCluster(nearCache: true) { store in
                    let map = try store.cluster.map
                    let victim = map.primaries[0]
                    var sample = try ClusterSample(at: victim, in: map)
                    let elsewhere = try ClusterSample(at: map.primaries[1], in: map)
                    for sample in [sample, elsewhere] { try await store.insert(sample) }
                    _ = try await store.load(sample)
                    try await cluster.untilReplicated(victim)

                    let killed = ContinuousClock.now
                    kill(try await cluster.processID(of: victim), SIGKILL)
                    var codes: Set<SessionStoreError.Code> = []
                    while true {
                        do {
                            try await store.update(&sample)
                            break
                        } catch let error as SessionStoreError {
                            codes.insert(error.code)
                            guard ContinuousClock.now - killed < .seconds(60) else { throw error }
                            if error.code == .outcomeUnknown {
                                // As a manager does: look what is there now.
                                if let record = try? await store.load(sample) { sample.record = record }
                            }
                        }
                    }
                    #expect(codes.isSubset(of: [.unavailable, .outcomeUnknown]))
                    #expect(try await store.load(elsewhere)?.stamp == elsewhere.record.stamp)
                    #expect(try store.cluster.map.owner(of: sample.slot) != victim)
                    try await TestCluster.until("the Cluster serves all slots") {
                        try await store.checkHealth()
                        return true
                    }

                    try await cluster.restart(victim)
                    try await cluster.untilHealthy()
                    try await TestCluster.until("the node is a replica") {
                        try await cluster.map().replicas.contains(victim)
                    }
                    #expect(try await store.load(sample)?.stamp == sample.record.stamp)
                    try await store.update(&sample)
                    try await store.checkHealth()
                }
            }
        }

        @Test("A primary hangs: others go on, and it is found out where its slots are", .timeLimit(.minutes(5)))
        func paused() async throws {
            try await TestCluster.with { cluster in
                try await RedisSessionStore.withCluster(nearCache: true) {
                    $0.operationTimeout = .milliseconds(500)
                } _: { store in
                    let map = try store.cluster.map
                    let victim = map.primaries[0]
                    let sample = try ClusterSample(at: victim, in: map)
                    let elsewhere = try ClusterSample(at: map.primaries[1], in: map)
                    for sample in [sample, elsewhere] { try await store.insert(sample) }
                    _ = try await store.load(sample)
                    try await cluster.untilReplicated(victim)
                    let process = try await cluster.processID(of: victim)
                    kill(process, SIGSTOP)
                    defer { kill(process, SIGCONT) }
                    try await TestCluster.until("another node serves the slot") {
                        #expect(try await store.load(elsewhere)?.stamp == elsewhere.record.stamp)
                        return try await store.load(sample)?.stamp == sample.record.stamp
                    }
                    #expect(try store.cluster.map.owner(of: sample.slot) != victim)
                    // What the one that hangs had vouched for is not served.
                    try await store.untilResident(sample)
                    try await store.delete(sample)
                    #expect(store.resident(sample) == nil)
                }
            }
        }

        @Test("Of three seeds two are down", .timeLimit(.minutes(5)))
        func seeds() async throws {
            try await TestCluster.with { cluster in
                var configuration = try TestServers.cluster()
                let seeds = [.host("127.0.0.1", port: 1), .host("127.0.0.1", port: 2)] + [cluster.addresses[3]]
                configuration.topology = .cluster(seeds)
                let store = try await RedisSessionStore.open(configuration)
                let sample = try ClusterSample()
                try await store.insert(sample)
                #expect(try await store.load(sample)?.stamp == sample.record.stamp)
                await store.shutDown()
                let error = await #expect(throws: SessionStoreError.self) { _ = try await store.load(sample) }
                #expect(error?.code == .shutDown)

                configuration.topology = .cluster([.host("127.0.0.1", port: 1)])
                let unreachable = await #expect(throws: SessionStoreError.self) {
                    _ = try await RedisSessionStore.open(configuration)
                }
                #expect(unreachable?.code == .unavailable)
                #expect(unreachable?.message.contains("127.0.0.1:1") == true)
            }
        }

        @Test("A server that is in no Cluster says so", .timeLimit(.minutes(5)))
        func single() async throws {
            guard case .single(let address) = try TestServers.single().topology.wrapped else { return }
            let error = await #expect(throws: SessionStoreError.self) {
                _ = try await RedisSessionStore.open(.init(.cluster([address])))
            }
            #expect(error?.message.contains("no node of a Cluster") == true)
        }
    }
}
#endif
