import DequeModule
import Sessions

/// The calls that wait for a connection, in the order in which they came.
///
/// There are limits to the reads that run at a time, and to the transactions in which changes are done together. Calls that
/// are over a limit let the others pass, and nothing else does: among those that may run, who came first goes first.
struct SQLCallQueue {
    /// What a connection does at a time: one call, several lookups, or several changes in one transaction.
    struct Turn {
        fileprivate let line: Int
        let calls: [SQLCall]

        /// Whether it changes nothing, so that it may be done again whatever became of the first time.
        var isRead: Bool { line == SQLCallQueue.reads }
    }

    private struct Line {
        var entries: Deque<Entry> = []
        var running = 0
        var limit = Int.max

        var readyCount: Int { min(entries.count, max(0, limit - running)) }
    }

    private struct Entry {
        var number: Int64
        var call: SQLCall
    }

    fileprivate static let reads = 0
    private static let writes = 1
    private static let changes = 2
    private var lines = [Line(), Line(), Line()]
    private var nextNumber: Int64 = 0
    private let changeLimit: Int

    /// - Parameters:
    ///   - readLimit: How many reads may run at a time.
    ///   - changeLimit: How many transactions may run at a time in which changes are done together. Those that come
    ///     meanwhile wait, and share the next one.
    init(readLimit: Int, changeLimit: Int) {
        lines[Self.reads].limit = readLimit
        self.changeLimit = changeLimit
    }

    /// Whether changes are done together.
    var groupsChanges = false {
        didSet { lines[Self.changes].limit = groupsChanges ? changeLimit : .max }
    }

    var count: Int { lines.reduce(0) { $0 + $1.entries.count } }

    var isEmpty: Bool { lines.allSatisfy(\.entries.isEmpty) }

    /// How many turns there may be now, at most.
    var readyCount: Int { lines.reduce(0) { $0 + $1.readyCount } }

    private static func line(of call: SQLCall) -> Int {
        if call.isRead { return reads }
        return call.change == nil ? writes : changes
    }

    mutating func append(_ call: SQLCall) {
        lines[Self.line(of: call)].entries.append(Entry(number: nextNumber, call: call))
        nextNumber += 1
    }

    /// Takes what may run next. It counts as running until it has ended.
    mutating func next() -> Turn? {
        while let line = nextLine() {
            let calls =
                switch line {
                case Self.reads: takeReads()
                case Self.changes where groupsChanges: takeChanges()
                default: take(from: line)
                }
            guard !calls.isEmpty else { continue }
            lines[line].running += 1
            return Turn(line: line, calls: calls)
        }
        return nil
    }

    /// The line whose first call came first, among those that may run.
    private func nextLine() -> Int? {
        var next: (line: Int, number: Int64)?
        for line in lines.indices where lines[line].running < lines[line].limit {
            guard let first = lines[line].entries.first, first.number < next?.number ?? .max else { continue }
            next = (line, first.number)
        }
        return next?.line
    }

    private mutating func take(from line: Int) -> [SQLCall] {
        guard let call = lines[line].entries.popFirst()?.call, call.phase == .waiting else { return [] }
        return [call]
    }

    /// Takes one read, and if that is a lookup those that come right behind it.
    private mutating func takeReads() -> [SQLCall] {
        var taken = take(from: Self.reads)
        guard taken.first?.lookup != nil else { return taken }
        while taken.count < SQLLookup.groupLimit, lines[Self.reads].entries.first?.call.lookup != nil {
            taken += take(from: Self.reads)
        }
        return taken
    }

    /// Takes changes that are the same statement, for different rows, in the order of the rows' keys.
    private mutating func takeChanges() -> [SQLCall] {
        var taken: [(call: SQLCall, change: SQLChange)] = []
        var others: [Entry] = []
        while taken.count < SQLChange.groupLimit, others.count < SQLChange.groupLimit,
            let entry = lines[Self.changes].entries.popFirst()
        {
            guard entry.call.phase == .waiting, let change = entry.call.change else { continue }
            if let first = taken.first?.change,
                change.statement != first.statement || taken.contains(where: { $0.change.key == change.key })
            {
                others.append(entry)
            } else {
                taken.append((entry.call, change))
            }
        }
        lines[Self.changes].entries.prepend(contentsOf: others)
        if taken.count > 1 { taken.sort { $0.change.key.lexicographicallyPrecedes($1.change.key) } }
        return taken.map(\.call)
    }

    /// What was taken runs no more.
    mutating func end(_ turn: Turn) {
        lines[turn.line].running -= 1
    }

    /// A call that was taken waits again, before all others of its kind.
    mutating func putBack(_ call: SQLCall) {
        lines[Self.line(of: call)].entries.prepend(Entry(number: -1, call: call))
    }

    /// Removes those that have their answer, and those whose time is over.
    /// - Returns: What hands a failure to each of the latter.
    mutating func removeLate(at now: ContinuousClock.Instant) -> [(SQLFailure) -> Void] {
        var late: [(SQLFailure) -> Void] = []
        for line in lines.indices {
            lines[line].entries.removeAll { entry in
                guard entry.call.phase == .waiting, entry.call.deadline > now else {
                    if let fail = entry.call.answer() { late.append(fail) }
                    return true
                }
                return false
            }
        }
        return late
    }

    /// Removes all of them.
    /// - Returns: What hands a failure to each.
    mutating func removeAll() -> [(SQLFailure) -> Void] {
        var fails: [(SQLFailure) -> Void] = []
        for line in lines.indices {
            fails += lines[line].entries.compactMap { $0.call.answer() }
            lines[line].entries = []
        }
        return fails
    }

    /// How many have no answer yet.
    var unansweredCount: Int {
        lines.reduce(0) { $0 + $1.entries.count { $0.call.phase == .waiting } }
    }
}
