#if Redis
import Sessions

/// Which of a Cluster's primaries has which slots.
struct RedisClusterMap: Hashable, Sendable {
    typealias Address = RedisSessionStore.Address

    /// The primaries that have slots.
    private(set) var primaries: [Address] = []
    /// Other nodes: they know the map as well.
    private(set) var replicas: [Address] = []
    private var places: [Address: UInt16] = [:]
    /// For each slot the place in `primaries`.
    private var owners = [UInt16](repeating: Self.nobody, count: RedisSlot.count)

    private static let nobody = UInt16.max

    /// A map in which no slot has an owner.
    init() {}

    /// The place in ``primaries`` of the one that has a slot.
    func ownerIndex(of slot: RedisSlot) -> Int? {
        let owner = owners[Int(slot.number) % RedisSlot.count]
        return owner == Self.nobody ? nil : Int(owner)
    }

    func owner(of slot: RedisSlot) -> Address? { ownerIndex(of: slot).map { primaries[$0] } }

    /// Whether every slot has an owner.
    var isComplete: Bool { !owners.contains(Self.nobody) }

    /// Gives slots to a primary.
    /// - Returns: Whether none of them had been given to another one.
    @discardableResult
    mutating func give(_ slots: ClosedRange<Int>, to primary: Address) -> Bool {
        let slots = slots.clamped(to: 0...RedisSlot.count - 1)
        // One that has no slots any more keeps its place, so there can be more primaries than slots one day.
        let place = places[primary] ?? UInt16(clamping: primaries.count)
        guard place != Self.nobody else { return false }
        if places.updateValue(place, forKey: primary) == nil { primaries.append(primary) }
        var wasFree = true
        for slot in slots {
            if owners[slot] != Self.nobody, owners[slot] != place { wasFree = false }
            owners[slot] = place
        }
        return wasFree
    }

    /// The primaries that have a slot here which somebody else had, or nobody, in an older map.
    func gainers(since older: Self) -> Set<Address> {
        let renamed = older.primaries.map { places[$0] }
        var gained = [Bool](repeating: false, count: primaries.count)
        for (owner, former) in zip(owners, older.owners) where owner != Self.nobody {
            let isSame = former != Self.nobody && renamed[Int(former)] == owner
            if !isSame { gained[Int(owner)] = true }
        }
        return Set(zip(primaries, gained).filter(\.1).map(\.0))
    }
}

// MARK: - What nodes tell

extension RedisClusterMap {
    /// Asks a node for its map. All versions know it; `CLUSTER SHARDS`, its successor, only those from 7 on.
    static let command: RESPCommand = {
        var command = RESPCommand("CLUSTER", capacity: 32)
        command.expected = .array
        command.append("SLOTS" as StaticString)
        return command
    }()

    /// Reads the reply to ``command``: for each range of slots its first and its last one, its primary and its replicas.
    /// - Parameter asked: The node that has sent it.
    /// - Throws: ``RedisFailure`` if it is none that makes sense, all of it: half a map would send commands astray.
    init(_ reply: RESPValue, from asked: Address) throws(RedisFailure) {
        func malformed(_ reason: StaticString) -> RedisFailure {
            RedisFailure(.notExecuted, "Redis at \(asked): its list of the Cluster's slots cannot be read: \(reason)")
        }
        guard case .array(let ranges) = reply else { throw malformed("it is no list") }
        guard !ranges.isEmpty else {
            throw RedisFailure(.notExecuted, "Redis at \(asked) is in no Cluster, or in one whose slots nobody has")
        }
        guard ranges.count <= RedisSlot.count else { throw malformed("it is too long") }
        for range in ranges {
            guard case .array(let parts) = range, parts.count >= 3, case .integer(let first) = parts[0],
                case .integer(let last) = parts[1]
            else { throw malformed("an entry is no range with a primary") }
            guard 0 <= first, first <= last, last < RedisSlot.count else { throw malformed("a range is out of bounds") }
            guard let primary = Self.node(parts[2], from: asked) else { throw malformed("a primary has no address") }
            guard give(Int(first)...Int(last), to: primary) else { throw malformed("a slot has two primaries") }
            // They serve nothing here, so one that makes no sense is left out.
            for part in parts.dropFirst(3) {
                guard replicas.count < Self.maximumReplicaCount, let replica = Self.node(part, from: asked),
                    !replicas.contains(replica)
                else { continue }
                replicas.append(replica)
            }
        }
    }

    /// More than one ever asks.
    private static let maximumReplicaCount = 100

    /// A node: host, port, id, and more in later versions.
    private static func node(_ value: RESPValue, from asked: Address) -> Address? {
        guard case .array(let parts) = value, parts.count >= 2, case .integer(let port) = parts[1] else { return nil }
        switch parts[0] {
        case .null: return Address(nodeAt: nil, port: port, from: asked)
        case .bulk, .simple: return Address(nodeAt: parts[0].text, port: port, from: asked)
        default: return nil
        }
    }
}
#endif
