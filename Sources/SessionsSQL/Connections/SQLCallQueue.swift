import DequeModule
import Sessions

/// The calls that wait for a connection, in the order in which they came, with a limit to the reads that run at a time.
///
/// Reads that are over the limit let writes pass, and nothing else does: among those that may run, who came first goes first.
struct SQLCallQueue {
    private var reads: Deque<Entry> = []
    private var writes: Deque<Entry> = []
    private var nextNumber: Int64 = 0
    private var runningReads = 0
    private let readLimit: Int

    private struct Entry {
        var number: Int64
        var call: SQLCall
    }

    /// - Parameter readLimit: How many reads may run at a time.
    init(readLimit: Int) {
        self.readLimit = readLimit
    }

    var count: Int { reads.count + writes.count }

    var isEmpty: Bool { reads.isEmpty && writes.isEmpty }

    /// How many of them may run now.
    var readyCount: Int { writes.count + min(reads.count, max(0, readLimit - runningReads)) }

    mutating func append(_ call: SQLCall) {
        let entry = Entry(number: nextNumber, call: call)
        nextNumber += 1
        call.isRead ? reads.append(entry) : writes.append(entry)
    }

    /// Takes the next call that may run, which counts as running until it has ended.
    mutating func next() -> SQLCall? {
        while let call = popFirst() {
            guard call.phase == .waiting else { continue }
            if call.isRead { runningReads += 1 }
            return call
        }
        return nil
    }

    private mutating func popFirst() -> SQLCall? {
        guard let read = reads.first, runningReads < readLimit else { return writes.popFirst()?.call }
        guard let write = writes.first, write.number < read.number else { return reads.popFirst()?.call }
        return writes.popFirst()?.call
    }

    /// A call that was taken runs no more.
    mutating func end(_ call: SQLCall) {
        if call.isRead { runningReads -= 1 }
    }

    /// A call that was taken waits again, before all others.
    mutating func putBack(_ call: SQLCall) {
        end(call)
        let entry = Entry(number: -1, call: call)
        call.isRead ? reads.prepend(entry) : writes.prepend(entry)
    }

    /// Removes those that have their answer, and those whose time is over.
    /// - Returns: What hands a failure to each of the latter.
    mutating func removeLate(at now: ContinuousClock.Instant) -> [(SQLFailure) -> Void] {
        var late: [(SQLFailure) -> Void] = []
        func isOver(_ entry: Entry) -> Bool {
            guard entry.call.phase == .waiting, entry.call.deadline > now else {
                if let fail = entry.call.answer() { late.append(fail) }
                return true
            }
            return false
        }
        reads.removeAll(where: isOver)
        writes.removeAll(where: isOver)
        return late
    }

    /// Removes all of them.
    /// - Returns: What hands a failure to each.
    mutating func removeAll() -> [(SQLFailure) -> Void] {
        defer { (reads, writes) = ([], []) }
        return (reads + writes).compactMap { $0.call.answer() }
    }

    /// How many have no answer yet.
    var unansweredCount: Int { (reads + writes).count { $0.call.phase == .waiting } }
}
