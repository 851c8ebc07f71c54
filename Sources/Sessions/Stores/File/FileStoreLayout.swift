/// The names of a file store's entries.
///
/// All of them are made from digests, never from anything that a client sent.
///
/// ```
/// folder/
///   .swift-sessions              what this folder is, and the version of its layout
///   records/ab/62 digits         one file for each record, `FileSlots` has its format
///   subjects/ab/62 digits/       one folder for each subject
///     epoch                      the subject's epoch; its lock guards the folder
///     64 digits                  one empty file for each entry of the subject's index
///   leases/ab/62 digits          one file for each lease
/// ```
enum FileStoreLayout {
    static let marker = ".swift-sessions"
    static let markerContent = Array("swift-sessions file store 1\n".utf8)
    static let epoch = "epoch"
    static let temporaryPrefix = ".tmp-"
    /// How old a file that a dead process left half made must be before a sweep removes it.
    static let leftoverAge: Duration = .seconds(3600)
    /// How long an epoch outlives the last entry of its subject: longer than any sign-in takes.
    static let epochAge: Duration = .seconds(3600)
    static let shardCount = 256

    /// Calls `body` with the path of a digest below its kind's folder: two digits, `/`, 62 digits.
    static func withPath<Result: ~Copyable>(
        of digest: Digest32,
        _ body: (UnsafePointer<CChar>) throws(FileFailure) -> Result
    ) throws(FileFailure) -> Result {
        // 65 characters and the end, on the stack.
        var buffer = PathBuffer()
        digest.withUnsafeBytes { bytes in
            withUnsafeMutableBytes(of: &buffer) { text in
                var cursor = 0
                for (index, byte) in bytes.enumerated() {
                    if index == 1 {
                        text[cursor] = UInt8(ascii: "/")
                        cursor += 1
                    }
                    text[cursor] = hexDigit(byte >> 4)
                    text[cursor + 1] = hexDigit(byte & 15)
                    cursor += 2
                }
                text[cursor] = 0
            }
        }
        return try withExtendedPointer(to: &buffer, body)
    }

    /// The name of a shard's folder.
    static func shardName(_ shard: Int) -> String {
        String(
            decoding: [
                hexDigit(UInt8(truncatingIfNeeded: shard) >> 4), hexDigit(UInt8(truncatingIfNeeded: shard) & 15),
            ],
            as: UTF8.self
        )
    }

    /// The shard of a digest: its first byte.
    static func shard(of digest: Digest32) -> Int { digest.withUnsafeBytes { Int($0[0]) } }

    /// The least digest of a shard.
    static func firstDigest(ofShard shard: Int) -> Digest32 {
        var digest = Digest32()
        digest.w0 = UInt64(littleEndian: UInt64(UInt8(truncatingIfNeeded: shard)))
        return digest
    }

    /// The 62 digits after the shard's two.
    static func entryName(of digest: Digest32) -> String { String(digest.hex.dropFirst(2)) }

    /// The digest of an entry in a shard's folder, or `nil` for a name that is not this store's.
    static func digest(shard: Int, entry name: UnsafeRawBufferPointer) -> Digest32? {
        guard name.count == 62 else { return nil }
        return digest(prefix: UInt8(truncatingIfNeeded: shard), digits: name)
    }

    /// The digest that 64 digits name.
    static func digest(entry name: UnsafeRawBufferPointer) -> Digest32? {
        guard name.count == 64 else { return nil }
        return digest(prefix: nil, digits: name)
    }

    /// Whether a name is one that ``temporaryName()`` gives.
    static func isTemporary(_ name: UnsafeRawBufferPointer) -> Bool {
        let prefix = temporaryPrefix.utf8
        return name.count == prefix.count + 16 && name.starts(with: prefix)
            && name.dropFirst(prefix.count).allSatisfy { nibble($0) != nil }
    }

    /// A name for a file in the making.
    static func temporaryName() -> String {
        let digits = String(SystemSessionRandom().next(), radix: 16)
        return temporaryPrefix + String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func digest(prefix: UInt8?, digits: UnsafeRawBufferPointer) -> Digest32? {
        var digest = Digest32()
        let isComplete = withUnsafeMutableBytes(of: &digest) { bytes in
            var cursor = 0
            if let prefix {
                bytes[0] = prefix
                cursor = 1
            }
            for index in stride(from: 0, to: digits.count, by: 2) {
                guard let high = nibble(digits[index]), let low = nibble(digits[index + 1]) else { return false }
                bytes[cursor] = high << 4 | low
                cursor += 1
            }
            return true
        }
        return isComplete ? digest : nil
    }

    private static func nibble(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    private static func hexDigit(_ nibble: UInt8) -> UInt8 {
        // Without a branch: from 10 on the sum reaches 16, and 39 is how far "a" is behind where ":" would be.
        UInt8(ascii: "0") &+ nibble &+ ((nibble &+ 6) >> 4) &* 39
    }

    /// 72 bytes on the stack.
    private struct PathBuffer {
        var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (
            0, 0, 0, 0, 0, 0, 0, 0, 0
        )
    }

    private static func withExtendedPointer<Result: ~Copyable>(
        to buffer: inout PathBuffer,
        _ body: (UnsafePointer<CChar>) throws(FileFailure) -> Result
    ) throws(FileFailure) -> Result {
        try withUnsafePointer(to: &buffer) { (pointer) throws(FileFailure) in
            try body(UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
        }
    }
}
