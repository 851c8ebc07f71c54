import Crypto

/// 32 bytes held inline: what digests and tokens are made of. No heap, cheap to hash and compare.
struct Digest32: Hashable, Sendable {
    var w0: UInt64 = 0
    var w1: UInt64 = 0
    var w2: UInt64 = 0
    var w3: UInt64 = 0

    init() {}

    /// Copies exactly 32 bytes from the start of `bytes`.
    init(copying bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count >= 32)
        w0 = bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
        w1 = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        w2 = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
        w3 = bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
    }

    init(_ digest: SHA256.Digest) {
        self = digest.withUnsafeBytes { Digest32(copying: $0) }
    }

    func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try Swift.withUnsafeBytes(of: self, body)
    }

    // Digests are uniformly distributed already, so one word of them is as good a hash input as all four.
    func hash(into hasher: inout Hasher) { hasher.combine(w0) }

    /// Lower-case hexadecimal, 64 characters.
    var hex: String {
        withUnsafeBytes { bytes in
            String(unsafeUninitializedCapacity: 64) { text in
                for (index, byte) in bytes.enumerated() {
                    text[index * 2] = Self.hexDigit(byte >> 4)
                    text[index * 2 + 1] = Self.hexDigit(byte & 15)
                }
                return 64
            }
        }
    }

    /// Reads 64 lower-case hexadecimal digits, nothing else.
    init?(hex: some StringProtocol) {
        guard hex.utf8.count == 64 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        var high: UInt8?
        for character in hex.utf8 {
            let nibble: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = character - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | nibble)
                high = nil
            } else {
                high = nibble
            }
        }
        self = bytes.withUnsafeBytes { Digest32(copying: $0) }
    }

    /// Byte-wise order, the same as that of ``hex``.
    static func precedes(_ left: Self, _ right: Self) -> Bool {
        if left.w0 != right.w0 { return left.w0.bigEndian < right.w0.bigEndian }
        if left.w1 != right.w1 { return left.w1.bigEndian < right.w1.bigEndian }
        if left.w2 != right.w2 { return left.w2.bigEndian < right.w2.bigEndian }
        return left.w3.bigEndian < right.w3.bigEndian
    }

    private static func hexDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }
}
