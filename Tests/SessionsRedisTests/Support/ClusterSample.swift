#if Redis
import Sessions
@testable import SessionsRedis
import Synchronization
import Testing

/// A session that a test keeps in the Cluster.
struct ClusterSample: Sendable {
    private(set) var id: SessionID
    var record: SessionRecord
    var slot: RedisSlot { RedisKeys.slot(of: id) }

    init() throws {
        id = try #require(SessionID(bytes: (0..<32).map { _ in UInt8.random(in: 0 ... .max) }))
        let now = Self.now
        record = SessionRecord(
            stamp: Self.stamp,
            revision: 1,
            createdAt: now,
            absoluteDeadline: now + .seconds(7200),
            idleTimeout: .seconds(3600),
            expiresAt: now + .seconds(3600),
            values: SessionValues(now: now)
        )
    }

    /// One whose slot a certain node has.
    init(at address: RedisSessionStore.Address, in map: RedisClusterMap) throws {
        self = try Self()
        while map.owner(of: slot) != address { self = try Self() }
    }

    /// One in the slot of another one.
    init(besides other: Self) throws {
        self = try Self()
        while slot != other.slot { self = try Self() }
    }

    static var now: SessionInstant { SystemSessionClock().now }

    private static var stamp: SessionStamp { SessionStamp(rawValue: .random(in: 0 ... .max)) }

    /// What the next commit makes of it.
    var next: SessionRecord {
        SessionRecord(
            stamp: Self.stamp,
            revision: record.revision + 1,
            createdAt: record.createdAt,
            absoluteDeadline: record.absoluteDeadline,
            idleTimeout: record.idleTimeout,
            expiresAt: record.expiresAt,
            values: record.values(at: Self.now)
        )
    }
}

extension RedisSessionStore {
    func load(_ sample: ClusterSample) async throws -> SessionRecord? {
        try await load(sample.id, now: ClusterSample.now)
    }

    func insert(_ sample: ClusterSample) async throws {
        #expect(try await insert(sample.record, id: sample.id) == .inserted)
    }

    /// Commits once more.
    func update(_ sample: inout ClusterSample) async throws {
        let next = sample.next
        let stamp = sample.record.stamp
        #expect(try await update(next, id: sample.id, ifStamp: stamp, now: ClusterSample.now) == .updated)
        sample.record = next
    }

    func delete(_ sample: ClusterSample) async throws {
        #expect(try await delete(sample.id, ifStamp: sample.record.stamp, now: ClusterSample.now) == .deleted)
    }

    func resident(_ sample: ClusterSample) -> SessionRecord? { residentRecord(sample.id, now: ClusterSample.now) }

    /// Loads until the near cache has the record: a new epoch of the Cluster, or a busy machine, empties it in between.
    func untilResident(_ sample: ClusterSample) async throws {
        try await TestCluster.until("the near cache has the record") {
            let record = try await load(sample)
            #expect(record?.stamp == sample.record.stamp)
            return resident(sample)?.stamp == sample.record.stamp
        }
    }

    var cluster: RedisClusterClient {
        get throws { try #require(client as? RedisClusterClient) }
    }

    /// Runs `body` with a store, and shuts it down.
    static func withCluster(
        nearCache: Bool = false,
        _ change: (inout Configuration) -> Void = { _ in },
        _ body: (RedisSessionStore) async throws -> Void
    ) async throws {
        var configuration = try TestServers.cluster()
        if nearCache { configuration.nearCache = .init() }
        change(&configuration)
        let store = try await open(configuration)
        do {
            try await body(store)
        } catch {
            await store.shutDown()
            throw error
        }
        await store.shutDown()
    }
}

extension RedisClusterClient {
    /// The map that it goes by.
    var map: RedisClusterMap { state.withLock { $0.nodes.map } }
}
#endif
