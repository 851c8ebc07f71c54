import Sessions
import SessionsSQL
import Synchronization
import Testing

/// A database server that does as it is told, and remembers who came.
final class FakeServer: Sendable {
    struct Counts: Equatable {
        var opened = 0
        var closed = 0
        var executed = 0
    }

    private struct State {
        var counts = Counts()
        var isUp = true
        /// Failures for the next calls, in their order.
        var failures: [SQLFailure] = []
        /// Whether it executes changes together.
        var groupsChanges = false
        var doesAllOrNothing = false
        /// Changes that were asked for together, by the numbers they carry.
        var groups: [[Int64]] = []
        /// The numbers of rows that were looked for together.
        var lookups: [[Int64]] = []
        /// The numbers of changes and lookups that do not find their row.
        var missing: Set<Int64> = []
        /// The calls that were executed, by the number they carry.
        var calls: [Int64] = []
        var usable: Set<Int> = []
        var repliesInTheEnd = false
        var capacity = Int.max
        /// How many were turned away because there were as many as it takes.
        var turnedAway = 0
    }

    private let state = Mutex(State())
    private let monitor = Monitor()
    private let gate: Monitor.Condition
    private let isHeld = Mutex(false)
    private let holdsGroups = Mutex(false)
    private let holdsConnections = Mutex(false)

    init() {
        gate = Monitor.Condition(monitor)
    }

    var counts: Counts { state.withLock { $0.counts } }
    var calls: [Int64] { state.withLock { $0.calls } }
    /// How many connections are open.
    var openCount: Int { state.withLock { $0.counts.opened - $0.counts.closed } }

    /// Has changes executed together.
    /// - Parameters:
    ///   - missing: The numbers of those that do not find their row.
    ///   - allOrNothing: Whether nothing is done where one of them does not.
    func groupChanges(missing: Set<Int64> = [], allOrNothing: Bool = false) {
        state.withLock { ($0.groupsChanges, $0.missing, $0.doesAllOrNothing) = (true, missing, allOrNothing) }
    }

    var groups: [[Int64]] { state.withLock { $0.groups } }

    /// Has lookups not find the rows of these numbers.
    func lose(_ numbers: Set<Int64>) { state.withLock { $0.missing = numbers } }

    var lookups: [[Int64]] { state.withLock { $0.lookups } }

    func setUp(_ isUp: Bool) { state.withLock { $0.isUp = isUp } }

    /// How many connections it takes at the same time.
    func setCapacity(_ capacity: Int) { state.withLock { $0.capacity = capacity } }

    /// Blocks the thread.
    func waitUntilOneIsTurnedAway() {
        let end = ContinuousClock.now + .seconds(20)
        monitor.lock()
        while turnedAwayCount == 0, .now < end { gate.wait(milliseconds: 5) }
        monitor.unlock()
    }

    var turnedAwayCount: Int { state.withLock { $0.turnedAway } }

    /// Has calls that are interrupted end as if they had not been.
    func replyInTheEnd() { state.withLock { $0.repliesInTheEnd = true } }

    /// Has the next calls fail.
    func fail(_ failures: SQLFailure...) { state.withLock { $0.failures += failures } }

    /// Has all connections look as if the server had closed them.
    func dropConnections() { state.withLock { $0.usable = [] } }

    /// Has calls that are executed wait until `release()`.
    func hold() { isHeld.withLock { $0 = true } }

    /// Has what is executed together wait until `releaseGroups()`.
    func holdGroups() { holdsGroups.withLock { $0 = true } }

    /// Has a pool's only connection busy with a write, number 100, until `release()`.
    /// - Returns: The failure of that write, or `nil`.
    func occupy(_ pool: SQLConnectionPool) async -> Task<SQLFailure?, Never> {
        hold()
        let busy = Task { await pool.failure(100) }
        await eventually("the connection is busy") { calls.last == 100 }
        return busy
    }

    func releaseGroups() {
        holdsGroups.withLock { $0 = false }
        gate.broadcast()
    }

    func release() {
        isHeld.withLock { $0 = false }
        gate.broadcast()
    }

    /// Has whoever connects wait until `releaseConnections()`.
    func holdConnections() { holdsConnections.withLock { $0 = true } }

    func releaseConnections() {
        holdsConnections.withLock { $0 = false }
        gate.broadcast()
    }

    /// How many calls have been begun and not ended.
    var waitingCount: Int { state.withLock { $0.calls.count - $0.counts.executed } }

    func connect() throws(SQLFailure) -> any SQLConnection {
        monitor.lock()
        while holdsConnections.withLock({ $0 }) { gate.wait(milliseconds: 5) }
        monitor.unlock()
        let (number, isFull): (Int?, Bool) = state.withLock { state in
            guard state.isUp else { return (nil, false) }
            guard state.counts.opened - state.counts.closed < state.capacity else {
                state.turnedAway += 1
                return (nil, true)
            }
            state.counts.opened += 1
            state.usable.insert(state.counts.opened)
            return (state.counts.opened, false)
        }
        guard !isFull else { throw SQLFailure(.tooManyConnections, "full") }
        guard let number else { throw SQLFailure(.connection, "refused") }
        return Connection(server: self, number: number)
    }

    private func execute(_ calls: [Int64], _ interruption: Interruption) throws(SQLFailure) {
        let failure: SQLFailure? = state.withLock { state in
            state.calls += calls
            return state.failures.isEmpty ? nil : state.failures.removeFirst()
        }
        monitor.lock()
        func mustWait() -> Bool {
            guard !interruption.isInterrupted else { return false }
            return isHeld.withLock { $0 } || calls.count > 1 && holdsGroups.withLock { $0 }
        }
        while mustWait() { gate.wait(milliseconds: 5) }
        monitor.unlock()
        state.withLock { $0.counts.executed += calls.count }
        // A reply may come at the very moment in which the connection is shut.
        if interruption.isInterrupted, !state.withLock({ $0.repliesInTheEnd }) {
            throw SQLFailure(.timeout, "interrupted", mayHaveExecuted: true, closesConnection: true)
        }
        if let failure { throw failure }
    }

