#if Redis
import NIOCore
@testable import Sessions
@testable import SessionsRedis
import Synchronization
import Testing

extension RedisClusterTests {
    @Suite("Follows redirections")
    struct Redirections {
        /// How often nodes were asked for the map.
        private func mapCalls(_ cluster: TestCluster) async throws -> Int {
            var sum = 0
            for address in cluster.addresses {
                sum += try await cluster.statistic(
                    "calls",
                    of: "cmdstat_cluster|slots",
                    section: "commandstats",
                    at: address
                )
            }
            return sum
        }

        @Test(
            "A wrong map: 1000 commands at once arrive, and the map is asked for a few times at most",
            .timeLimit(.minutes(5))
        )
        func wrongMap() async throws {
            try await TestCluster.with { cluster in
                try await RedisSessionStore.withCluster { store in
                    let samples = try (0..<1000).map { _ in try ClusterSample() }
                    for sample in samples { try await store.insert(sample) }
                    let right = try store.cluster.map
                    let wrong = Self.shifted(right)
                    try store.cluster.state.withLock { _ = $0.nodes.adopt(wrong) }
                    let before = try await mapCalls(cluster)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for sample in samples {
                            group.addTask {
                                let record = try await store.load(sample)
                                #expect(record?.stamp == sample.record.stamp)
                            }
                        }
                        try await group.waitForAll()
                    }
                    try await TestCluster.until("the map is right") {
                        _ = try await store.load(ClusterSample())
                        return try store.cluster.map == right
                    }
                    #expect(try await mapCalls(cluster) - before <= 10)
                }
            }
        }

        /// Every slot at the node that has the next ones.
        private static func shifted(_ map: RedisClusterMap) -> RedisClusterMap {
            var shifted = RedisClusterMap()
            for slot in 0..<RedisSlot.count {
                guard let index = map.ownerIndex(of: RedisSlot(number: UInt16(slot))) else { continue }
                shifted.give(slot...slot, to: map.primaries[(index + 1) % map.primaries.count])
            }
            return shifted
        }

        @Test("A wrong map: every kind of command arrives", .timeLimit(.minutes(5)), arguments: [false, true])
        func everyCommand(isAwaitingReplicas: Bool) async throws {
            try await TestCluster.with { _ in
                try await RedisSessionStore.withCluster {
                    if isAwaitingReplicas { $0.replication = .init() }
                } _: { store in
                    let right = try store.cluster.map
                    let mislead = { try store.cluster.state.withLock { _ = $0.nodes.adopt(Self.shifted(right)) } }
                    var sample = try ClusterSample()
                    try mislead()
                    try await store.insert(sample)
                    try mislead()
                    try await store.update(&sample)
                    try mislead()
                    let later = sample.record.expiresAt + .seconds(1)
                    let stamp = sample.record.stamp
                    #expect(try await store.touch(sample.id, ifStamp: stamp, expiresAt: later, now: ClusterSample.now))
                    try mislead()
                    #expect(try await store.load(sample)?.expiresAt == later)
                    try mislead()
                    try await store.delete(sample)
                    #expect(try await store.load(sample) == nil)
                }
            }
        }

        @Test(
            "A slot on its way: commands follow the keys, and the map stays",
            .timeLimit(.minutes(5)),
            arguments: [false, true]
        )
        func asked(isAwaitingReplicas: Bool) async throws {
            try await TestCluster.with { cluster in
                try await RedisSessionStore.withCluster(nearCache: true) {
                    if isAwaitingReplicas { $0.replication = .init() }
                } _: { store in
                    let map = try store.cluster.map
                    let (source, destination) = (map.primaries[0], map.primaries[1])
                    var moved = try ClusterSample(at: source, in: map)
                    let staying = try ClusterSample(besides: moved)
                    let new = try ClusterSample(besides: moved)
                    let deleted = try ClusterSample(besides: moved)
                    for sample in [moved, staying, deleted] { try await store.insert(sample) }
                    try await cluster.beginMoving(moved.slot, from: source, to: destination)
                    try await cluster.moveKeys(of: moved.slot, from: source, to: destination) {
                        $0.contains("\(moved.id)") || $0.contains("\(deleted.id)")
                    }
                    #expect(try await store.load(staying)?.stamp == staying.record.stamp)
                    #expect(try await store.load(moved)?.stamp == moved.record.stamp)
                    try await store.update(&moved)
                    #expect(try await store.load(moved)?.stamp == moved.record.stamp)
                    try await store.insert(new)
                    try await store.delete(deleted)
                    #expect(try await store.load(deleted) == nil)
                    #expect(try store.cluster.map == map)

                    try await cluster.moveKeys(of: moved.slot, from: source, to: destination)
                    try await cluster.finishMoving(moved.slot, from: source, to: destination)
                    for sample in [moved, staying, new] {
                        #expect(try await store.load(sample)?.stamp == sample.record.stamp)
                        try await store.untilResident(sample)
                    }
                    #expect(try store.cluster.map.owner(of: moved.slot) == destination)
                    try await cluster.move(moved.slot, from: destination, to: source)
                    for sample in [moved, staying, new] {
                        #expect(try await store.load(sample)?.stamp == sample.record.stamp)
                    }
                    #expect(try await store.load(deleted) == nil)
                }
            }
        }

