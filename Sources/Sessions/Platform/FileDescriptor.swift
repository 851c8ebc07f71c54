#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// An open file, closed when the value ends; `flock` locks that were taken through it end with it.
struct FileDescriptor: ~Copyable, Sendable {
    let number: Int32

    init(owning number: Int32) {
        self.number = number
    }

    deinit {
        closeDescriptor(number)
    }

    /// Closes the file here and not earlier: where a lock must be held up to a certain line, that line says so.
    consuming func close() {}

    /// Gives the number away to somebody who will close it.
    consuming func relinquish() -> Int32 {
        let number = number
        discard self
        return number
    }
}

/// Outside of the type, because `close` there is the method.
private func closeDescriptor(_ number: Int32) {
    // The result says nothing that could be acted on: the number is free again whatever it is, and what must be on
    // disk was flushed before.
    _ = close(number)
}
