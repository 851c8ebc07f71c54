import Synchronization

/// Something that happened to a session, for audit logs and alarms. It names the session by its id, never by its token.
public struct SessionEvent: Hashable, Sendable {
    /// What happened. More may come; give a `switch` a default.
    public struct Kind: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case created, renewed, ended, expired, rejectedToken, ambiguousTokens, lostUpdate, corruptRecord
            case undecodableValue
        }

        private let wrapped: Wrapped

        /// A session was made.
        public static var created: Self { .init(wrapped: .created) }
        /// A session got a new token; ``SessionEvent/id`` is the new id.
        public static var renewed: Self { .init(wrapped: .renewed) }
        /// A session was ended.
        public static var ended: Self { .init(wrapped: .ended) }
        /// A sweep removed a session that had expired.
        public static var expired: Self { .init(wrapped: .expired) }
        /// A request carried a token that leads to no session: unknown, expired, superseded or malformed.
        /// Many of them in a short time may be somebody guessing.
        public static var rejectedToken: Self { .init(wrapped: .rejectedToken) }
        /// A request carried the tokens of two live sessions: one may have been planted.
        public static var ambiguousTokens: Self { .init(wrapped: .ambiguousTokens) }
        /// A plain set replaced another request's change; ``SessionEvent/key`` is the value's name.
        public static var lostUpdate: Self { .init(wrapped: .lostUpdate) }
        /// A record could not be read. Its bytes stay in the store.
        public static var corruptRecord: Self { .init(wrapped: .corruptRecord) }
        /// A value could not be read as the type that the code expects; ``SessionEvent/key`` is its name.
        public static var undecodableValue: Self { .init(wrapped: .undecodableValue) }

        /// The kind's name.
        public var description: String { wrapped.rawValue }
    }

    /// What happened.
    public var kind: Kind
    /// The session, or `nil` where there is none.
    public var id: SessionID?
    /// The name of the value that is concerned, or `nil`.
    public var key: String?
    /// When it happened.
    public var time: SessionInstant
}

/// The events of a manager from the moment of the call on.
///
/// A reader that is slower than the events loses the oldest ones beyond 1024: no request ever waits for a reader.
public struct SessionEvents: AsyncSequence, Sendable {
    /// The element type.
    public typealias Element = SessionEvent

    /// The iterator over the events.
    public struct AsyncIterator: AsyncIteratorProtocol {
        var base: AsyncStream<SessionEvent>.Iterator

        /// The next event; `nil` after the task was cancelled or the manager is gone.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> SessionEvent? {
            await base.next(isolation: actor)
        }
    }

    let stream: AsyncStream<SessionEvent>

    /// Creates the iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: stream.makeAsyncIterator()) }
}

/// Hands events to whoever listens.
final class SessionEventHub: Sendable {
    private let listeners = Mutex<[UInt64: AsyncStream<SessionEvent>.Continuation]>([:])
    private let nextKey = Atomic<UInt64>(0)
    private let count = Atomic<Int>(0)

    func listen() -> SessionEvents {
        let key = nextKey.add(1, ordering: .relaxed).newValue
        let (stream, continuation) = AsyncStream.makeStream(
            of: SessionEvent.self,
            bufferingPolicy: .bufferingNewest(1024)
        )
        listeners.withLock { $0[key] = continuation }
        count.add(1, ordering: .relaxed)
        continuation.onTermination = { [weak self] _ in
            guard let self, self.listeners.withLock({ $0.removeValue(forKey: key) }) != nil else { return }
            self.count.subtract(1, ordering: .relaxed)
        }
        return SessionEvents(stream: stream)
    }

    func send(_ event: @autoclosure () -> SessionEvent) {
        guard count.load(ordering: .relaxed) > 0 else { return }
        let event = event()
        for listener in listeners.withLock({ Array($0.values) }) { listener.yield(event) }
    }

    deinit {
        for listener in listeners.withLock({ $0 }).values { listener.finish() }
    }
}
