/// The deadlines of a table's slots, the earliest first.
///
/// A heap with four children to a node (they share a cache line), and for every slot the position of its node, so that
/// any slot can be taken out or given another deadline in logarithmic time. Nothing is left behind by what is gone.
///
/// Slots are numbered 0 up to ``count`` without a gap: a new one gets the next number, and when one is removed the last
/// one takes its number, as in ``ExpiringTable``.
struct ExpiryHeap {
    private struct Node {
        var deadline: SessionInstant
        var slot: Int32
    }

    private var nodes: [Node] = []
    private var positions: [Int32] = []

    /// The number of slots.
    var count: Int { nodes.count }

    /// The slot with the earliest deadline.
    var first: (slot: Int, deadline: SessionInstant)? {
        nodes.first.map { (Int($0.slot), $0.deadline) }
    }

    /// Adds the next slot.
    mutating func append(_ deadline: SessionInstant) {
        let slot = Int32(positions.count)
        nodes.append(Node(deadline: deadline, slot: slot))
        positions.append(Int32(nodes.count - 1))
        siftUp(nodes.count - 1)
    }

    /// Gives a slot another deadline.
    mutating func setDeadline(_ deadline: SessionInstant, of slot: Int) {
        let position = Int(positions[slot])
        let old = nodes[position].deadline
        nodes[position].deadline = deadline
        if deadline < old {
            siftUp(position)
        } else if deadline > old {
            siftDown(position)
        }
    }

    /// Removes a slot; the last slot takes its number.
    mutating func remove(_ slot: Int) {
        let position = Int(positions[slot])
        let last = nodes.removeLast()
        if position < nodes.count {
            let removed = nodes[position].deadline
            nodes[position] = last
            positions[Int(last.slot)] = Int32(position)
            if last.deadline < removed { siftUp(position) } else { siftDown(position) }
        }
        let lastPosition = positions.removeLast()
        if slot < positions.count {
            positions[slot] = lastPosition
            nodes[Int(lastPosition)].slot = Int32(slot)
        }
    }

    /// The number of slots whose deadline is not after `now`. Takes as long as there are such slots.
    func countExpired(at now: SessionInstant) -> Int {
        var count = 0
        var pending = [0]
        while let position = pending.popLast() {
            guard position < nodes.count, nodes[position].deadline <= now else { continue }
            count += 1
            pending += position * 4 + 1...position * 4 + 4
        }
        return count
    }

    private mutating func siftUp(_ start: Int) {
        let node = nodes[start]
        var position = start
        while position > 0 {
            let parent = (position - 1) / 4
            guard node.deadline < nodes[parent].deadline else { break }
            place(nodes[parent], at: position)
            position = parent
        }
        place(node, at: position)
    }

    private mutating func siftDown(_ start: Int) {
        let node = nodes[start]
        var position = start
        while true {
            let firstChild = position * 4 + 1
            guard firstChild < nodes.count else { break }
            var child = firstChild
            for other in firstChild + 1..<max(firstChild + 1, min(firstChild + 4, nodes.count))
            where nodes[other].deadline < nodes[child].deadline {
                child = other
            }
            guard nodes[child].deadline < node.deadline else { break }
            place(nodes[child], at: position)
            position = child
        }
        place(node, at: position)
    }

    private mutating func place(_ node: Node, at position: Int) {
        nodes[position] = node
        positions[Int(node.slot)] = Int32(position)
    }
}
