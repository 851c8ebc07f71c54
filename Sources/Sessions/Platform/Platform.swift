#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The system calls that the core needs, in one place.
enum Platform {
    /// Milliseconds since 1970 by the system's wall clock.
    static func wallClockMilliseconds() -> Int64 {
        var time = timespec()
        // Cannot fail: the clock exists on every supported system and the pointer is valid.
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Fills `buffer` from the kernel's random source, in one call for each 256 bytes, which is `getentropy`'s limit.
    static func fillWithEntropy(_ buffer: UnsafeMutableRawBufferPointer) {
        var start = 0
        while start < buffer.count {
            let count = min(256, buffer.count - start)
            guard let base = buffer.baseAddress, getentropy(base + start, count) == 0 else {
                // Not input: without entropy every token would be guessable, so the only safe answer is to stop.
                fatalError("the system's random source failed: no session token can be minted safely")
            }
            start += count
        }
    }

    /// Reads an IPv4 address in dotted notation; `nil` for anything else, leading zeros included.
    static func ipv4Address(_ text: String) -> UInt32? {
        var address = in_addr()
        guard inet_pton(AF_INET, text, &address) == 1 else { return nil }
        return UInt32(bigEndian: address.s_addr)
    }

    /// Reads an IPv6 address without brackets and zone; `nil` for anything else.
    static func ipv6Address(_ text: String) -> UInt128? {
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        return withUnsafeBytes(of: address) { bytes in
            bytes.reduce(into: UInt128(0)) { $0 = $0 << 8 | UInt128($1) }
        }
    }

    /// The place of the first `byte` in `text` from `start` on and before `end`, or `end` if there is none.
    static func firstIndex(of byte: UInt8, in text: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int {
        guard start < end, let base = text.baseAddress, let found = memchr(base + start, Int32(byte), end - start)
        else {
            return end
        }
        return UnsafeRawPointer(found) - base
    }
}
