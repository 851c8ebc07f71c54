#if PostgreSQL
import Foundation
import Sessions
import Synchronization

/// A socket of a test's server, and threads that serve its connections.
final class ListeningSocket: Sendable {
    struct Failure: Error {}

    let port: Int
    private let descriptor: Int32
    private let open = Mutex<Set<Int32>>([])
    private let isClosed = Mutex(false)

    init(port: Int = 0) throws {
        #if canImport(Glibc)
        let kind = Int32(SOCK_STREAM.rawValue)
        #else
        let kind = SOCK_STREAM
        #endif
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { throw Failure() }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 64) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else {
            Foundation.close(descriptor)
            throw Failure()
        }
        self.descriptor = descriptor
        self.port = Int(in_port_t(bigEndian: address.sin_port))
    }

    /// Serves each connection on a thread of its own.
    func serve(_ body: @escaping @Sendable (TestConnection) -> Void) {
        let descriptor = descriptor
        _ = SystemThread.start { [self] in
            while true {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else { return }
                guard !isClosed.withLock({ $0 }) else {
                    _ = Foundation.close(connection)
                    return
                }
                open.withLock { _ = $0.insert(connection) }
                _ = SystemThread.start { [self] in
                    body(TestConnection(descriptor: connection))
                    _ = open.withLock { $0.remove(connection) }
                    _ = Foundation.close(connection)
                }
            }
        }
    }

    /// Ends it and all its connections.
    func close() {
        isClosed.withLock { $0 = true }
        shutdown(descriptor, Int32(SHUT_RDWR))
        _ = Foundation.close(descriptor)
        open.withLock { for connection in $0 { shutdown(connection, Int32(SHUT_RDWR)) } }
    }
}

/// One connection of a test's server, whose calls block the thread that serves it.
struct TestConnection {
    let descriptor: Int32

    /// What the client has sent, or `nil` when it has gone.
    func read(atMost limit: Int = 65_536) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &bytes, limit, 0)
        return count > 0 ? Array(bytes.prefix(count)) : nil
    }

    /// - Returns: Whether the client is still there.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        #if canImport(Darwin)
        let flags: Int32 = 0
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &yes, socklen_t(MemoryLayout<Int32>.size))
        #else
        let flags = Int32(MSG_NOSIGNAL)
        #endif
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, flags) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
#endif
