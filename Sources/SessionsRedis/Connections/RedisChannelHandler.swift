#if Redis
import NIOCore

/// Writes commands to a channel and matches the replies, which come in the same order.
///
/// Belongs to its event loop.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A command that was sent.
    private struct Slot {
        /// `nil` for a command of the connection's own.
        var reply: RedisReply?
        var expected: RESPValue.Kinds
        var sentAt: NIODeadline
        var deadline: NIODeadline
        var effect: NearCacheEffect
        var ticket: UInt64
        /// Whether whoever waited has been told that it takes too long.
        var isGivenUp = false
    }

    let attempt: UInt64
    private let connection: RedisConnection
    /// The server, as it was found this time.
    private let target: RedisTarget
    private var decoder = RESPDecoder(limits: RedisChannelHandler.limits)
    private var slots = CircularBuffer<Slot>()
    private var context: ChannelHandlerContext?
    /// The replies to the handshake that are still to come.
    private var handshake: ArraySlice<RedisHandshake.Step>
    private var hasBegun = false
    /// How many of the commands may be answered by what is being read: those that were sent before it came.
    private var answerable = 0
    private let timer = RedisTimer()
    private var ping: Scheduled<Void>?
    private var hasReceived = false
    private var readySince = NIODeadline.uptimeNanoseconds(0)
    /// Which of the servers that sentinels have named one after the other this is.
    private var generation: UInt64?
    /// Whether the connection was left because another server is in use, which says nothing about that one.
    private(set) var isOutdated = false
    /// Why the connection ends, if it was this side that ended it.
    private var failure: RedisFailure?

    /// A session has at most some hundred kilobytes, and a listing asks for a page at a time.
    private static let limits: RESPDecoder.Limits = {
        var limits = RESPDecoder.Limits()
        limits.maximumBulkLength = 16 << 20
        limits.maximumReplyLength = 64 << 20
        return limits
    }()

    init(_ connection: RedisConnection, _ target: RedisTarget, attempt: UInt64) {
        self.connection = connection
        self.target = target
        self.attempt = attempt
        handshake = target.handshake.steps[...]
    }

    // MARK: Opening

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        // Both ways that lead here may be taken: a channel that has just been connected is active before it says so.
        guard !hasBegun else { return }
        hasBegun = true
        var buffer = ByteBuffer()
        for step in handshake { buffer.writeImmutableBuffer(step.command.encoded) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        if handshake.isEmpty { becomeReady(context) }
    }

    private func becomeReady(_ context: ChannelHandlerContext) {
        if let sentinels = target.sentinels, let address = target.address {
            generation = sentinels.settle(on: address)
            guard generation != nil else {
                return fail(RedisFailure(.notExecuted, "the sentinels name another server than \(target.name) by now"))
            }
        }
        readySince = .now()
        // Silence is not freshness: with nothing else to ask, the server is asked whether it is there. Before anything
        // else, so that a Cluster's node has told its state when the first record comes.
        if target.cache != nil { sendPing(context) }
        connection.becomeReady(self)
    }

    private func sendPing(_ context: ChannelHandlerContext) {
        guard !leaveIfOutdated() else { return }
        if target.isClusterNode {
            // Whatever else it answers: a node that has lost its keys to others goes on answering.
            transmit(RedisClusterStatus.command, effect: .clusterStatus)
        } else if slots.isEmpty {
            var command = RESPCommand("PING", capacity: 16)
            command.expected = .simple
            transmit(command)
        }
        guard self.context != nil else { return }
        ping = context.eventLoop.assumeIsolated().scheduleTask(in: NearCachePart.pingInterval) {
            self.sendPing(context)
        }
    }

    // MARK: Sending

    /// Sends commands in one piece. Groups that are too late, or that nobody waits for any more, are left out, each as a
    /// whole: half of `ASKING` and a command, or of a write and `WAIT`, would mean something else.
    func send(_ groups: [[RedisConnection.Outgoing]]) {
        guard let context, failure == nil else {
            connection.settle(groups, failure ?? RedisFailure(.notExecuted, "\(target.name): the connection was lost"))
            return
        }
        let now = NIODeadline.now()
        var due = NIODeadline.distantFuture
        var buffer = ByteBuffer()
        for group in groups {
            let deadline = group.deadline
            guard deadline > now, !group.isSettled else {
                let failure = RedisFailure(.notExecuted, "\(target.name): the command could not be sent in time")
                connection.settle([group], failure)
                continue
            }
            due = min(due, deadline)
            for outgoing in group { append(outgoing, to: &buffer, now) }
        }
        guard buffer.readableBytes > 0 else { return }
        armTimer(min(due, now + target.operationTimeout), context)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func append(_ outgoing: RedisConnection.Outgoing, to buffer: inout ByteBuffer, _ now: NIODeadline) {
        slots.append(
            Slot(
                reply: outgoing.reply,
                expected: outgoing.command.expected,
                sentAt: now,
                deadline: outgoing.deadline,
                effect: outgoing.effect,
                ticket: target.cache?.willSend(outgoing.effect) ?? 0
            )
        )
        if buffer.readableBytes == 0 {
            buffer = outgoing.command.encoded
        } else {
            buffer.writeImmutableBuffer(outgoing.command.encoded)
        }
    }

    /// Sends a command of the connection's own.
    private func transmit(_ command: RESPCommand, effect: NearCacheEffect = .none) {
        guard let context, failure == nil else { return }
        let now = NIODeadline.now()
        let due = now + target.operationTimeout
        slots.append(
            Slot(reply: nil, expected: command.expected, sentAt: now, deadline: due, effect: effect, ticket: 0)
        )
        armTimer(due, context)
        context.writeAndFlush(wrapOutboundOut(command.encoded), promise: nil)
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard failure == nil else { return }
        hasReceived = true
        decoder.append(unwrapInboundIn(data))
        answerable = slots.count
        do throws(RESPDecoder.Malformed) {
            while failure == nil, let value = try decoder.next() { receive(value, context) }
        } catch {
            // What the bytes that follow belong to cannot be known, so nobody may get any of them.
            fail(
                handshake.isEmpty
                    ? RedisFailure(.unanswered, "\(target.name): \(error)")
                    : RedisFailure(
                        .misconfigured,
                        "\(target.name) does not speak as Redis does (\(error)): \(target.encryptionAdvice)"
                    )
            )
        }
    }

    private func receive(_ value: RESPValue, _ context: ChannelHandlerContext) {
        if case .push(let message) = value {
            target.cache?.receive(message)
            return
        }
        if let step = handshake.first {
            handshake.removeFirst()
            if let failure = step.check(value, target.name) { return fail(failure) }
            if handshake.isEmpty { becomeReady(context) }
            return
        }
        guard answerable > 0, let slot = slots.popFirst() else {
            return fail(RedisFailure(.unanswered, "\(target.name): a reply came that nobody had asked for"))
        }
        answerable -= 1
        guard slot.expected.union(.error).contains(value.kind) else {
            // Most likely the reply to another command: then all that follow are too.
            let failure = RedisFailure(.unanswered, "\(target.name): a reply of a kind that its command never has")
            if let reply = slot.reply { connection.settle(reply, .failure(failure)) }
            return fail(failure)
        }
        target.cache?.received(value, slot.effect, ticket: slot.ticket, sentAt: slot.sentAt)
        if let reply = slot.reply {
            if case .error(let text) = value {
                receive(error: text, for: reply)
            } else {
                connection.settle(reply, .success(value))
            }
        }
    }

    private func receive(error text: String, for reply: RedisReply) {
        let failure = RedisFailure(errorReply: text, server: target.name)
        let code = failure.code ?? ""
        if target.endsConnection(code) {
            let message = "\(target.name) is not the primary any more"
            connection.settle(reply, .failure(RedisFailure(failure.fate, message)))
            return fail(RedisFailure(.unanswered, message))
        }
        connection.settle(reply, .failure(failure))
        // Not each time: it may be that all is as it should be but for a replica that is down, and reading goes on.
        if target.doubtsConnectionOn.contains(code), readySince + .seconds(5) < .now() {
            fail(
                RedisFailure(.unanswered, "\(failure.message); the sentinels are asked whether it is still the primary")
            )
        }
    }

    // MARK: Deadlines

    private func armTimer(_ due: NIODeadline, _ context: ChannelHandlerContext) {
        timer.arm(for: due, on: context.eventLoop) { self.expire(context) }
    }

    /// Settles what is overdue. A command's place stays, and its reply will be thrown away; only when the oldest has
    /// had the whole of its time does the connection count as dead.
    private func expire(_ context: ChannelHandlerContext) {
        guard let head = slots.first else { return }
        let now = NIODeadline.now()
        var due = head.sentAt + target.operationTimeout
        guard due > now else { return fail(RedisFailure(.unanswered, "\(target.name) does not answer")) }
        for index in slots.indices where !slots[index].isGivenUp {
            if slots[index].deadline > now {
                due = min(due, slots[index].deadline)
            } else {
                slots[index].isGivenUp = true
                let failure = RedisFailure(.unanswered, "\(target.name) does not answer in time")
                slots[index].reply?.settle(.failure(failure))
            }
        }
        armTimer(due, context)
    }

    // MARK: Closing

    /// Ends the connection. Whoever waits is told at once: to close an encrypted channel takes an answer.
    private func fail(_ failure: RedisFailure) {
        guard self.failure == nil, let context else { return }
        self.failure = failure
        end(context)
        context.close(promise: nil)
    }

    func close() { fail(RedisFailure(.unanswered, "\(target.name): the connection is not needed any more")) }

    /// Ends the connection if another one is in use with another primary, so that nothing more is sent to this one.
    /// - Returns: Whether it has ended.
    @discardableResult
    func leaveIfOutdated() -> Bool {
        guard let generation, generation != target.sentinels?.generation else { return false }
        isOutdated = true
        // At once, and not when the channel has closed: what waits to be sent can take another connection.
        fail(RedisFailure(.unanswered, "\(target.name) is not the primary any more"))
        return true
    }

    func close(failing failure: RedisFailure) -> EventLoopFuture<Void> {
        guard let context else { return connection.eventLoop.makeSucceededVoidFuture() }
        let channel = context.channel
        fail(failure)
        return channel.closeFuture
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        var failure = target.failure(for: error)
        // Whatever it is: commands have been sent.
        if handshake.isEmpty { failure.fate = .unanswered }
        fail(error is IOError && isUnanswered ? unanswered : failure)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end(context) }

    /// Whether the server has not said a word yet.
    private var isUnanswered: Bool { !hasReceived && !handshake.isEmpty }

    private var unanswered: RedisFailure {
        RedisFailure(.notExecuted, "\(target.name) takes the connection and ends it: \(target.encryptionAdvice)")
    }

    private func end(_ context: ChannelHandlerContext) {
        guard self.context != nil else { return }
        self.context = nil
        timer.cancel()
        ping?.cancel()
        let closed = RedisFailure(.unanswered, "\(target.name) closed the connection")
        let failure = failure ?? (isUnanswered ? unanswered : closed)
        self.failure = failure
        connection.becomeClosed(self, failure)
        let slots = slots
        self.slots = []
        for slot in slots {
            if let reply = slot.reply { connection.settle(reply, .failure(failure)) }
        }
    }
}
#endif
