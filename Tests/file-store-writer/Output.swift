#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

enum Output {
    /// Says what went wrong and ends the process.
    static func fail(_ text: String) -> Never {
        let bytes = Array("\(text)\n".utf8)
        _ = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
        exit(1)
    }

    /// Writes a line with one `write` call and no buffer between: what was printed was acknowledged before.
    static func line(_ text: String) {
        let bytes = Array("\(text)\n".utf8)
        guard bytes.withUnsafeBytes({ write(1, $0.baseAddress, $0.count) }) == bytes.count else { exit(1) }
    }
}
