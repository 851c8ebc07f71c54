@testable import Sessions

/// Encoded records of format 1 whose bytes were worked out from the article "Record format" by another program.
///
/// Whatever changes here breaks every store that holds sessions already: a new layout gets a new version and new bytes,
/// and these stay readable.
enum GoldenRecords {
    static let id = digest(0x00)
    static let link = digest(0xA0)
    static let nonce = RotationNonce(bytes: Digest32(consecutiveFrom: 0x40))
    static let time = SessionInstant(millisecondsSince1970: 1_700_000_000_000)

    /// A session with everything: sign-in, predecessor, subject, labels, values, one of which has a lifetime.
    static let session = bytes(
        """
        53575301c6377442d4ab5194887766554433221107000000000000000068e5cf
        8b010000e86be5cf8b010000e8c70bd58b01000080ee360000000000d06fe5cf
        8b010000071007000300a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5
        b6b7b8b9babbbcbdbebf61646146697265666f78206f6e204c696e7578707269
        766174650601000000000076697369747333040600000000006e616d65225a6f
        c3ab2206100000000100e0fbe9cf8b0100006e6f746963657b2274657874223a
        227361766564227d
        """
    )

    /// A stranger's session with one value.
    static let anonymous = bytes(
        """
        5357530155eff5f43cae73d2010000000000000001000000000000000068e5cf
        8b010000000000000000000000c40bd58b01000080ee3600000000000068e5cf
        8b010000000000000000010200000000006e2d31
        """
    )

    /// What a sign-in leaves under the old id.
    static let forwarder = bytes(
        """
        53575301ce85159e69b5948e020000000000000008000000000000000068e5cf
        8b01000000000000000000006052e6cf8b01000060ea0000000000000068e5cf
        8b0100000c0000000000a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5
        b6b7b8b9babbbcbdbebf
        """
    )

    /// What a timed rotation leaves under the old id.
    static let rotated = bytes(
        """
        535753011f86c2851c6e7d3d030000000000000009000000000000000068e5cf
        8b01000000000000000000006052e6cf8b01000060ea0000000000000068e5cf
        8b0100001c0000000000a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5
        b6b7b8b9babbbcbdbebf404142434445464748494a4b4c4d4e4f505152535455
        565758595a5b5c5d5e5f
        """
    )

    static let all: [(name: String, bytes: [UInt8])] = [
        ("session", session), ("anonymous", anonymous), ("forwarder", forwarder), ("rotated", rotated),
    ]

    private static func digest(_ first: UInt8) -> SessionID { SessionID(digest: Digest32(consecutiveFrom: first)) }

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.compactMap { $0.hexDigitValue }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

extension Digest32 {
    fileprivate init(consecutiveFrom first: UInt8) {
        self = (0..<32).map { first + $0 }.withUnsafeBytes { Digest32(copying: $0) }
    }
}
