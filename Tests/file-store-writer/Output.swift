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

    /// How many descriptors of this process are open below a folder; 0 where that cannot be seen.
    static func descriptorCount(below path: String) -> Int {
        // Twice, since a fault may come here too.
        let count = countDescriptors(below: path)
        return count > 0 ? count : countDescriptors(below: path)
    }

    private static func countDescriptors(below path: String) -> Int {
        guard let stream = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(stream) }
        var count = 0
        while let entry = readdir(stream) {
            let number = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            var buffer = [CChar](repeating: 0, count: 4096)
            let length = readlink("/proc/self/fd/\(number)", &buffer, buffer.count)
            guard length > 0 else { continue }
            if String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self).hasPrefix(path) {
                count += 1
            }
        }
        return count
    }

    /// Waits for a line of standard input, or its end.
    static func waitForLine() {
        var byte: UInt8 = 0
        while read(0, &byte, 1) == 1, byte != UInt8(ascii: "\n") {}
    }
}
