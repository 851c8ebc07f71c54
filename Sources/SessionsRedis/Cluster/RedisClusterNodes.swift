#if Redis
import NIOCore
import Sessions

/// The nodes that a client knows: what they have, and the connections to those that were needed.
struct RedisClusterNodes {
    typealias Address = RedisSessionStore.Address

    /// A node that a command goes to.
    struct Destination {
        var address: Address
        var connections: RedisServerConnections
        /// Whether the slot is still on its way there, so that the command must say that it was sent by the other node.
        var isAsked = false
        /// The version of the map that was gone by.
        var version: UInt64
    }

    private struct Node {
        let connections: RedisServerConnections
        /// When it was needed last, if it has no slots: a seed, or a node that was named and is not in the map yet.
        var idleSince: NIODeadline?
    }

    private let makeConnections: @Sendable (Address) -> RedisServerConnections
    private var known: [Address: Node] = [:]
    private(set) var map = RedisClusterMap()
    /// The connections to the map's primaries, in the same order.
    private var servers: [RedisServerConnections] = []
    /// How many maps there have been.
    private(set) var version: UInt64 = 0
    /// The nodes that have left a command unanswered, so that a newer map may name others.
    private var suspects: Set<Address> = []

    /// - Parameter makeConnections: Makes the connections to a node, without opening any yet.
    init(makeConnections: @escaping @Sendable (Address) -> RedisServerConnections) {
        self.makeConnections = makeConnections
    }

    // MARK: Finding

    /// The primary that has a slot.
    func owner(of slot: RedisSlot) -> Destination? {
        guard let index = map.ownerIndex(of: slot) else { return nil }
        return Destination(address: map.primaries[index], connections: servers[index], version: version)
    }

    func connections(for slot: RedisSlot) -> RedisServerConnections? { map.ownerIndex(of: slot).map { servers[$0] } }

    func isSuspect(_ address: Address) -> Bool { !suspects.isEmpty && suspects.contains(address) }

    /// All primaries, in an order that stays while they do.
    var primaries: [RedisServerConnections] {
        zip(map.primaries, servers).map { ("\($0)", $1) }.sorted { $0.0 < $1.0 }.map(\.1)
    }

    /// Whom to ask for a newer map: first those that are most likely to know, and not always in the same order, for one
    /// of them may be wrong.
    func sources(first: Address?, seeds: [Address]) -> [Address] {
        let start = map.primaries.isEmpty ? 0 : Int(version % UInt64(map.primaries.count))
        let primaries = map.primaries[start...] + map.primaries[..<start]
        var seen: Set<Address> = []
        let all =
            [first].compactMap(\.self) + primaries.filter { !suspects.contains($0) } + seeds + map.replicas + primaries
        return all.filter { seen.insert($0).inserted }
    }

    // MARK: Changing

    /// A node that is asked for something besides what it has by the map.
    mutating func visit(_ address: Address, at now: NIODeadline = .now()) -> RedisServerConnections {
        var node = known[address] ?? Node(connections: makeConnections(address), idleSince: now)
        if node.idleSince != nil { node.idleSince = now }
        known[address] = node
        return node.connections
    }

    /// Goes by a newer map from now on.
    /// - Returns: Whether any slot is elsewhere than before.
    mutating func adopt(_ map: RedisClusterMap, at now: NIODeadline = .now()) -> Bool {
        let gainers = map.gainers(since: self.map)
        self.map = map
        servers = map.primaries.map { address in
            let connections = visit(address)
            known[address]?.idleSince = nil
            // It may have had the slot before, and kept records that others have changed meanwhile elsewhere.
            if gainers.contains(address) { connections.forgetCachedRecords() }
            return connections
        }
        let primaries = Set(map.primaries)
        for address in known.keys where known[address]?.idleSince == nil && !primaries.contains(address) {
            known[address]?.idleSince = now
        }
        suspects = []
        version += 1
        return !gainers.isEmpty
    }

    /// Notes that a node has said who has a slot now.
    mutating func move(_ slot: RedisSlot, to address: Address) {
        let connections = visit(address)
        guard map.owner(of: slot) != address else { return }
        known[address]?.idleSince = nil
        connections.forgetCachedRecords()
        map.give(Int(slot.number)...Int(slot.number), to: address)
        if servers.count < map.primaries.count { servers.append(connections) }
    }

    mutating func suspect(_ address: Address) { suspects.insert(address) }

    // MARK: Leaving

    /// Since when there has been a node without slots that nobody has needed.
    var idleSince: NIODeadline? { known.values.lazy.compactMap(\.idleSince).min() }

    /// Takes out the nodes without slots that nobody has needed since `moment`.
    mutating func removeIdle(since moment: NIODeadline) -> [RedisServerConnections] {
        let addresses = known.filter { $0.value.idleSince.map { $0 <= moment } ?? false }.keys
        return addresses.compactMap { known.removeValue(forKey: $0)?.connections }
    }

    mutating func removeAll() -> [RedisServerConnections] {
        defer {
            known = [:]
            servers = []
            map = RedisClusterMap()
        }
        return known.values.map(\.connections)
    }
}
#endif
