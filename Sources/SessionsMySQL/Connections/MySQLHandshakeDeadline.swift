#if MySQL
import CMariaDB

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The time by which a connection must be open and ready.
///
/// The library's own time limits count from one byte to the next, in whole seconds: a server that sends a byte a second
/// would keep it busy for ever. So while a connection is opened, the library waits by calling ``wait``, on the thread that
/// opens it; that thread's deadline is kept with the thread.
enum MySQLHandshakeDeadline {
    /// Runs `body` with a deadline for what the library waits for on this thread.
    static func with<Value, Failure: Error>(
        _ deadline: ContinuousClock.Instant,
        _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        guard let key else { return try body() }
        let place = UnsafeMutablePointer<ContinuousClock.Instant>.allocate(capacity: 1)
        place.initialize(to: deadline)
        pthread_setspecific(key, place)
        defer {
            pthread_setspecific(key, nil)
            place.deallocate()
        }
        return try body()
    }

    /// What the library calls when it has to wait for a socket; gives 1 if there is something to do, and 0 if not in time.
    typealias Wait = @convention(c) (_ socket: CInt, _ isReading: CChar, _ milliseconds: CInt) -> CInt

    static let wait: Wait = { socket, isReading, milliseconds in
        var request = pollfd(fd: socket, events: Int16(isReading != 0 ? POLLIN : POLLOUT), revents: 0)
        let end = milliseconds > 0 ? ContinuousClock.now + .milliseconds(Int64(milliseconds)) : nil
        while true {
            let now = ContinuousClock.now
            let limits = [end, threadDeadline].compactMap { $0 }
            // Without a limit it is looked every second whether there is one.
            let remaining = limits.min().map { $0 - now } ?? .seconds(1)
            guard remaining > .zero else { return 0 }
            let (seconds, attoseconds) = remaining.components
            let rounded = seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1
            let result = poll(&request, 1, CInt(min(rounded, 60_000)))
            if result > 0 { return 1 }
            if result < 0, errno != EINTR { return -1 }
        }
    }

    private static var threadDeadline: ContinuousClock.Instant? {
        guard let key, let place = pthread_getspecific(key) else { return nil }
        return place.load(as: ContinuousClock.Instant.self)
    }

    /// `nil` if the system has none to give: then the library's own limits are all there is.
    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        return pthread_key_create(&key, nil) == 0 ? key : nil
    }()
}
#endif