    private func closed(_ number: Int) {
        state.withLock {
            $0.counts.closed += 1
            $0.usable.remove(number)
        }
    }

    private final class Interruption: SQLInterruption {
        private let flag = Mutex(false)
        var isInterrupted: Bool { flag.withLock { $0 } }
        func interrupt() { flag.withLock { $0 = true } }
    }

    private struct Connection: SQLConnection {
        let server: FakeServer
        let number: Int
        let ending = Interruption()

        func execute(_ statement: SQLStatement, _ values: [SQLValue]) throws(SQLFailure) -> SQLResult {
            let call = values.first.map { $0.integer ?? Int64(key: $0.bytes ?? []) } ?? 0
            try server.execute([call], ending)
            let isMissing = server.state.withLock { $0.missing.contains(call) }
            let isLost = isMissing && statement == .load
            return SQLResult(rows: isLost ? [] : [[.integer(call)]], affected: isMissing ? 0 : 1)
        }

        func load(_ keys: [[UInt8]]) throws(SQLFailure) -> [[UInt8]: [SQLValue]] {
            let calls = keys.map(Int64.init(key:))
            server.state.withLock { $0.lookups.append(calls) }
            try server.execute(calls, ending)
            let missing = server.state.withLock { $0.missing }
            let found = zip(keys, calls).filter { !missing.contains($0.1) }
            return Dictionary(found.map { ($0, [.integer($1)]) }) { first, _ in first }
        }

        var executesTogether: Bool { server.state.withLock { $0.groupsChanges } }

        func executeTogether(_ statement: SQLStatement, _ lists: [[SQLValue]]) throws(SQLFailure) -> [Bool]? {
            let calls = lists.compactMap { $0.first?.integer }
            server.state.withLock { $0.groups.append(calls) }
            try server.execute(calls, ending)
            return server.state.withLock { state in
                if state.doesAllOrNothing, !state.missing.isDisjoint(with: calls) { return nil }
                return calls.map { !state.missing.contains($0) }
            }
        }

        func begin() throws(SQLFailure) {}
        func commit() throws(SQLFailure) {}
        func rollback() throws(SQLFailure) {}
        var isUsable: Bool { server.state.withLock { $0.usable.contains(number) } }
        var interruption: any SQLInterruption { ending }
        func close() { server.closed(number) }
    }
}

extension Int64 {
    /// The number of the row with a key.
    fileprivate init(key: [UInt8]) { self = key.reduce(0) { $0 << 8 | Int64($1) } }

    /// The key of the row with this number.
    fileprivate var key: [UInt8] { [UInt8(truncatingIfNeeded: self >> 8), UInt8(truncatingIfNeeded: self)] }
}

extension SQLConnectionPool {
    /// Makes a pool for a fake server.
    convenience init(
        _ server: FakeServer,
        connections: Int = 4,
        reads: Int? = nil,
        changes: Int = 1,
        waiting: Int = 100,
        age: Duration = .seconds(3600),
        idle: Duration = .seconds(3600),
        replacement: Duration = .seconds(3600)
    ) {
        self.init(
            limits: .init(
                connections: connections,
                reads: reads,
                changes: changes,
                waiting: waiting,
                age: age,
                idle: idle,
                replacement: replacement
            ),
            connect: { () throws(SQLFailure) in try server.connect() }
        )
    }

    /// Has a call with a number executed.
    @discardableResult
    func call(
        _ number: Int64,
        isRead: Bool = false,
        timeout: Duration = .seconds(20)
    ) async throws(SQLFailure) -> Int64? {
        try await run(isRead: isRead, timeout: timeout) { connection throws(SQLFailure) in
            try connection.execute(isRead ? .load : .update, [.integer(number)]).rows.first?.first?.integer
        }
    }

    /// Looks for the row of a number.
    /// - Returns: The number, from the row, or `nil` if there is none.
    func look(for number: Int64, timeout: Duration = .seconds(20)) async throws(SQLFailure) -> Int64? {
        try await load(number.key, timeout: timeout).first?.first?.integer
    }

    /// Has a change with a number executed, of the row of that number.
    /// - Returns: Whether it has found the row.
    func change(
        _ number: Int64,
        _ statement: SQLStatement = .update,
        row: UInt8? = nil,
        timeout: Duration = .seconds(20)
    ) async throws(SQLFailure) -> Bool {
        let change = SQLChange(statement, [.integer(number)], key: [row ?? UInt8(number)])
        return try await run(isRead: false, timeout: timeout, together: (change, true)) {
            connection throws(SQLFailure) in
            try connection.execute(statement, change.values).affected > 0
        }
    }

    /// The failure of a call with a number, or `nil` if it succeeds.
    func failure(
        _ number: Int64,
        isRead: Bool = false,
        timeout: Duration = .seconds(20)
    ) async -> SQLFailure? {
        do throws(SQLFailure) {
            try await call(number, isRead: isRead, timeout: timeout)
            return nil
        } catch {
            return error
        }
    }

    /// The failure of a change with a number, or `nil` if it finds its row.
    func failure(change number: Int64, timeout: Duration) async -> SQLFailure? {
        do throws(SQLFailure) {
            return try await change(number, timeout: timeout) ? nil : SQLFailure(.other, "missing")
        } catch {
            return error
        }
    }
}
