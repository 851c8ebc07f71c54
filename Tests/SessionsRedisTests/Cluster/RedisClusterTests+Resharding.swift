#if Redis
import HTTPTypes
import NIOCore
@testable import Sessions
@testable import SessionsRedis
import SessionsTesting
import Synchronization
import Testing

extension RedisClusterTests {
    @Suite("Goes on while slots move")
    struct Resharding {
        private static let count = SessionKey<Int>("count")

        /// A browser, and how much of what it asked for is known to have been done.
        private final class Visitor: Sendable {
            private let jar = Mutex(SessionCookieJar())
            let acknowledged = Atomic<Int>(0)
            /// What had no answer: each may have been done.
            let unknown = Atomic<Int>(0)

            func visit(_ manager: SessionManager, _ body: (Session) async throws -> Void) async throws {
                var request = HTTPRequest(method: .get, scheme: "https", authority: "localhost", path: "/")
                jar.withLock { $0.add(to: &request) }
                var fields = HTTPFields()
                try await manager.withSession(for: request, responseFields: &fields, body)
                jar.withLock { $0.receive(fields, for: request) }
            }

            func increment(_ manager: SessionManager) async {
                do {
                    try await visit(manager) { try $0.increment(Resharding.count) }
                    acknowledged.add(1, ordering: .relaxed)
                } catch let error as SessionError where [.unavailable, .conflict].contains(error.code) {
                    unknown.add(1, ordering: .relaxed)
                } catch {
                    Issue.record("an error that says nothing: \(error)")
                }
            }

            func value(_ manager: SessionManager) async throws -> Int {
                var value = 0
                try await visit(manager) { value = $0[Resharding.count] ?? 0 }
                return value
            }

            func slot(_ manager: SessionManager) async throws -> RedisSlot {
                var slot: RedisSlot?
                try await visit(manager) { slot = $0.id.map { RedisKeys.slot(of: $0) } }
                return try #require(slot)
            }
        }

        private final class End: Sendable {
            let hasCome = Atomic<Bool>(false)
        }

        @Test(
            "32 tasks, 8 sessions, two servers: no acknowledged update is lost",
            .timeLimit(.minutes(5)),
            arguments: [false, true]
        )
        func increments(hasNearCache: Bool) async throws {
            let prefix = TestServers.uniquePrefix()
            try await TestCluster.with { cluster in
                try await RedisSessionStore.withCluster(nearCache: hasNearCache) {
                    $0.keyPrefix = prefix
                } _: { store in
                    try await RedisSessionStore.withCluster(nearCache: hasNearCache) {
                        $0.keyPrefix = prefix
                    } _: { other in
                        try await increments(cluster, [store, other])
                    }
                }
            }
        }

        private func increments(_ cluster: TestCluster, _ stores: [RedisSessionStore]) async throws {
            let managers = try stores.map { try SessionManager(store: $0) }
            let visitors = (0..<8).map { _ in Visitor() }
            var slots: [RedisSlot] = []
            for visitor in visitors {
                await visitor.increment(managers[0])
                slots.append(try await visitor.slot(managers[0]))
            }
            let end = End()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<32 {
                    let (visitor, manager) = (visitors[task % 8], managers[task / 16])
                    group.addTask {
                        while !end.hasCome.load(ordering: .relaxed) { await visitor.increment(manager) }
                    }
                }
                defer { end.hasCome.store(true, ordering: .relaxed) }
                // There, on, and back: to the first node after as many rounds as there are primaries.
                for _ in 0..<6 {
                    for slot in Set(slots) {
                        let map = try await cluster.map()
                        let index = try #require(map.ownerIndex(of: slot))
                        let next = map.primaries[(index + 1) % map.primaries.count]
                        try await cluster.move(slot, from: map.primaries[index], to: next)
                    }
                }
                end.hasCome.store(true, ordering: .relaxed)
                try await group.waitForAll()
            }
            var sum = (acknowledged: 0, unknown: 0)
            for visitor in visitors {
                let acknowledged = visitor.acknowledged.load(ordering: .relaxed)
                let unknown = visitor.unknown.load(ordering: .relaxed)
                let value = try await visitor.value(managers[1])
                #expect(acknowledged <= value && value <= acknowledged + unknown)
                sum = (sum.acknowledged + acknowledged, sum.unknown + unknown)
            }
            #expect(sum.acknowledged > 500)
        }
    }
}
#endif
