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
        /// Closed for good, and this is what every further command is told.
        case shutDown(RedisFailure)
    }

    fileprivate struct State {
        var phase = Phase.idle
        /// What the event loop has not fetched yet, in groups.
        var outbox: [[Outgoing]] = []
        var isFetchScheduled = false
        /// How many attempts have failed in a row.
        var failures = 0
    }

    /// What only the event loop touches.
    private struct LoopState {
        var handler: RedisChannelHandler?
        /// The groups that wait for the connection to be ready.
        var waiting: [[Outgoing]] = []
        /// Gives up on those that have waited too long.
        let waitingTimer = RedisTimer()
        /// Gives up on the present attempt.
        let attemptTimer = RedisTimer()
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
    /// The commands that were accepted and have a place in line. A command keeps it until its reply has come, also when
    /// nobody waits for that any more: what bounds memory is what was sent, not who is still interested.
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
        if isCancellable { try Self.checkCancellation() }
        let reply = RedisReply()
        try enqueue([Outgoing(command: command, reply: reply, deadline: deadline, effect: effect)])
        return try await Self.value(of: reply, isCancellable: isCancellable)
    }

    /// What nobody waits for any more need not be sent at all.
    static func checkCancellation() throws(RedisFailure) {
        if Task.isCancelled { throw cancellationFailure }
    }

    private static let cancellationFailure = RedisFailure(.cancelled, "the request was cancelled")

    /// Waits for a reply; an error reply is thrown as ``RedisFailure``.
    static func value(of reply: RedisReply, isCancellable: Bool) async throws(RedisFailure) -> RESPValue {
        guard isCancellable else { return try await reply.value().get() }
        let result = await withTaskCancellationHandler {
            await reply.value()
        } onCancel: {
            reply.settle(.failure(cancellationFailure))
        }
        return try result.get()
    }

    /// Puts commands in line, one right behind the other: a group, of which either all are sent or none.
    /// - Throws: If the server is known not to be reachable now, or too many commands wait already; then none is sent.
    func enqueue(_ commands: [Outgoing]) throws(RedisFailure) {
        let mustFetch = try state.withLock { state throws(RedisFailure) in
            switch state.phase {
            case .shutDown(let failure): throw failure
            case .resting(let until, let failure) where NIODeadline.now() < until: throw failure
            default: break
            }
            // Places are only taken with the lock held, so there are never more than may be.
            guard pendingCount.load(ordering: .relaxed) + commands.count <= target.maximumPendingCommands else {
                var failure = RedisFailure(
                    .notExecuted,
                    "\(target.name): \(target.maximumPendingCommands) commands wait for replies, the most that may"
                )
                failure.isOverload = true
                throw failure
            }
            pendingCount.add(commands.count, ordering: .relaxed)
            state.outbox.append(commands)
            defer { state.isFetchScheduled = true }
            return !state.isFetchScheduled
        }
        if mustFetch { eventLoop.execute { self.fetch() } }
    }

    private enum Fetched {
        case send
        case wait
        case connect
        case refuse(RedisFailure)
    }

    /// On the event loop: takes what is in the outbox and sends it, or opens the connection for it.
    private func fetch() {
        loopState.value.handler?.leaveIfOutdated()
        let (groups, fetched) = state.withLock { state -> ([[Outgoing]], Fetched) in
            let groups = state.outbox
            state.outbox.removeAll(keepingCapacity: true)
            state.isFetchScheduled = false
            switch state.phase {
            case .ready:
                return (groups, .send)
            case .resting(let until, let failure) where NIODeadline.now() < until:
                // They came while the attempt was made that has failed by now; they are no reason for another.
                return (groups, .refuse(failure))
            case .idle, .resting:
                guard !groups.isEmpty else { return (groups, .wait) }
                state.phase = .connecting
                return (groups, .connect)
            case .connecting, .shutDown:
                return (groups, .wait)
            }
        }
        if case .refuse(let failure) = fetched { return settle(groups, failure) }
        if case .send = fetched, let handler = loopState.value.handler { return handler.send(groups) }
        loopState.value.waiting += groups
        if case .connect = fetched { connect() }
        if let due = groups.map(\.deadline).min() { armWaitingTimer(for: due) }
    }

    private func armWaitingTimer(for due: NIODeadline) {
        loopState.value.waitingTimer.arm(for: due, on: eventLoop) { self.expireWaiting() }
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

    private func expireWaiting() {
        let now = NIODeadline.now()
        let waiting = loopState.value.waiting
        loopState.value.waiting = waiting.filter { $0.deadline > now }
        if let due = loopState.value.waiting.map(\.deadline).min() { armWaitingTimer(for: due) }
        settle(waiting.filter { $0.deadline <= now }, silence)
    }

    /// Settles a command that was accepted, and gives its place free.
    func settle(_ reply: RedisReply, _ result: Result<RESPValue, RedisFailure>) {
        pendingCount.subtract(1, ordering: .relaxed)
        reply.settle(result)
    }

    /// Settles commands that were not sent.
    func settle(_ groups: [[Outgoing]], _ failure: RedisFailure) {
        for group in groups {
            for outgoing in group { settle(outgoing.reply, .failure(failure.beforeSending)) }
        }
    }

    // MARK: Opening and closing

    /// On the event loop: one attempt to open the connection.
    private func connect() {
        loopState.value.attempt += 1
        let attempt = loopState.value.attempt
        loopState.value.openingName = nil
        loopState.value.attemptTimer.arm(for: .now() + target.connectTimeout, on: eventLoop) {
            self.fail(attempt, self.silence)
        }
        target.connect(on: eventLoop) { channel, target in
            guard self.loopState.value.attempt == attempt, self.isConnecting else {
                throw RedisFailure(.notExecuted, "\(target.name) took too long to connect")
            }
            self.loopState.value.opening = channel
            self.loopState.value.openingName = target.name
            let handler = RedisChannelHandler(self, target, attempt: attempt)
            try channel.pipeline.syncOperations.addHandler(handler)
        }.hop(to: eventLoop).whenFailure { error in
            self.fail(attempt, self.target.failure(for: error))
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
        loopState.value.attemptTimer.cancel()
        handler.send(takeWaiting())
    }

    /// On the event loop: the connection is closed, after it was ready or before.
    func becomeClosed(_ handler: RedisChannelHandler, _ failure: RedisFailure) {
        if loopState.value.handler === handler {
            loopState.value.handler = nil
            // A server that takes connections and drops them is no better than one that takes none.
            let wasStable = loopState.value.readySince.map { NIODeadline.now() - $0 > .seconds(1) } ?? false
            state.withLock { state in
                guard case .ready = state.phase else { return }
                if wasStable || handler.isOutdated {
                    state.failures = 0
                    state.phase = .idle
                } else {
                    state.phase = state.restingPhase(after: failure, upTo: target.longestPause)
                }
            }
            target.cache?.connectionClosed()
        } else {
            fail(handler.attempt, failure)
        }
    }

    private func takeWaiting() -> [[Outgoing]] {
        loopState.value.waitingTimer.cancel()
        defer { loopState.value.waiting = [] }
        return loopState.value.waiting
    }

    private func fail(_ attempt: UInt64, _ failure: RedisFailure) {
        // Nothing is sent before the handshake is done, so whatever waits was surely not executed.
        let failure = failure.beforeSending
        guard attempt == loopState.value.attempt else { return }
        let isOver = state.withLock { state in
            guard case .connecting = state.phase else { return false }
            state.phase = state.restingPhase(after: failure, upTo: target.longestPause)
            return true
        }
        guard isOver else { return }
        target.sentinels?.attemptFailed()
        abandonAttempt()
        settle(takeWaiting(), failure)
    }

    /// What the present attempt has opened is closed, and what it opens later will be.
    private func abandonAttempt() {
        loopState.value.attempt += 1
        loopState.value.attemptTimer.cancel()
        loopState.value.opening?.close(promise: nil)
        loopState.value.opening = nil
    }

    /// Ends the connection; what waits for replies fails, and so does every later command.
    func shutDown(_ failure: RedisFailure = shutDownFailure) -> EventLoopFuture<Void> {
        eventLoop.flatSubmit { self.shutDownNow(failure) }
    }

    /// Ends the connection without waiting for that. Whoever has made it must call this or ``shutDown(_:)``, in its
    /// `deinit` at the latest: a connection that is open holds itself.
    func abandon() {
        let isClosed = state.withLock { state in
            switch state.phase {
            case .idle, .resting: break
            case .shutDown: return true
            case .connecting, .ready: return false
            }
            guard !state.isFetchScheduled else { return false }
            state.phase = .shutDown(Self.shutDownFailure)
            return true
        }
        // Not on an event loop that has ended by now: it has closed the connection too, and takes no more work.
        if !isClosed { eventLoop.execute { _ = self.shutDownNow(Self.shutDownFailure) } }
    }

    private func shutDownNow(_ failure: RedisFailure) -> EventLoopFuture<Void> {
        let outbox = state.withLock { state in
            state.phase = .shutDown(failure.beforeSending)
            defer { state.outbox = [] }
            return state.outbox
        }
        abandonAttempt()
        settle(takeWaiting() + outbox, failure.beforeSending)
        guard let handler = loopState.value.handler else { return eventLoop.makeSucceededVoidFuture() }
        loopState.value.handler = nil
        target.cache?.connectionClosed()
        return handler.close(failing: failure.afterSending)
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

extension [RedisConnection.Outgoing] {
    /// When a group is too late to be sent: as soon as one of its commands is, since none is sent without the others.
    var deadline: NIODeadline { lazy.map(\.deadline).min() ?? .distantFuture }

    /// Whether nobody waits for any reply to the group.
    var isSettled: Bool { allSatisfy(\.reply.isSettled) }
}
#endif
