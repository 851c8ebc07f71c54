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
        var reply: RedisReply?
        var sentAt: NIODeadline
        var deadline: NIODeadline
        var effect: NearCacheEffect
        var ticket: UInt64
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
    private var timer: Scheduled<Void>?
    private var ping: Scheduled<Void>?
    private var hasReceived = false
    private var readySince = NIODeadline.uptimeNanoseconds(0)
    /// Which of the servers that sentinels have named one after the other this is.
    private var generation: UInt64?
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
        connection.becomeReady(self)
        guard target.cache != nil else { return }
        // Silence is not freshness: with nothing else to ask, the server is asked whether it is there.
        sendPing(context)
    }

    private func sendPing(_ context: ChannelHandlerContext) {
        guard !leaveIfOutdated() else { return }
        if slots.isEmpty { transmit(RESPCommand("PING", capacity: 16)) }
        ping = context.eventLoop.assumeIsolated().scheduleTask(in: NearCachePart.pingInterval) {
            self.sendPing(context)
        }
    }

    // MARK: Sending

    /// Sends commands in one piece. Those whose callers have given up meanwhile are left out.
    func send(_ commands: [RedisConnection.Outgoing]) {
        guard let context, failure == nil else {
            let failure = failure ?? RedisFailure(.notExecuted, "\(target.name): the connection was lost")
            for outgoing in commands { connection.settle(outgoing.reply, .failure(failure.beforeSending)) }
            return
        }
        let now = NIODeadline.now()
        var buffer = ByteBuffer()
        for outgoing in commands {
            if outgoing.reply.isSettled || outgoing.deadline <= now {
                let failure = RedisFailure(.notExecuted, "\(target.name): the command could not be sent in time")
                connection.settle(outgoing.reply, .failure(failure))
                continue
            }
            let ticket = target.cache?.willSend(outgoing.effect) ?? 0
            slots.append(
                Slot(
                    reply: outgoing.reply,
                    sentAt: now,
                    deadline: outgoing.deadline,
                    effect: outgoing.effect,
                    ticket: ticket
                )
            )
            if buffer.readableBytes == 0 {
                buffer = outgoing.command.encoded
            } else {
                buffer.writeImmutableBuffer(outgoing.command.encoded)
            }
        }
        guard buffer.readableBytes > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        armTimer(context)
    }

    /// Sends a command of the connection's own.
    private func transmit(_ command: RESPCommand) {
        guard let context, failure == nil else { return }
        let now = NIODeadline.now()
        slots.append(
            Slot(reply: nil, sentAt: now, deadline: now + target.operationTimeout, effect: .none, ticket: 0)
        )
        context.writeAndFlush(wrapOutboundOut(command.encoded), promise: nil)
        armTimer(context)
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hasReceived = true
        decoder.append(unwrapInboundIn(data))
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
        guard let slot = slots.popFirst() else {
            return fail(RedisFailure(.unanswered, "\(target.name): a reply came that nobody had asked for"))
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

    private func armTimer(_ context: ChannelHandlerContext) {
        guard timer == nil, let head = slots.first else { return }
        let due = min(head.deadline, head.sentAt + target.operationTimeout)
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: max(due, .now() + .milliseconds(1))) {
            self.timer = nil
            self.expire(context)
        }
    }

    /// Settles what is overdue. A command's place stays, and its reply will be thrown away; only when the oldest has
    /// had the whole of its time does the connection count as dead.
    private func expire(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        if let head = slots.first, head.sentAt + target.operationTimeout <= now {
            return fail(RedisFailure(.unanswered, "\(target.name) does not answer"))
        }
        for index in slots.indices where slots[index].deadline <= now {
            guard let reply = slots[index].reply else { continue }
            slots[index].reply = nil
            connection.settle(reply, .failure(RedisFailure(.unanswered, "\(target.name) does not answer in time")))
        }
        armTimer(context)
    }

    // MARK: Closing

    /// Ends the connection because something is wrong with it.
    private func fail(_ failure: RedisFailure) {
        guard self.failure == nil else { return }
        self.failure = failure
        context?.close(promise: nil)
    }

    func close() { context?.close(promise: nil) }

    /// Ends the connection if another one is in use with another primary, so that nothing more is sent to this one.
    /// - Returns: Whether it has ended.
    @discardableResult
    func leaveIfOutdated() -> Bool {
        guard let context, let generation, generation != target.sentinels?.generation else { return false }
        fail(RedisFailure(.unanswered, "\(target.name) is not the primary any more"))
        // At once, and not when the channel has closed: what waits to be sent can take another connection.
        end(context)
        return true
    }

    func close(failing failure: RedisFailure) -> EventLoopFuture<Void> {
        guard let context else { return connection.eventLoop.makeSucceededVoidFuture() }
        self.failure = self.failure ?? failure
        context.close(promise: nil)
        return context.channel.closeFuture
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
        timer?.cancel()
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
