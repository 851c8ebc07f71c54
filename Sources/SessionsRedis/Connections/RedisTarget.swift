#if Redis
import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What a connection connects to, and how.
struct RedisTarget: Sendable {
    /// The server in messages, such as `Redis at 127.0.0.1:6379`.
    var name: String
    /// Finds the server's address, anew for each attempt.
    var resolve: @Sendable (any EventLoop) -> EventLoopFuture<RedisSessionStore.Address>
    var tls: RedisTLS?
    var handshake = RedisHandshake()
    var connectTimeout: TimeAmount = .seconds(1)
    var operationTimeout: TimeAmount = .seconds(1)
    var maximumPendingCommands = 10_000
    /// The error replies after which another server has to be found.
    var endsConnectionOn: Set<String> = []
    var cache: NearCachePart?
    /// Whether it may lose keys to other servers while it goes on answering.
    var isClusterNode = false

    func endsConnection(_ code: String) -> Bool { endsConnectionOn.contains(code) }

    /// Opens a channel.
    /// - Parameter addHandlers: Called on the event loop with the channel that is open. Not before: a host's name may
    ///   stand for several addresses, and of the channels that try them all but one are dropped.
    func connect(
        on eventLoop: any EventLoop,
        _ addHandlers: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        resolve(eventLoop).flatMap { address in
            let bootstrap = ClientBootstrap(group: eventLoop)
                .connectTimeout(connectTimeout)
                .channelOption(.socketOption(.so_keepalive), value: 1)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                // One read takes what many replies need.
                .channelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator())
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        if let tls { try channel.pipeline.syncOperations.addHandler(tls.makeHandler(for: address)) }
                    }
                }
            let opened =
                switch address.wrapped {
                case .host(let host, let port): bootstrap.connect(host: host, port: port)
                case .unixSocket(let path): bootstrap.connect(unixDomainSocketPath: path)
                }
            return opened.flatMapThrowing { channel in
                do {
                    try addHandlers(channel)
                } catch {
                    channel.close(promise: nil)
                    throw error
                }
                return channel
            }
        }
    }

    /// Why connecting or reading failed, without anything that was sent.
    func failure(for error: any Error) -> RedisFailure {
        switch error {
        case let failure as RedisFailure:
            return failure
        case let error as NIOConnectionError where !error.connectionErrors.isEmpty:
            return failure(for: error.connectionErrors[0].error)
        case is NIOConnectionError, is SocketAddressError:
            return RedisFailure(.notExecuted, "\(name): the host's name cannot be resolved")
        case let error as IOError:
            return RedisFailure(.unanswered, "\(name) cannot be reached: \(String(cString: strerror(error.errnoCode)))")
        case ChannelError.connectTimeout:
            return RedisFailure(.notExecuted, "\(name) does not answer")
        case let error as NIOSSLError:
            return RedisFailure(.unanswered, "\(name): TLS failed: \(RedisTLS.explanation(of: error))")
        default:
            return RedisFailure(.unanswered, "\(name) cannot be reached (\(type(of: error)))")
        }
    }
}

extension RedisSessionStore.Address {
    func resolved(on eventLoop: any EventLoop) -> EventLoopFuture<Self> { eventLoop.makeSucceededFuture(self) }
}
#endif
