#if Redis
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// One connection of a ``FakeRedis``.
final class FakeRedisPeer: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct State {
        var context: ChannelHandlerContext?
        var reader = RequestReader()
        var steps: CircularBuffer<FakeRedis.Step>
        var isWaiting = false
    }

    private let number: Int
    private let answer: @Sendable (FakeRedis.Command, FakeRedisPeer) -> [FakeRedis.Step]
    private let state: NIOLoopBoundBox<State>

    /// To be called on the channel's event loop.
    init(
        _ number: Int,
        _ greeting: [FakeRedis.Step],
        on eventLoop: any EventLoop,
        _ answer: @escaping @Sendable (FakeRedis.Command, FakeRedisPeer) -> [FakeRedis.Step]
    ) {
        self.number = number
        self.answer = answer
        state = NIOLoopBoundBox(State(steps: CircularBuffer(greeting)), eventLoop: eventLoop)
    }

    func handlerAdded(context: ChannelHandlerContext) { state.value.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { state.value.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        proceed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        state.value.reader.append(unwrapInboundIn(data))
        while let arguments = state.value.reader.next() {
            state.value.steps += answer(FakeRedis.Command(connection: number, arguments: arguments), self)
        }
        if state.value.reader.isMalformed { state.value.steps += [.say("-ERR Protocol error\r\n"), .close] }
        proceed()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Does what there is to do until it has to wait.
    private func proceed() {
        while !state.value.isWaiting, let context = state.value.context, let step = state.value.steps.popFirst() {
            switch step {
            case .send(let bytes):
                context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
            case .pause(let time):
                state.value.isWaiting = true
                context.eventLoop.scheduleTask(in: time) { self.resume() }
            case .hold:
                state.value.isWaiting = true
            case .close:
                context.close(promise: nil)
            case .reset:
                let provider = context.channel as? any SocketOptionProvider
                provider?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in self.close() }
            }
        }
    }

    private func close() { state.value.context?.close(promise: nil) }

    private func resume() {
        state.value.isWaiting = false
        proceed()
    }

    /// Ends a ``FakeRedis/Step/hold``, from anywhere.
    func release() { state.eventLoop.execute { self.resume() } }
}

/// Reads commands: arrays of strings.
private struct RequestReader {
    private var buffer = ByteBuffer()

    /// Whether no command begins here, as where TLS was expected.
    var isMalformed: Bool { buffer.readableBytesView.first.map { $0 != UInt8(ascii: "*") } ?? false }

    mutating func append(_ bytes: ByteBuffer) { buffer.writeImmutableBuffer(bytes) }

    /// The next command, once all of it is there.
    mutating func next() -> [ByteBuffer]? {
        var rest = buffer
        guard let count = Self.readNumber(after: "*", from: &rest) else { return nil }
        var arguments: [ByteBuffer] = []
        for _ in 0..<count {
            guard let length = Self.readNumber(after: "$", from: &rest), let argument = rest.readSlice(length: length),
                rest.readString(length: 2) == "\r\n"
            else { return nil }
            arguments.append(argument)
        }
        buffer = rest
        return arguments
    }

    private static func readNumber(after marker: Character, from buffer: inout ByteBuffer) -> Int? {
        guard let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = buffer.readString(length: end + 1 - buffer.readerIndex)
        guard let line, line.first == marker else { return nil }
        return Int(line.dropFirst().dropLast(1))
    }
}
#endif
