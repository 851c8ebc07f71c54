#if Redis
import NIOCore
import NIOPosix
import Sessions
import Synchronization

@testable import SessionsRedis

/// A server in this process that answers as a test wants it to.
///
/// Where the script says nothing it is a healthy server that knows `GET` and `SET NX`, and takes every script to succeed.
final class FakeRedis: Sendable {
    /// A command as it came.
    struct Command: Sendable {
        /// Which connection it came on, from 1.
        let connection: Int
        let arguments: [ByteBuffer]

        var name: String { text(0) }

        func text(_ index: Int) -> String { arguments.indices.contains(index) ? String(buffer: arguments[index]) : "" }
    }

    /// What the server does. The steps of all commands of a connection are done one after the other.
    enum Step: Sendable {
        case send(ByteBuffer)
        case pause(TimeAmount)
        /// Waits for ``release()``.
        case hold
        case close
        /// Closes with a reset instead of the end of the stream.
        case reset

        static func say(_ text: String) -> Step { .send(ByteBuffer(string: text)) }

        /// Says it a byte at a time.
        static func drip(_ text: String, every pause: TimeAmount) -> [Step] {
            text.utf8.flatMap { [.send(ByteBuffer(bytes: [$0])), .pause(pause)] }
        }
    }

    /// What is done when a command has come; `nil` for what a healthy server does.
    typealias Script = @Sendable (Command) -> [Step]?

    private struct State {
        var memory: [String: ByteBuffer] = [:]
        var commands: [Command] = []
        var connections: [Int: any Channel] = [:]
        var acceptedCount = 0
        var held: [FakeRedisPeer] = []
    }

    private let listener: any Channel
    private let state: Shared<State>
    let port: Int

    private final class Shared<Value: Sendable>: Sendable {
        let value: Mutex<Value>
        init(_ value: Value) { self.value = Mutex(value) }
    }

    private init(_ listener: any Channel, _ state: Shared<State>, port: Int) {
        self.listener = listener
        self.state = state
        self.port = port
    }

    /// Runs `body` with a server, and stops it afterwards.
    /// - Parameter greeting: What is done with a connection before anything has come on it.
    static func run<Value>(
        _ script: @escaping Script = { _ in nil },
        greeting: @escaping @Sendable (_ connection: Int) -> [Step] = { _ in [] },
        _ body: (FakeRedis) async throws -> Value
    ) async throws -> Value {
        let fake = try await start(greeting, script)
        do {
            let value = try await body(fake)
            await fake.stop()
            return value
        } catch {
            await fake.stop()
            throw error
        }
    }

    private static func start(
        _ greeting: @escaping @Sendable (Int) -> [Step],
        _ script: @escaping Script
    ) async throws -> FakeRedis {
        let state = Shared(State())
        let bootstrap = ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                let number = state.value.withLock { state in
                    state.acceptedCount += 1
                    state.connections[state.acceptedCount] = channel
                    return state.acceptedCount
                }
                channel.closeFuture.whenComplete { _ in
                    state.value.withLock { $0.connections[number] = nil }
                }
                return channel.eventLoop.makeCompletedFuture {
                    let peer = FakeRedisPeer(number, greeting(number), on: channel.eventLoop) { command, peer in
                        state.value.withLock { $0.commands.append(command) }
                        let steps = script(command) ?? answer(to: command, state)
                        if steps.contains(where: \.isHold) { state.value.withLock { $0.held.append(peer) } }
                        return steps
                    }
                    try channel.pipeline.syncOperations.addHandler(peer)
                }
            }
        let listener = try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
        return FakeRedis(listener, state, port: listener.localAddress?.port ?? 0)
    }

    private func stop() async {
        try? await listener.close()
        for channel in state.value.withLock({ Array($0.connections.values) }) { channel.close(promise: nil) }
    }

    // MARK: What has happened

    /// How many connections it has taken so far.
    var acceptedCount: Int { state.value.withLock { $0.acceptedCount } }

    /// The numbers of the connections that are open.
    var openConnections: Set<Int> { state.value.withLock { Set($0.connections.keys) } }

    /// The commands of that name, in the order in which they came.
    func commands(_ name: String) -> [Command] { state.value.withLock { $0.commands.filter { $0.name == name } } }

    /// How many commands have come.
    var commandCount: Int { state.value.withLock { $0.commands.count } }

    // MARK: What it is told

    /// Lets every connection go on that holds.
    func release() {
        let held = state.value.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for peer in held { peer.release() }
    }

    /// Says something on every open connection without having been asked.
    func say(_ text: String) {
        for channel in state.value.withLock({ Array($0.connections.values) }) {
            channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
        }
    }

    // MARK: A healthy server

    /// The answer to `HELLO`.
    static let hello = "%1\r\n$5\r\nproto\r\n:3\r\n"

    static func bulk(_ buffer: ByteBuffer?) -> Step {
        guard let buffer else { return .say("_\r\n") }
        var reply = ByteBuffer(string: "$\(buffer.readableBytes)\r\n")
        reply.writeImmutableBuffer(buffer)
        reply.writeString("\r\n")
        return .send(reply)
    }

    private static func answer(to command: Command, _ state: Shared<State>) -> [Step] {
        switch command.name {
        case "HELLO": return [.say(hello)]
        case "PING": return [.say("+PONG\r\n")]
        case "EVAL", "EVALSHA": return [.say(":1\r\n")]
        case "INFO": return [bulk(ByteBuffer(string: "maxmemory_policy:noeviction\r\n"))]
        case "GET": return [bulk(state.value.withLock { $0.memory[command.text(1)] })]
        case "SET":
            let isNew = state.value.withLock { state in
                guard state.memory[command.text(1)] == nil else { return false }
                state.memory[command.text(1)] = command.arguments[2]
                return true
            }
            return [.say(isNew ? "+OK\r\n" : "_\r\n")]
        default: return [.say("+OK\r\n")]
        }
    }
}

extension FakeRedis.Step {
    fileprivate var isHold: Bool {
        if case .hold = self { true } else { false }
    }
}

extension FakeRedis {
    /// The settings of a store on this server, which is given `timeout` for everything: so much that nothing depends on
    /// how busy the machine is, unless a test is about time.
    func configuration(timeout: Duration = .seconds(20)) -> RedisSessionStore.Configuration {
        var configuration = RedisSessionStore.Configuration(.single(.host("127.0.0.1", port: port)))
        configuration.operationTimeout = timeout
        configuration.connectTimeout = timeout
        return configuration
    }

    /// A connection to this server, to be shut down.
    func connection(timeout: TimeAmount = .seconds(20)) -> RedisConnection {
        let address = RedisSessionStore.Address.host("127.0.0.1", port: port)
        var target = RedisTarget(name: "Redis at \(address)") { address.resolved(on: $0) }
        target.operationTimeout = timeout
        target.connectTimeout = timeout
        target.handshake.hello(username: nil, password: nil)
        return RedisConnection(target, on: MultiThreadedEventLoopGroup.singleton.next())
    }
}
#endif
