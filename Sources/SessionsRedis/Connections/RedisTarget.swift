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
    /// The longest pause between two attempts to connect.
    var longestPause: TimeAmount = .seconds(1)
    /// The error replies after which another server has to be found.
    var endsConnectionOn: Set<String> = []
    /// The error replies after which another server has to be found if the connection is not quite new.
    var doubtsConnectionOn: Set<String> = []
    /// Where the address comes from, if it moves.
    var sentinels: SentinelDirectory?
    /// The address, where `sentinels` have named it.
    var address: RedisSessionStore.Address?
    var cache: NearCachePart?
    /// Whether it may lose keys to other servers while it goes on answering.
    var isClusterNode = false

    func endsConnection(_ code: String) -> Bool { endsConnectionOn.contains(code) }

    /// What to look at first where a server takes connections, and cannot be talked to.
    var encryptionAdvice: String {
        tls == nil
            ? "if TLS is spoken on this port, switch it on (rediss:)"
            : "if no TLS is spoken on this port, switch it off (redis:)"
    }

    /// Opens a channel.
    /// - Parameter addHandlers: Called on the event loop with the channel that is open, and the target once more, with a
    ///   name that tells the address. Not before: a host's name may stand for several addresses, and of the channels that
    ///   try them all but one are dropped.
    func connect(
        on eventLoop: any EventLoop,
        _ addHandlers: @escaping @Sendable (any Channel, RedisTarget) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        resolve(eventLoop).flatMap { address in
            let target = self.found(at: address)
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
            return address.connect(bootstrap, on: eventLoop)
                .flatMapErrorThrowing { throw target.failure(for: $0) }
                .flatMapThrowing { channel in
                    do {
                        try addHandlers(channel, target)
                    } catch {
                        channel.close(promise: nil)
                        throw error
                    }
                    return channel
                }
        }
    }

    /// The target with the address that was found.
    private func found(at address: RedisSessionStore.Address) -> Self {
        guard sentinels != nil else { return self }
        var target = self
        target.name = "\(name), at \(address),"
        target.address = address
        return target
    }

    /// Why connecting or reading failed, without anything that was sent.
    func failure(for error: any Error) -> RedisFailure {
        if let problem = RedisTLS.problem(error) {
            let fate: RedisFailure.Fate = problem.isLasting ? .misconfigured : .unanswered
            return RedisFailure(fate, "\(name): TLS failed: \(problem.text)")
        }
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
        default:
            return RedisFailure(.unanswered, "\(name) cannot be reached (\(type(of: error)))")
        }
    }
}

extension RedisSessionStore.Address {
    fileprivate func connect(
        _ bootstrap: ClientBootstrap,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        switch wrapped {
        case .unixSocket(let path):
            return bootstrap.connect(unixDomainSocketPath: path)
        case .host(let host, let port):
            // An address that needs no looking up fails with its own error, and not with a list of attempts.
            guard let address = try? SocketAddress(ipAddress: host, port: port) else {
                return bootstrap.resolver(RedisHostResolver(on: eventLoop)).connect(host: host, port: port)
            }
            return bootstrap.connect(to: address)
        }
    }

    func resolved(on eventLoop: any EventLoop) -> EventLoopFuture<Self> { eventLoop.makeSucceededFuture(self) }
}
#endif
