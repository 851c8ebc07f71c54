public import Sessions
import Synchronization

/// An operation of a store.
public struct SessionStoreOperation: Hashable, Sendable, CustomStringConvertible {
    private enum Wrapped: String {
        case load, insert, update, touch, delete, renew, count, page, sweep, addToIndex, removeFromIndex, epoch
        case raiseEpoch, index, acquireLease, releaseLease, checkHealth
    }

    private let wrapped: Wrapped

    /// `SessionStore.load(_:now:)`
    public static var load: Self { .init(wrapped: .load) }
    /// `SessionStore.insert(_:id:)`
    public static var insert: Self { .init(wrapped: .insert) }
    /// `SessionStore.update(_:id:ifStamp:now:)`
    public static var update: Self { .init(wrapped: .update) }
    /// `SessionStore.touch(_:ifStamp:expiresAt:now:)`
    public static var touch: Self { .init(wrapped: .touch) }
    /// `SessionStore.delete(_:ifStamp:now:)`
    public static var delete: Self { .init(wrapped: .delete) }
    /// `RenewingSessionStore.renew(_:ifStamp:forwarder:successor:newID:now:)`
    public static var renew: Self { .init(wrapped: .renew) }
    /// `EnumerableSessionStore.count(now:)`
    public static var count: Self { .init(wrapped: .count) }
    /// `EnumerableSessionStore.page(after:limit:now:)`
    public static var page: Self { .init(wrapped: .page) }
    /// `SweepingSessionStore.sweep(from:limit:now:)`
    public static var sweep: Self { .init(wrapped: .sweep) }
    /// `SubjectIndexingSessionStore.addToIndex(_:subject:absoluteDeadline:now:)`
    public static var addToIndex: Self { .init(wrapped: .addToIndex) }
    /// `SubjectIndexingSessionStore.removeFromIndex(_:subject:)`
    public static var removeFromIndex: Self { .init(wrapped: .removeFromIndex) }
    /// `SubjectIndexingSessionStore.epoch(of:)`
    public static var epoch: Self { .init(wrapped: .epoch) }
    /// `SubjectIndexingSessionStore.raiseEpoch(of:now:)`
    public static var raiseEpoch: Self { .init(wrapped: .raiseEpoch) }
    /// `SubjectIndexingSessionStore.index(of:now:)`
    public static var index: Self { .init(wrapped: .index) }
    /// `LeasingSessionStore.acquireLease(on:holder:expiresAt:now:)`
    public static var acquireLease: Self { .init(wrapped: .acquireLease) }
    /// `LeasingSessionStore.releaseLease(on:holder:)`
    public static var releaseLease: Self { .init(wrapped: .releaseLease) }
    /// `HealthCheckingSessionStore.checkHealth()`
    public static var checkHealth: Self { .init(wrapped: .checkHealth) }

    /// The operation's name.
    public var description: String { wrapped.rawValue }
}

/// What a ``FaultInjectingSessionStore`` does to a call.
public struct SessionStoreFault: Sendable {
    enum Wrapped {
        case unavailable, lostRequest, lostAnswer
        case error(SessionStoreError)
        case pauseBefore(SessionStoreGate)
        case pauseAfter(SessionStoreGate)
    }

    let wrapped: Wrapped

    /// The call fails with `.unavailable` and is not executed.
    public static var unavailable: Self { .init(wrapped: .unavailable) }
    /// The call fails with `.outcomeUnknown` and is not executed: the request was lost on the way.
    public static var lostRequest: Self { .init(wrapped: .lostRequest) }
    /// The call is executed and fails with `.outcomeUnknown`: the answer was lost on the way.
    public static var lostAnswer: Self { .init(wrapped: .lostAnswer) }
    /// The call fails with this error and is not executed.
    public static func error(_ error: SessionStoreError) -> Self { .init(wrapped: .error(error)) }
    /// The call waits at the gate before it is executed.
    public static func pauseBefore(_ gate: SessionStoreGate) -> Self { .init(wrapped: .pauseBefore(gate)) }
    /// The call is executed and waits at the gate before it returns.
    public static func pauseAfter(_ gate: SessionStoreGate) -> Self { .init(wrapped: .pauseAfter(gate)) }
}

/// A place where calls of a store wait until a test lets them go on: to put two requests in a certain order without
/// sleeping.
///
/// A call that waits does not notice that its task is cancelled, as a write that was begun does not.
public final class SessionStoreGate: Sendable {
    private struct State {
        var isOpen = false
        var wasReached = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        var watching: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Creates a closed gate.
    public init() {}

    /// Whether a call has come to the gate, or it was opened.
    public var wasReached: Bool { state.withLock { $0.wasReached } }

    /// Waits until a call has come to the gate.
    public func waitUntilReached() async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if !state.wasReached { state.watching.append(continuation) }
                return state.wasReached
            }
            if isThere { continuation.resume() }
        }
    }

    /// Lets everybody through, now and from now on. Whoever waits for the gate to be reached is released too.
    public func open() {
        let woken = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in woken { continuation.resume() }
        signalReached()
    }

    func pass() async {
        signalReached()
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    /// Releases those who wait for the gate to be reached; opening it does the same, so that a call that never comes
    /// leaves nobody waiting.
    func signalReached() {
        let woken = state.withLock { state in
            state.wasReached = true
            defer { state.watching = [] }
            return state.watching
        }
        for continuation in woken { continuation.resume() }
    }
}
