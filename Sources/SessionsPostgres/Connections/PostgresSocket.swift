#if PostgreSQL
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif
import Sessions

/// What is asked of libpq's socket beside libpq.
struct PostgresSocket {
    let descriptor: CInt

    /// Waits until the socket can be read or written.
    /// - Parameters:
    ///   - milliseconds: The longest to wait.
    /// - Returns: Whether it can, or is broken, which reading then tells.
    func wait(reading: Bool, writing: Bool, milliseconds: Int64) -> Bool {
        var entry = pollfd(fd: descriptor, events: 0, revents: 0)
        if reading { entry.events |= Int16(POLLIN) }
        if writing { entry.events |= Int16(POLLOUT) }
        return poll(&entry, 1, CInt(clamping: max(0, milliseconds))) > 0
    }

    /// How many bytes have arrived that nobody has read.
    var waitingByteCount: Int {
        var count: CInt = 0
        #if canImport(Darwin)
        // _IOR('f', 127, int), which is no constant that Swift can import.
        let request: UInt = 0x4004_667F
        #else
        let request = UInt(FIONREAD)
        #endif
        return ioctl(descriptor, request, &count) == 0 ? Int(count) : 0
    }

    /// The bytes that would be read next, and stay there.
    func peek(atMost limit: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            let received = recv(descriptor, buffer.baseAddress, limit, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT))
            count = max(0, received)
        }
    }
}

extension ContinuousClock.Instant {
    /// The milliseconds until then, rounded up; 0 if it has passed.
    var millisecondsAhead: Int64 {
        let rest = self - ContinuousClock.now
        return rest <= .zero ? 0 : rest.milliseconds + 1
    }
}
#endif
