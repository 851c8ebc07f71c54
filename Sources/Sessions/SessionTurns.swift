import DequeModule
import Synchronization

/// First come, first served queues, one for each session that several requests want at the same time.
///
/// What is not contended has no entry: the table is as large as the number of sessions in use at the moment.
final class SessionTurns: Sendable {
    /// Why a turn was not given.
    enum Failure: Error {
        case tooManyWaiters
        case cancelled
    }

    /// A turn that was given.
    struct Turn {
        /// The record that the predecessor in the queue has committed, if it has.
        var latest: SessionRecord?
        /// Whether this process has written to the session without a pause for long, and should let others in.
        var mustRest = false
    }

    private struct Queue {
        var waiters: Deque<(ticket: UInt64, continuation: CheckedContinuation<Turn, any Error>)> = []
        /// When the first one of those who followed each other without a pause began.
        var runBegan: ContinuousClock.Instant
    }

    /// How long commits of this process follow each other before it rests.
    ///
    /// Whoever follows in the queue knows the latest record, so that a process that has won once goes on winning: others
    /// have to ask for that record first, and it has changed again when they come with it.
    static let longestRun = Duration.milliseconds(100)

    private struct State {
        var queues: [SessionID: Queue] = [:]
        var nextTicket: UInt64 = 0
        /// Waiters whose task was cancelled before they stood in a queue.
        var cancelled: Set<UInt64> = []
    }

    private let state = Mutex(State())
    private let occupied = Atomic<Int>(0)
    private let maximumWaiters: Int

    private let now: @Sendable () -> ContinuousClock.Instant

    /// - Parameter now: Tells the time, for tests.
    init(maximumWaiters: Int, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.maximumWaiters = maximumWaiters
        self.now = now
    }

    /// Whether somebody has the turn of a session now.
    func isTaken(_ id: SessionID) -> Bool {
        guard occupied.load(ordering: .relaxed) > 0 else { return false }
        return state.withLock { $0.queues[id] != nil }
    }

    /// Waits for the turn of a session.
    /// - Throws: ``Failure``; then the turn is not taken.
    func take(_ id: SessionID) async throws -> Turn {
        let ticket: UInt64? = state.withLock { state in
            guard state.queues[id] != nil else {
                state.queues[id] = Queue(runBegan: now())
                occupied.add(1, ordering: .relaxed)
                return nil
            }
            state.nextTicket += 1
            return state.nextTicket
        }
        guard let ticket else { return Turn() }
        defer {
            // A cancellation that came when the turn had been given already leaves its mark behind.
            state.withLock { _ = $0.cancelled.remove(ticket) }
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enum Action {
                    case wait, go
                    case fail(Failure)
                }
                let action: Action = state.withLock { state in
                    if state.cancelled.remove(ticket) != nil { return .fail(.cancelled) }
                    guard let waiting = state.queues[id]?.waiters.count else {
                        state.queues[id] = Queue(runBegan: now())
                        occupied.add(1, ordering: .relaxed)
                        return .go
                    }
                    guard waiting < maximumWaiters else { return .fail(.tooManyWaiters) }
                    state.queues[id]?.waiters.append((ticket, continuation))
                    return .wait
                }
                switch action {
                case .wait: break
                case .go: continuation.resume(returning: Turn())
                case .fail(let failure): continuation.resume(throwing: failure)
                }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                guard let index = state.queues[id]?.waiters.firstIndex(where: { $0.ticket == ticket }) else {
                    state.cancelled.insert(ticket)
                    return nil as CheckedContinuation<Turn, any Error>?
                }
                return state.queues[id]?.waiters.remove(at: index).continuation
            }
            waiter?.resume(throwing: Failure.cancelled)
        }
    }

    /// Gives the turn to the next in the queue.
    /// - Parameter latest: The record as it is now, which saves the next one a look at the store.
    func give(_ id: SessionID, latest: SessionRecord? = nil) {
        let (next, mustRest) = state.withLock { state in
            let next = state.queues[id]?.waiters.popFirst()
            guard next != nil else {
                if state.queues.removeValue(forKey: id) != nil { occupied.subtract(1, ordering: .relaxed) }
                return (next, false)
            }
            let now = now()
            guard let began = state.queues[id]?.runBegan, now - began >= Self.longestRun else { return (next, false) }
            state.queues[id]?.runBegan = now
            return (next, true)
        }
        next?.continuation.resume(returning: Turn(latest: latest, mustRest: mustRest))
    }

    /// How many wait for the turn of a session, for tests.
    func waiterCount(_ id: SessionID) -> Int { state.withLock { $0.queues[id]?.waiters.count ?? 0 } }

    /// The number of sessions whose turn is taken, for tests.
    var count: Int { state.withLock { $0.queues.count } }
}
