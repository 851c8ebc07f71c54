#if Redis
import NIOCore
@testable import Sessions
@testable import SessionsRedis
import Testing

@Suite("When a Cluster's map is asked for, and whom")
struct RedisClusterRefreshTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private func isAsk(_ role: RedisClusterRefresh.Role) -> Bool { if case .ask = role { true } else { false } }

    private func pause(_ role: RedisClusterRefresh.Role, from now: NIODeadline) -> TimeAmount? {
        if case .pause(let moment) = role { moment - now } else { nil }
    }

    @Test("One asks, the others wait for the same answer")
    func together() {
        var refresh = RedisClusterRefresh()
        #expect(refresh.isDue(at: start))
        #expect(isAsk(refresh.begin(at: start)))
        #expect(!refresh.isDue(at: start))
        for _ in 0..<3 {
            guard case .wait = refresh.begin(at: start) else {
                Issue.record("only one may ask")
                return
            }
        }
        #expect(refresh.end(at: start, hasMap: true, isNew: true).count == 3)
        #expect(refresh.isRecent(at: start + .milliseconds(999)))
        #expect(!refresh.isRecent(at: start + .seconds(1)))
    }

    @Test("Pauses grow while nothing changes, and a change or a calm second makes them short again")
    func pauses() {
        var refresh = RedisClusterRefresh()
        var now = start
        #expect(!refresh.isRecent(at: now))
        func next(isNew: Bool) -> TimeAmount {
            #expect(isAsk(refresh.begin(at: now)))
            _ = refresh.end(at: now, hasMap: false, isNew: isNew)
            let pause = pause(refresh.begin(at: now), from: now) ?? .zero
            now = now + pause
            return pause
        }
        for longest in [50, 100, 200, 400, 400, 400] as [Int64] {
            let pause = next(isNew: false)
            #expect(pause >= .milliseconds(longest / 2) && pause <= .milliseconds(longest))
        }
        #expect(next(isNew: true) <= .milliseconds(25))
        for _ in 0..<6 { _ = next(isNew: false) }
        now = now + .milliseconds(1001)
        #expect(next(isNew: false) <= .milliseconds(50))
        #expect(!refresh.isRecent(at: now))
    }

    private static func nodes() -> RedisClusterNodes {
        RedisClusterNodes { address in
            let target = RedisTarget(name: "Redis at \(address)") { address.resolved(on: $0) }
            return RedisServerConnections(
                target,
                count: 1,
                cachedCount: nil,
                keys: RedisKeys(prefix: "p"),
                on: TestCluster.eventLoops
            )
        }
    }

    private let a = RedisSessionStore.Address.host("a")
    private let b = RedisSessionStore.Address.host("b")
    private let c = RedisSessionStore.Address.host("c")

    @Test("Whoever is likely to know is asked first, each once, and suspects last")
    func sources() {
        var nodes = Self.nodes()
        #expect(nodes.sources(first: nil, seeds: [c, a]) == [c, a])
        var map = RedisClusterMap()
        map.give(0...9, to: a)
        map.give(10...19, to: b)
        _ = nodes.adopt(map)
        // Not always the same one.
        #expect(nodes.sources(first: nil, seeds: [c, a]) == [b, a, c])
        _ = nodes.adopt(map)
        #expect(nodes.sources(first: nil, seeds: [c, a]) == [a, b, c])
        #expect(nodes.sources(first: b, seeds: [c, a]) == [b, a, c])
        nodes.suspect(a)
        #expect(nodes.isSuspect(a))
        #expect(nodes.sources(first: nil, seeds: [c]) == [b, c, a])
        _ = nodes.adopt(map)
        #expect(!nodes.isSuspect(a))
    }

    @Test("Nodes without slots are taken out once nobody has needed them for a while; others stay")
    func idle() {
        var nodes = Self.nodes()
        var map = RedisClusterMap()
        map.give(0...9, to: a)
        let seed = nodes.visit(c, at: start)
        #expect(nodes.idleSince == start)
        _ = nodes.adopt(map, at: start)
        #expect(nodes.visit(c, at: start + .seconds(5)) === seed)
        #expect(nodes.removeIdle(since: start + .seconds(4)).isEmpty)
        #expect(nodes.removeIdle(since: start + .seconds(5)).count == 1)
        #expect(nodes.idleSince == nil)
        // The owner of a slot loses it, and comes back before its time is over.
        let owner = nodes.visit(a)
        var other = RedisClusterMap()
        other.give(0...9, to: b)
        _ = nodes.adopt(other, at: start)
        #expect(nodes.idleSince == start)
        _ = nodes.adopt(map, at: start + .seconds(1))
        #expect(nodes.removeIdle(since: start).isEmpty)
        #expect(nodes.owner(of: RedisSlot(number: 0))?.connections === owner)
        // A node that is only named, and then given a slot.
        let named = nodes.visit(c, at: start)
        nodes.move(RedisSlot(number: 3), to: c)
        #expect(nodes.removeIdle(since: start + .seconds(9)).map(\.name) == ["Redis at b:6379"])
        #expect(nodes.owner(of: RedisSlot(number: 3))?.connections === named)
        #expect(nodes.primaries.map(\.name) == ["Redis at a:6379", "Redis at c:6379"])
        #expect(nodes.removeAll().count == 2)
        #expect(nodes.owner(of: RedisSlot(number: 3)) == nil)
    }
}
#endif
