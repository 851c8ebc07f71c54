public import Sessions
import Synchronization

/// A clock that stands still until a test moves it.
///
/// It starts at the real time, since some stores also use their server's clock to collect garbage, and it only moves
/// forward. Whoever sleeps on it wakes when it is moved to or past the end of the sleep.
/// ```swift
/// let clock = ManualSessionClock()
/// let sessions = try SessionManager(store: MemorySessionStore(), clock: clock)
/// clock.advance(by: .seconds(3600))
/// ```
public final class ManualSessionClock: SessionClock {
    private struct Sleeper {
        var deadline: SessionInstant
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct Watcher {
        var count: Int
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now: SessionInstant
        var sleepers: [UInt64: Sleeper] = [:]
        var watchers: [Watcher] = []
        var nextID: UInt64 = 0

        /// Takes out the watchers whose count of sleepers is reached.
        mutating func satisfiedWatchers() -> [Watcher] {
            let satisfied = watchers.filter { $0.count <= sleepers.count }
            watchers.removeAll { $0.count <= sleepers.count }
            return satisfied
        }
    }

    private let state: Mutex<State>

    /// Creates a clock.
    /// - Parameter now: Where it stands at first. Default: the system's time.
    public init(now: SessionInstant = SystemSessionClock().now) {
        state = Mutex(State(now: now))
    }

    /// Where the clock stands.
    public var now: SessionInstant { state.withLock { $0.now } }

    /// One millisecond.
    public var minimumResolution: Duration { .milliseconds(1) }

    /// The number of tasks that sleep on this clock.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// Moves the clock forward. Nothing happens for durations below zero.
    public func advance(by duration: Duration) { advance(to: now + duration) }

    /// Moves the clock forward to `instant`. Nothing happens if that has passed.
    public func advance(to instant: SessionInstant) {
        let woken = state.withLock { state in
            state.now = max(state.now, instant)
            let woken = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in woken.keys { state.sleepers[id] = nil }
            return woken.values.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in woken { sleeper.continuation.resume() }
    }

    /// Sleeps until the clock is moved to or past `deadline`.
    /// - Throws: `CancellationError` when the task is cancelled.
    public func sleep(until deadline: SessionInstant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // A cancellation that comes before this point finds no sleeper; it is seen here instead.
                enum Next {
                    case wake, cancel
                    case sleep([Watcher])
                }
                let next: Next = state.withLock { state in
                    if Task.isCancelled { return .cancel }
                    if deadline <= state.now { return .wake }
                    state.sleepers[id] = Sleeper(deadline: deadline, continuation: continuation)
                    return .sleep(state.satisfiedWatchers())
                }
                switch next {
                case .wake: continuation.resume()
                case .cancel: continuation.resume(throwing: CancellationError())
                case .sleep(let watchers): for watcher in watchers { watcher.continuation.resume() }
                }
            }
        } onCancel: {
            let sleeper = state.withLock { $0.sleepers.removeValue(forKey: id) }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Waits until at least `count` tasks sleep on this clock, so that moving it then wakes them.
    public func waitForSleepers(_ count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let satisfied = state.withLock { state in
                state.watchers.append(Watcher(count: count, continuation: continuation))
                return state.satisfiedWatchers()
            }
            for watcher in satisfied { watcher.continuation.resume() }
        }
    }
}
