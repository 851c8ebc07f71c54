#if Redis
import NIOCore
import NIOPosix
import Synchronization

@testable import SessionsRedis

/// A server in this process that answers each command as a closure says.
///
/// It takes for granted that commands are as this client writes them.
final class CannedServer: Sendable {
    /// Given a command's words, what to send; `nil` for nothing at all.
    typealias Answer = @Sendable ([String]) -> String?

    private let channel: any Channel
    private let connections = Mutex<[any Channel]>([])
    private let answer: Mutex<Answer>
    private let received = Mutex<[[String]]>([])

    static func start(_ answer: @escaping Answer) async throws -> CannedServer {
        let box = Box()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let server = box.server.withLock({ $0 }) else { return }
                    server.connections.withLock { $0.append(channel) }
                    try channel.pipeline.syncOperations.addHandler(Handler(server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = CannedServer(channel, answer)
        box.server.withLock { $0 = server }
        return server
    }

    private final class Box: Sendable {
        let server = Mutex<CannedServer?>(nil)
    }

    private init(_ channel: any Channel, _ answer: @escaping Answer) {
        self.channel = channel
        self.answer = Mutex(answer)
    }

    var port: Int { channel.localAddress?.port ?? 0 }
    var address: RedisSessionStore.Address { .host("127.0.0.1", port: port) }

    /// The commands that have come, in the order in which they came.
    var commands: [[String]] { received.withLock { $0 } }

    /// Answers in another way from now on.
    func answer(_ answer: @escaping Answer) { self.answer.withLock { $0 = answer } }

    /// Ends all connections; new ones are taken.
    func disconnect() async {
        for channel in taken() { try? await channel.close() }
    }

    private func taken() -> [any Channel] {
        connections.withLock { connections in
            defer { connections = [] }
            return connections
        }
    }

    func stop() async {
        try? await channel.close()
        await disconnect()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let server: CannedServer
        private var decoder = RESPDecoder()

        init(_ server: CannedServer) {
            self.server = server
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            decoder.append(unwrapInboundIn(data))
            while case .array(let parts)? = try? decoder.next() {
                let words = parts.compactMap(\.text)
                server.received.withLock { $0.append(words) }
                let answer = server.answer.withLock { $0 }
                guard let reply = answer(words) else { continue }
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: reply)), promise: nil)
            }
        }
    }
}

extension CannedServer {
    /// As a server does that all is well with.
    static func asPrimary(_ words: [String]) -> String? {
        switch words[0] {
        case "HELLO": "%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n"
        case "ROLE": "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
        case "GET": "_\r\n"
        case "PING": "+PONG\r\n"
        case "INFO": bulk("maxmemory_policy:noeviction\r\n")
        default: ":1\r\n"
        }
    }

    static func asReplica(_ words: [String]) -> String? {
        words[0] == "ROLE"
            ? "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n" : asPrimary(words)
    }

    /// As a sentinel does that watches one primary.
    static func asSentinel(naming port: Int, epoch: Int = 0, others: [Int] = []) -> Answer {
        { words in
            switch words.dropFirst().first {
            case "GET-MASTER-ADDR-BY-NAME": "*2\r\n\(bulk("127.0.0.1"))\(bulk("\(port)"))"
            case "MASTER": "%1\r\n\(bulk("config-epoch"))\(bulk("\(epoch)"))"
            case "SENTINELS":
                "*\(others.count)\r\n"
                    + others.map { "%2\r\n\(bulk("ip"))\(bulk("127.0.0.1"))\(bulk("port"))\(bulk("\($0)"))" }.joined()
            default: asPrimary(words)
            }
        }
    }

    static func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }
}
#endif
