#if Redis
import NIOCore
import NIOPosix
import Synchronization

/// A way to a server on which everything takes a random time, and that can be cut.
final class UnreliableProxy: Sendable {
    fileprivate struct State {
        var connections: [Int: any Channel] = [:]
        var acceptedCount = 0
        /// The connections on which nothing gets through any more.
        var silenced: Set<Int> = []
    }

    private let listener: any Channel
    private let shared: Shared
    let port: Int

    fileprivate final class Shared: Sendable {
        let state = Mutex(State())
        let delay: ClosedRange<Int64>

        init(_ delay: ClosedRange<Int64>) { self.delay = delay }
    }

    private init(_ listener: any Channel, _ shared: Shared) {
        self.listener = listener
        self.shared = shared
        port = listener.localAddress?.port ?? 0
    }

    /// Runs `body` with a proxy in front of `127.0.0.1:port`, and stops it afterwards.
    /// - Parameter delay: The microseconds that each read takes longer.
    static func run<Value>(
        to port: Int,
        delay: ClosedRange<Int64> = 0...0,
        _ body: (UnreliableProxy) async throws -> Value
    ) async throws -> Value {
        let shared = Shared(delay)
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                let number = shared.state.withLock { state in
                    state.acceptedCount += 1
                    state.connections[state.acceptedCount] = channel
                    return state.acceptedCount
                }
                channel.closeFuture.whenComplete { _ in
                    shared.state.withLock { $0.connections[number] = nil }
                }
                return join(channel, to: port, number, shared)
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let proxy = UnreliableProxy(listener, shared)
        do {
            let value = try await body(proxy)
            await proxy.stop()
            return value
        } catch {
            await proxy.stop()
            throw error
        }
    }

    private static func join(
        _ channel: any Channel,
        to port: Int,
        _ number: Int,
        _ shared: Shared
    ) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let near = ProxyHalf(number, isFromServer: false, shared)
            let far = ProxyHalf(number, isFromServer: true, shared)
            near.other = far
            far.other = near
            try channel.pipeline.syncOperations.addHandler(near)
            let boundFar = NIOLoopBound(far, eventLoop: channel.eventLoop)
            ClientBootstrap(group: channel.eventLoop)
                .channelInitializer { server in
                    server.eventLoop.makeCompletedFuture {
                        try server.pipeline.syncOperations.addHandler(boundFar.value)
                    }
                }
                .connect(host: "127.0.0.1", port: port)
                .whenFailure { _ in channel.close(promise: nil) }
        }
    }

    private func stop() async {
        try? await listener.close()
        cutAll()
    }

    var openCount: Int { shared.state.withLock { $0.connections.count } }

    /// Closes one connection, whichever.
    func cutOne() { shared.state.withLock { $0.connections.values.randomElement() }?.close(promise: nil) }

    func cutAll() {
        for channel in shared.state.withLock({ Array($0.connections.values) }) { channel.close(promise: nil) }
    }

    /// From now on nothing gets through on one connection, whichever. It stays open.
    func silenceOne() {
        shared.state.withLock { state in
            if let number = state.connections.keys.randomElement() { state.silenced.insert(number) }
        }
    }

    /// From now on nothing gets through on the connections that are open, not even their end.
    func silenceAll() { shared.state.withLock { $0.silenced.formUnion($0.connections.keys) } }
}

/// One end of a connection through the proxy.
private final class ProxyHalf: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let number: Int
    private let isFromServer: Bool
    private let shared: UnreliableProxy.Shared
    private var context: ChannelHandlerContext?
    /// What came before this end was open.
    private var early: [ByteBuffer] = []
    private var due = NIODeadline.now()
    weak var other: ProxyHalf?

    init(_ number: Int, isFromServer: Bool, _ shared: UnreliableProxy.Shared) {
        self.number = number
        self.isFromServer = isFromServer
        self.shared = shared
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        for buffer in early { write(buffer) }
        early = []
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        if !(isFromServer && isSilenced) { other?.context?.close(promise: nil) }
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard let other, !isSilenced else { return }
        guard shared.delay.upperBound > 0 else { return other.write(buffer) }
        // Never earlier than what came before: tasks with the same deadline run in the order of their making.
        due = max(due, .now() + .microseconds(.random(in: shared.delay)))
        context.eventLoop.assumeIsolated().scheduleTask(deadline: due) { other.write(buffer) }
    }

    private var isSilenced: Bool { shared.state.withLock { $0.silenced.contains(number) } }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func write(_ buffer: ByteBuffer) {
        guard let context else { return early.append(buffer) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }
}
#endif
