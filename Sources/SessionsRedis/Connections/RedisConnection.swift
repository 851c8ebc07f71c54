#if Redis
import NIOCore
import Synchronization

/// One connection to one server, shared by all requests.
///
/// Nothing is open before the first command. What several tasks send while the event loop is busy goes out in one piece,
/// and replies are matched in order. A lost connection is opened anew by the next command; while the server cannot be
/// reached, commands fail at once, and one attempt at a time is made after growing, random pauses.
final class RedisConnection: Sendable {
    /// A command on its way to the server.
    struct Outgoing: Sendable {
        var command: RESPCommand
        var reply: RedisReply
        var deadline: NIODeadline
        var effect: NearCacheEffect = .none
    }

    fileprivate enum Phase {
        /// Not open; the next command opens it.
        case idle
        case connecting
        case ready
        /// The last attempt failed, and it is too early for the next one.
        case resting(until: NIODeadline, RedisFailure)
        case shutDown
    }

    fileprivate struct State {
        var phase = Phase.idle
        /// What the event loop has not fetched yet.
        var outbox: [Outgoing] = []
        var isFetchScheduled = false
        /// How many attempts have failed in a row.
        var failures = 0
    }

    /// What only the event loop touches.
    private struct LoopState {
        var handler: RedisChannelHandler?
        /// What waits for the connection to be ready.
        var waiting: [Outgoing] = []
        /// Tells attempts apart, so that a late one is not taken for the present one.
        var attempt: UInt64 = 0
        /// What the present attempt has opened, while its handshake runs.
        var opening: (any Channel)?
        /// The server that the present attempt connects to, once it is known.
        var openingName: String?
        var readySince: NIODeadline?
    }

    let eventLoop: any EventLoop
    let target: RedisTarget
    private let state = Mutex(State())
    private let loopState: NIOLoopBoundBox<LoopState>
    /// The commands that were accepted and are not settled yet.
    let pendingCount = Atomic<Int>(0)

    init(_ target: RedisTarget, on eventLoop: any EventLoop) {
        self.target = target
        self.eventLoop = eventLoop
        loopState = .makeBoxSendingValue(LoopState(), eventLoop: eventLoop)
    }

    // MARK: Sending

    /// Sends a command and waits for its reply.
    /// - Parameters:
    ///   - deadline: When the caller gives up, at the latest.
    ///   - isCancellable: Whether the caller gives up when its task is cancelled. The command's place in the order of
    ///     replies stays, and its reply is thrown away (CVE-2023-28858, CVE-2025-29923).
    func send(
        _ command: RESPCommand,
        deadline: NIODeadline,
        isCancellable: Bool,
        effect: NearCacheEffect = .none
    ) async throws(RedisFailure) -> RESPValue {
        let reply = RedisReply()
        try enqueue([Outgoing(command: command, reply: reply, deadline: deadline, effect: effect)])
        return try await Self.value(of: reply, isCancellable: isCancellable)
    }

    /// Waits for a reply; an error reply is thrown as ``RedisFailure``.
    static func value(of reply: RedisReply, isCancellable: Bool) async throws(RedisFailure) -> RESPValue {
        guard isCancellable else { return try await reply.value().get() }
        let result = await withTaskCancellationHandler {
            await reply.value()
        } onCancel: {
            reply.settle(.failure(RedisFailure(.cancelled, "the request was cancelled")))
        }
        return try result.get()
    }

    /// Puts commands in line, one right behind the other.
    /// - Throws: If the server is known not to be reachable now, or too many commands wait already; then none is sent.
    func enqueue(_ commands: [Outgoing]) throws(RedisFailure) {
        guard pendingCount.load(ordering: .relaxed) + commands.count <= target.maximumPendingCommands else {
            throw RedisFailure(
                .notExecuted,
                "\(target.name): \(target.maximumPendingCommands) commands wait for replies, the most that may"
            )
        }
        let mustFetch = try state.withLock { state throws(RedisFailure) in
            switch state.phase {
            case .shutDown: throw Self.shutDownFailure
            case .resting(let until, let failure) where NIODeadline.now() < until: throw failure
            default: break
            }
            state.outbox += commands
            defer { state.isFetchScheduled = true }
            return !state.isFetchScheduled
        }
        pendingCount.add(commands.count, ordering: .relaxed)
        if mustFetch { eventLoop.execute { self.fetch() } }
    }

    /// On the event loop: takes what is in the outbox and sends it, or opens the connection for it.
    private func fetch() {
        loopState.value.handler?.leaveIfOutdated()
        let (commands, isReady, mustConnect) = state.withLock { state in
            let commands = state.outbox
            state.outbox.removeAll(keepingCapacity: true)
            state.isFetchScheduled = false
            switch state.phase {
            case .ready: return (commands, true, false)
            case .idle, .resting:
                state.phase = .connecting
                return (commands, false, true)
            case .connecting, .shutDown: return (commands, false, false)
            }
        }
        if isReady, let handler = loopState.value.handler {
            handler.send(commands)
            return
        }
        loopState.value.waiting += commands
        if mustConnect { connect() }
        if let first = commands.first { expireWaiting(at: first.deadline) }
    }

    /// What can be said when time is over and there is no connection yet.
    private var silence: RedisFailure {
        let name = loopState.value.openingName ?? target.name
        guard loopState.value.opening != nil else { return RedisFailure(.notExecuted, "\(name) does not answer") }
        return RedisFailure(
            .notExecuted,
            "\(name) takes the connection and does not answer: it hangs, or, \(target.encryptionAdvice)"
        )
    }

