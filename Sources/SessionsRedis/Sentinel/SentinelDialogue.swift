#if Redis
import NIOCore

/// One conversation with one sentinel, on a connection of its own that ends with it.
///
/// Belongs to its event loop.
final class SentinelDialogue: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let target: RedisTarget
    private let question: SentinelQuestion
    private let answer: EventLoopPromise<SentinelAnswer>
    private var handshake: ArraySlice<RedisHandshake.Step>
    private var replies: [RESPValue] = []
    private var decoder = RESPDecoder(limits: SentinelDialogue.limits)
    private var isOver = false

    /// What three sentinels fill a thousandth of.
    private static let limits: RESPDecoder.Limits = {
        var limits = RESPDecoder.Limits()
        limits.maximumBulkLength = 64 << 10
        limits.maximumElementCount = 64 << 10
        limits.maximumReplyLength = 1 << 20
        return limits
    }()

    /// - Parameter answer: Completed once the connection is open, whatever happens; before that, it is not touched.
    init(_ target: RedisTarget, _ question: SentinelQuestion, answer: EventLoopPromise<SentinelAnswer>) {
        self.target = target
        self.question = question
        self.answer = answer
        handshake = target.handshake.steps[...]
    }

    func channelActive(context: ChannelHandlerContext) {
        var buffer = ByteBuffer()
        for step in handshake { buffer.writeImmutableBuffer(step.command.encoded) }
        for command in question.commands { buffer.writeImmutableBuffer(command.encoded) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.append(unwrapInboundIn(data))
        do throws(RESPDecoder.Malformed) {
            while !isOver, let value = try decoder.next() { receive(value, context) }
        } catch {
            end(context, .failure(RedisFailure(.notExecuted, "\(target.name): \(error)")))
        }
    }

    private func receive(_ value: RESPValue, _ context: ChannelHandlerContext) {
        if case .push = value { return }
        if let step = handshake.popFirst() {
            if let failure = step.check(value, target.name) { end(context, .failure(failure.ofSentinel(target.name))) }
            return
        }
        replies.append(value)
        guard replies.count == 3 else { return }
        do throws(RedisFailure) {
            end(context, .success(try question.answer(replies, from: target.name)))
        } catch {
            end(context, .failure(error.ofSentinel(target.name)))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(context, .failure(target.failure(for: error)))
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context, .failure(RedisFailure(.notExecuted, "\(target.name) closed the connection")))
        context.fireChannelInactive()
    }

    private func end(_ context: ChannelHandlerContext, _ result: Result<SentinelAnswer, RedisFailure>) {
        guard !isOver else { return }
        isOver = true
        answer.completeWith(result.mapError { $0 as any Error })
        context.close(promise: nil)
    }
}

extension RedisFailure {
    /// The same, where it is the sentinels' password that is wrong, and not the one of the servers with the sessions.
    fileprivate func ofSentinel(_ name: String) -> RedisFailure {
        let problem: String
        switch code {
        case "NOAUTH": problem = "the sentinel wants a password of its own, and none was given"
        case "WRONGPASS": problem = "the sentinel refuses its user or password"
        case "NOPERM":
            problem =
                "the sentinel's ACL does not let this user ask: allow +sentinel|get-master-addr-by-name and "
                + "+sentinel|master"
        default: return self
        }
        return RedisFailure(
            fate,
            "\(name): \(problem); these are the sentinel's username and password (sentinel_user and sentinel_password in "
                + "an address), not those of the primary"
        )
    }
}
#endif
