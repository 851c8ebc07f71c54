#if Redis
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Looks up the addresses of a host.
///
/// The system's resolver blocks, for half a minute where no name server answers; SwiftNIO's own wrapper does so on an
/// event loop, where requests are waiting that have nothing to do with Redis. Here it has threads to itself.
final class RedisHostResolver: Resolver, Sendable {
    private let addresses4: EventLoopPromise<[SocketAddress]>
    private let addresses6: EventLoopPromise<[SocketAddress]>
    private let isCancelled = Atomic<Bool>(false)

    /// Two, so that a host whose name server is silent does not hold up all others.
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 2)
        pool.start()
        return pool
    }()

    /// Creates a resolver for one look-up.
    init(on eventLoop: any EventLoop) {
        addresses4 = eventLoop.makePromise()
        addresses6 = eventLoop.makePromise()
    }

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { addresses4.futureResult }

    /// Asks for addresses of both kinds.
    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        Self.threads.submit { _ in
            let found = self.isCancelled.load(ordering: .relaxed) ? nil : Self.addresses(of: host, port: port)
            guard let found else {
                self.addresses6.fail(HostUnknown())
                self.addresses4.fail(HostUnknown())
                return
            }
            self.addresses6.succeed(found.filter { $0.protocol == .inet6 })
            self.addresses4.succeed(found.filter { $0.protocol == .inet })
        }
        return addresses6.futureResult
    }

    /// Nobody waits any more: what has not begun will not.
    func cancelQueries() { isCancelled.store(true, ordering: .relaxed) }

    struct HostUnknown: Error {}

    private static func addresses(of host: String, port: Int) -> [SocketAddress]? {
        var hints = addrinfo()
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return nil }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var entry = list
        while let info = entry?.pointee {
            entry = info.ai_next
            guard let address = info.ai_addr else { continue }
            let bytes = UnsafeRawPointer(address)
            switch info.ai_family {
            case AF_INET: addresses.append(SocketAddress(bytes.loadUnaligned(as: sockaddr_in.self), host: host))
            case AF_INET6: addresses.append(SocketAddress(bytes.loadUnaligned(as: sockaddr_in6.self), host: host))
            default: break
            }
        }
        return addresses
    }
}
#endif