        @Test("One of a subject's two keys has moved: the command waits for the other", .timeLimit(.minutes(5)))
        func tryAgain() async throws {
            try await TestCluster.with { cluster in
                try await RedisSessionStore.withCluster {
                    $0.operationTimeout = .seconds(20)
                } _: { store in
                    let map = try store.cluster.map
                    let (source, destination) = (map.primaries[0], map.primaries[1])
                    let subject = try Self.subject(at: source, in: map)
                    let slot = RedisKeys.slot(of: subject)
                    let id = try ClusterSample().id
                    let now = ClusterSample.now
                    _ = try await store.addToIndex(id, subject: subject, absoluteDeadline: now + .seconds(60), now: now)
                    try await cluster.beginMoving(slot, from: source, to: destination)
                    try await cluster.moveKeys(of: slot, from: source, to: destination) { $0.hasSuffix(":added") }
                    let refusals = { () async throws -> Int in
                        try await cluster.statistic(
                            "count",
                            of: "errorstat_TRYAGAIN",
                            section: "errorstats",
                            at: source
                        )
                    }
                    let before = try await refusals()
                    async let index = store.index(of: subject, now: now)
                    try await TestCluster.until("it was tried again") { try await refusals() > before + 1 }
                    try await cluster.moveKeys(of: slot, from: source, to: destination)
                    try await cluster.finishMoving(slot, from: source, to: destination)
                    #expect(try await index.map(\.id) == [id])
                    try await cluster.move(slot, from: destination, to: source)
                    #expect(try await store.index(of: subject, now: now).map(\.id) == [id])
                }
            }
        }

        private static func subject(
            at address: RedisSessionStore.Address,
            in map: RedisClusterMap
        ) throws -> SubjectID {
            while true {
                let subject = try #require(SubjectID(ClusterSample().id.description))
                if map.owner(of: RedisKeys.slot(of: subject)) == address { return subject }
            }
        }

        @Test("With a slot that never arrives, commands fail in time", .timeLimit(.minutes(5)))
        func deadline() async throws {
            try await TestCluster.with { cluster in
                try await RedisSessionStore.withCluster {
                    $0.operationTimeout = .milliseconds(300)
                } _: { store in
                    let map = try store.cluster.map
                    let (source, destination) = (map.primaries[0], map.primaries[1])
                    let subject = try Self.subject(at: source, in: map)
                    let slot = RedisKeys.slot(of: subject)
                    let now = ClusterSample.now
                    let id = try ClusterSample().id
                    _ = try await store.addToIndex(id, subject: subject, absoluteDeadline: now + .seconds(60), now: now)
                    try await cluster.beginMoving(slot, from: source, to: destination)
                    try await cluster.moveKeys(of: slot, from: source, to: destination) { $0.hasSuffix(":added") }
                    let error = await #expect(throws: SessionStoreError.self) {
                        _ = try await store.index(of: subject, now: now)
                    }
                    #expect(error?.code == .unavailable)
                    try await cluster.moveKeys(of: slot, from: source, to: destination)
                    try await cluster.finishMoving(slot, from: source, to: destination)
                    try await cluster.move(slot, from: destination, to: source)
                }
            }
        }
    }
}
#endif