    private func expireWaiting(at deadline: NIODeadline) {
        eventLoop.scheduleTask(deadline: deadline) {
            let now = NIODeadline.now()
            let failure = self.silence
            self.loopState.value.waiting.removeAll { outgoing in
                guard outgoing.deadline <= now else { return false }
                self.settle(outgoing.reply, .failure(failure))
                return true
            }
        }
    }

    /// Settles a command that was accepted.
    func settle(_ reply: RedisReply, _ result: Result<RESPValue, RedisFailure>) {
        pendingCount.subtract(1, ordering: .relaxed)
        reply.settle(result)
    }

    // MARK: Opening and closing

    /// On the event loop: one attempt to open the connection.
    private func connect() {
        loopState.value.attempt += 1
        let attempt = loopState.value.attempt
        loopState.value.openingName = nil
        let timeout = eventLoop.scheduleTask(in: target.connectTimeout) { self.fail(attempt, self.silence) }
        target.connect(on: eventLoop) { channel, target in
            if self.loopState.value.attempt == attempt { self.loopState.value.openingName = target.name }
            let handler = RedisChannelHandler(self, target, attempt: attempt)
            try channel.pipeline.syncOperations.addHandler(handler)
        }.whenComplete { result in
            switch result {
            case .success(let channel):
                guard self.loopState.value.attempt == attempt, self.isConnecting else {
                    channel.close(promise: nil)
                    return
                }
                self.loopState.value.opening = channel
            case .failure(let error):
                timeout.cancel()
                self.fail(attempt, self.target.failure(for: error))
            }
        }
    }

    private var isConnecting: Bool {
        state.withLock { state in
            guard case .connecting = state.phase else { return false }
            return true
        }
    }

    /// On the event loop: the handshake is done.
    func becomeReady(_ handler: RedisChannelHandler) {
        guard handler.attempt == loopState.value.attempt, isConnecting else { return handler.close() }
        state.withLock { $0.phase = .ready }
        loopState.value.handler = handler
        loopState.value.opening = nil
        loopState.value.readySince = .now()
        let waiting = loopState.value.waiting
        loopState.value.waiting = []
        handler.send(waiting)
    }

    /// On the event loop: the connection is closed, after it was ready or before.
    func becomeClosed(_ handler: RedisChannelHandler, _ failure: RedisFailure) {
        if loopState.value.handler === handler {
            loopState.value.handler = nil
            // A server that takes connections and drops them is no better than one that takes none.
            let wasStable = loopState.value.readySince.map { NIODeadline.now() - $0 > .seconds(1) } ?? false
            state.withLock { state in
                guard case .ready = state.phase else { return }
                if wasStable { state.failures = 0 }
                state.phase = wasStable ? .idle : state.restingPhase(after: failure, upTo: target.longestPause)
            }
            target.cache?.connectionClosed()
        } else {
            fail(handler.attempt, failure)
        }
    }

    private func fail(_ attempt: UInt64, _ failure: RedisFailure) {
        // Nothing that waits for a connection has been sent.
        let failure = failure.beforeSending
        guard attempt == loopState.value.attempt else { return }
        let isOver = state.withLock { state in
            guard case .connecting = state.phase else { return false }
            state.phase = state.restingPhase(after: failure, upTo: target.longestPause)
            return true
        }
        guard isOver else { return }
        target.sentinels?.attemptFailed()
        loopState.value.attempt += 1
        loopState.value.opening?.close(promise: nil)
        loopState.value.opening = nil
        let waiting = loopState.value.waiting
        loopState.value.waiting = []
        for outgoing in waiting { settle(outgoing.reply, .failure(failure)) }
    }

    /// Ends the connection; what waits for replies fails.
    func shutDown() -> EventLoopFuture<Void> {
        eventLoop.flatSubmit {
            let outbox = self.state.withLock { state in
                state.phase = .shutDown
                defer { state.outbox = [] }
                return state.outbox
            }
            let waiting = self.loopState.value.waiting + outbox
            self.loopState.value.waiting = []
            self.loopState.value.attempt += 1
            self.loopState.value.opening?.close(promise: nil)
            self.loopState.value.opening = nil
            for outgoing in waiting { self.settle(outgoing.reply, .failure(Self.shutDownFailure)) }
            guard let handler = self.loopState.value.handler else { return self.eventLoop.makeSucceededVoidFuture() }
            self.loopState.value.handler = nil
            return handler.close(failing: Self.shutDownFailure)
        }
    }

    static let shutDownFailure = RedisFailure(.shutDown, "the session store was shut down")
}

extension RedisConnection.State {
    /// The pause before the next attempt: 50 ms doubling up to a limit, and of that a random part between half and all,
    /// so that the servers of a fleet do not come back all at once.
    fileprivate mutating func restingPhase(
        after failure: RedisFailure,
        upTo limit: TimeAmount
    ) -> RedisConnection.Phase {
        failures += 1
        let longest = min(limit, .milliseconds(25 << Int64(min(failures, 6))))
        let pause = TimeAmount.nanoseconds(Int64.random(in: longest.nanoseconds / 2...longest.nanoseconds))
        return .resting(until: .now() + pause, failure.beforeSending)
    }
}
#endif
