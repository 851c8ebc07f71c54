#if Redis
import NIOCore
@testable import Sessions
@testable import SessionsRedis
import Testing

@Suite("Which of a Cluster's nodes has which slot")
struct RedisClusterMapTests {
    private static let asked = RedisSessionStore.Address.host("10.0.0.9", port: 7000)

    private static func node(_ host: RESPValue, _ port: Int64) -> RESPValue {
        .array([host, .integer(port), .bulk(ByteBuffer(string: "id")), .array([])])
    }

    private static func host(_ name: String) -> RESPValue { .bulk(ByteBuffer(string: name)) }

    private static func range(_ first: Int64, _ last: Int64, _ nodes: RESPValue...) -> RESPValue {
        .array([.integer(first), .integer(last)] + nodes)
    }

    @Test("The slot is CRC-16/XMODEM modulo 16384: the published check value, and what CLUSTER KEYSLOT says")
    func slots() throws {
        #expect(RedisSlot(hashing: "123456789").number == 0x31C3)
        #expect(RedisSlot(hashing: "foo").number == 12_182)
        let zero = try #require(SessionID(String(repeating: "0", count: 64)))
        #expect(RedisKeys.slot(of: zero).number == 16_090)
        let mixed = String(repeating: "09af", count: 16)
        #expect(try RedisKeys.slot(of: #require(SessionID(mixed))) == RedisSlot(hashing: mixed))
    }

    @Test("Ranges, primaries and replicas are read")
    func reads() throws {
        let map = try RedisClusterMap(
            .array([
                Self.range(0, 99, Self.node(Self.host("a.example"), 1), Self.node(Self.host("10.0.0.2"), 2)),
                Self.range(200, 16_383, Self.node(Self.host("::1"), 3)),
                Self.range(100, 198, Self.node(Self.host("a.example"), 1)),
            ]),
            from: Self.asked
        )
        #expect(map.primaries == [.host("a.example", port: 1), .host("::1", port: 3)])
        #expect(map.replicas == [.host("10.0.0.2", port: 2)])
        #expect(map.owner(of: RedisSlot(number: 0)) == .host("a.example", port: 1))
        #expect(map.owner(of: RedisSlot(number: 198)) == .host("a.example", port: 1))
        #expect(map.owner(of: RedisSlot(number: 199)) == nil)
        #expect(map.owner(of: RedisSlot(number: 16_383)) == .host("::1", port: 3))
        #expect(!map.isComplete)
    }

    static let unknownHosts: [RESPValue] = [.null, host(""), host("?")]

    @Test("A node without a host is where it was asked", arguments: unknownHosts)
    func unknownHost(_ host: RESPValue) throws {
        let map = try RedisClusterMap(.array([Self.range(0, 16_383, Self.node(host, 7001))]), from: Self.asked)
        #expect(map.primaries == [.host("10.0.0.9", port: 7001)])
        #expect(map.isComplete)
    }

    static let hostile: [RESPValue] = {
        let good = node(host("a"), 1)
        return [
            .null, .simple("OK"), .integer(1), .map([:]), .array([]), .array([.null]), .array([.array([])]),
            .array([range(0, 1)]),
            .array([range(-1, 1, good)]),
            .array([range(0, 16_384, good)]),
            .array([range(5, 4, good)]),
            .array([range(.min, .max, good)]),
            .array([.array([.double(0), .integer(1), good])]),
            .array([.array([.integer(0), host("1"), good])]),
            .array([range(0, 1, .null)]),
            .array([range(0, 1, .array([host("a")]))]),
            .array([range(0, 1, node(host("a"), 0))]),
            .array([range(0, 1, node(host("a"), 65_536))]),
            .array([range(0, 1, node(host("a"), .min))]),
            .array([range(0, 1, node(host("a b"), 1))]),
            .array([range(0, 1, node(host("a\r\nFLUSHALL"), 1))]),
            .array([range(0, 1, node(host(String(repeating: "a", count: 300)), 1))]),
            .array([range(0, 1, node(.integer(1), 1))]),
            .array([range(0, 1, node(.bulk(ByteBuffer(bytes: [0xFF, 0xFE])), 1))]),
            .array([range(0, 9, good), range(9, 20, node(host("b"), 1))]),
            .array([RESPValue](repeating: range(0, 1, good), count: 16_385)),
        ]
    }()

    @Test("What makes no sense is refused as a whole, and never traps", arguments: hostile.indices)
    func refuses(_ index: Int) {
        let error = #expect(throws: RedisFailure.self) { try RedisClusterMap(Self.hostile[index], from: Self.asked) }
        #expect(error?.fate == .notExecuted)
        #expect(error?.message.contains("10.0.0.9:7000") == true)
    }

    @Test("A replica that makes no sense is left out")
    func hostileReplica() throws {
        let map = try RedisClusterMap(
            .array([Self.range(0, 9, Self.node(Self.host("a"), 1), .null, Self.node(Self.host(" "), 2), .integer(3))]),
            from: Self.asked
        )
        #expect(map.replicas.isEmpty)
    }

    @Test("As many primaries as slots are read in no time")
    func manyPrimaries() throws {
        let ranges = (0..<RedisSlot.count).map { slot in
            Self.range(Int64(slot), Int64(slot), Self.node(Self.host("h\(slot)"), 1))
        }
        let map = try RedisClusterMap(.array(ranges), from: Self.asked)
        #expect(map.primaries.count == RedisSlot.count)
        #expect(map.gainers(since: RedisClusterMap()).count == RedisSlot.count)
    }

    @Test("Who gains a slot is told, whatever the order in which nodes are named")
    func gainers() {
        let a = RedisSessionStore.Address.host("a")
        let b = RedisSessionStore.Address.host("b")
        var old = RedisClusterMap()
        old.give(0...9, to: a)
        old.give(10...19, to: b)
        var new = RedisClusterMap()
        new.give(10...19, to: b)
        new.give(0...9, to: a)
        #expect(new.gainers(since: old).isEmpty)
        new.give(9...9, to: b)
        #expect(new.gainers(since: old) == [b])
        #expect(old.gainers(since: new) == [a])
        new.give(20...20, to: a)
        #expect(new.gainers(since: old) == [a, b])
    }
}
#endif
