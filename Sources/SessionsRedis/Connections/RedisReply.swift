#if Redis
import Synchronization

/// The reply that a caller waits for. Whatever comes first settles it: the reply, the deadline, or the caller's
/// cancellation; the others find it settled and change nothing.
final class RedisReply: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Result<RESPValue, RedisFailure>, Never>)
        case settled(Result<RESPValue, RedisFailure>)
        case taken
    }

    /// For commands whose replies nobody waits for, all of them.
    static let unawaited: RedisReply = {
        let reply = RedisReply()
        reply.settle(.success(.null))
        return reply
    }()

    private let state = Mutex(State.open)
    private let onSettle: (@Sendable (Result<RESPValue, RedisFailure>) -> Void)?

    /// - Parameter onSettle: Called once, by whoever settles the reply, which may be the event loop.
    init(onSettle: (@Sendable (Result<RESPValue, RedisFailure>) -> Void)? = nil) {
        self.onSettle = onSettle
    }

    /// Waits until the reply is settled. To be called once.
    func value() async -> Result<RESPValue, RedisFailure> {
        await withCheckedContinuation { continuation in
            let result: Result<RESPValue, RedisFailure>? = state.withLock { state in
                guard case .settled(let result) = state else {
                    state = .awaited(continuation)
                    return nil
                }
                state = .taken
                return result
            }
            if let result { continuation.resume(returning: result) }
        }
    }

    func settle(_ result: Result<RESPValue, RedisFailure>) {
        typealias Waiting = CheckedContinuation<Result<RESPValue, RedisFailure>, Never>
        let (isFirst, continuation) = state.withLock { state -> (Bool, Waiting?) in
            switch state {
            case .open:
                state = .settled(result)
                return (true, nil)
            case .awaited(let continuation):
                state = .taken
                return (true, continuation)
            case .settled, .taken:
                return (false, nil)
            }
        }
        continuation?.resume(returning: result)
        if isFirst { onSettle?(result) }
    }

    /// What the reply was settled with, if nobody has waited for it.
    var result: Result<RESPValue, RedisFailure>? {
        state.withLock { state in
            guard case .settled(let result) = state else { return nil }
            return result
        }
    }

    /// Whether nobody waits for it any more.
    var isSettled: Bool {
        state.withLock { state in
            switch state {
            case .open, .awaited: false
            case .settled, .taken: true
            }
        }
    }
}
#endif
