/// A hash table of values by digest, each with a deadline, that can find and drop what has expired.
///
/// The entries stand side by side in one array without gaps; an open-addressed index of 32-bit slot numbers finds them,
/// and an ``ExpiryHeap`` knows which end first. Keys are digests of secrets, uniformly distributed and not for an
/// attacker to choose, so a word of the key serves as its hash.
struct ExpiringTable<Value: Sendable>: Sendable {
    /// One entry.
    struct Slot: Sendable {
        /// Under which the entry is found.
        let key: Digest32
        /// What is kept.
        fileprivate(set) var value: Value
        /// From when on the entry counts as missing.
        fileprivate(set) var deadline: SessionInstant
    }

    /// The capacity that an emptied table keeps, so that a little traffic does not allocate anew each time.
    static var keptCapacity: Int { 64 }

    /// The entries, in no order. A slot number is an index of this array and holds until the next removal.
    private(set) var slots: [Slot] = []
    /// For each bucket a slot number, or -1. A power of two of them, at most half of them used.
    private var buckets: [Int32] = []
    private var heap = ExpiryHeap()

    /// The number of entries, expired ones included.
    var count: Int { slots.count }

    /// The slot number of a key.
    func find(_ key: Digest32) -> Int? {
        guard !buckets.isEmpty else { return nil }
        let mask = buckets.count - 1
        var bucket = Self.hash(key) & mask
        while true {
            let slot = Int(buckets[bucket])
            guard slot >= 0 else { return nil }
            if slots[slot].key == key { return slot }
            bucket = (bucket + 1) & mask
        }
    }

    /// The slot number of a key whose deadline is ahead.
    func find(_ key: Digest32, livingAt now: SessionInstant) -> Int? {
        guard let slot = find(key), slots[slot].deadline > now else { return nil }
        return slot
    }

    /// Adds an entry under a key that has none.
    /// - Returns: Its slot number.
    @discardableResult
    mutating func add(_ value: Value, key: Digest32, deadline: SessionInstant) -> Int {
        if (slots.count + 1) * 2 > buckets.count { growIndex() }
        let slot = slots.count
        slots.append(Slot(key: key, value: value, deadline: deadline))
        heap.append(deadline)
        link(slot, key: key)
        return slot
    }

    /// Replaces a value.
    mutating func setValue(_ value: Value, at slot: Int) { slots[slot].value = value }

    /// Changes a value in place.
    mutating func withValue<R>(at slot: Int, _ body: (inout Value) -> R) -> R { body(&slots[slot].value) }

    /// Changes a deadline.
    mutating func setDeadline(_ deadline: SessionInstant, at slot: Int) {
        guard slots[slot].deadline != deadline else { return }
        slots[slot].deadline = deadline
        heap.setDeadline(deadline, of: slot)
    }

    /// Removes an entry; the last one takes its slot number.
    mutating func remove(at slot: Int) {
        unlink(slot)
        heap.remove(slot)
        let last = slots.count - 1
        if slot < last {
            buckets[bucket(of: last)] = Int32(slot)
            slots.swapAt(slot, last)
        }
        slots.removeLast()
        // What a flood of sessions took goes back to the system once the flood has ended.
        if slots.isEmpty, slots.capacity > Self.keptCapacity { self = Self() }
    }

    /// Removes the entry that ends first.
    /// - Returns: Whether there was one.
    mutating func removeFirst() -> Bool {
        guard let first = heap.first else { return false }
        remove(at: first.slot)
        return true
    }

    /// Removes entries whose deadline is not after `now`, the earliest first.
    /// - Parameters:
    ///   - limit: The most entries to remove.
    ///   - body: Called with each entry before it goes.
    /// - Returns: The number of removed entries.
    mutating func removeExpired(at now: SessionInstant, limit: Int, _ body: (Slot) -> Void = { _ in }) -> Int {
        var removed = 0
        while removed < limit, let first = heap.first, first.deadline <= now {
            body(slots[first.slot])
            remove(at: first.slot)
            removed += 1
        }
        return removed
    }

    /// The number of entries whose deadline is after `now`.
    func countLive(at now: SessionInstant) -> Int { slots.count - heap.countExpired(at: now) }

    private static func hash(_ key: Digest32) -> Int { Int(truncatingIfNeeded: key.w1) }

    private mutating func growIndex() {
        buckets = Array(repeating: -1, count: max(16, buckets.count * 2))
        for slot in slots.indices { link(slot, key: slots[slot].key) }
    }

    private mutating func link(_ slot: Int, key: Digest32) {
        let mask = buckets.count - 1
        var bucket = Self.hash(key) & mask
        while buckets[bucket] >= 0 { bucket = (bucket + 1) & mask }
        buckets[bucket] = Int32(slot)
    }

    private func bucket(of slot: Int) -> Int {
        let mask = buckets.count - 1
        var bucket = Self.hash(slots[slot].key) & mask
        while buckets[bucket] != Int32(slot) { bucket = (bucket + 1) & mask }
        return bucket
    }

    /// Takes a slot out of the index, and moves those behind it forward, so that no mark of it needs to stay.
    private mutating func unlink(_ slot: Int) {
        let mask = buckets.count - 1
        var hole = bucket(of: slot)
        var bucket = hole
        while true {
            bucket = (bucket + 1) & mask
            let other = Int(buckets[bucket])
            guard other >= 0 else { break }
            let home = Self.hash(slots[other].key) & mask
            // Only what would still be found there may move into the hole.
            guard (bucket - home) & mask >= (bucket - hole) & mask else { continue }
            buckets[hole] = Int32(other)
            hole = bucket
        }
        buckets[hole] = -1
    }
}
