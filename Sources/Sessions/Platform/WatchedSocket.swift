import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A client library's socket, seen from outside: whether it has gone silent or dead while nobody used it, and a way to end
/// a call that waits for it.
package final class WatchedSocket: Sendable {
    /// `nil` once the library is about to close it, after which the number may belong to another file.
    private let descriptor: Mutex<CInt?>

    /// - Parameter descriptor: The library's; it stays the library's to close.
    package init(_ descriptor: CInt) {
        self.descriptor = Mutex(descriptor)
    }

    /// Ends the connection for reading and writing, which wakes whoever waits for it. Any thread may do this.
    package func interrupt() {
        descriptor.withLock { descriptor in
            guard let descriptor else { return }
            _ = shutdown(descriptor, CInt(SHUT_RDWR))
        }
    }

    /// To be called before the library closes the socket.
    package func forget() { descriptor.withLock { $0 = nil } }

    /// Whether nothing waits to be read: neither an end nor bytes, which nobody has asked for between two calls.
    package var isQuiet: Bool {
        descriptor.withLock { descriptor in
            guard let descriptor else { return false }
            var byte: UInt8 = 0
            let count = recv(descriptor, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT))
            return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)
        }
    }
}
