import Crypto

/// The secret that a browser holds: 256 random bits, as 43 characters of unpadded base64url (RFC 4648 section 5).
///
/// Never logged, printed or stored: its descriptions are redacted, and stores see only its ``SessionID``.
public struct SessionToken: Sendable {
    /// The number of characters in a token's text form.
    public static let characterCount = 43

    let bytes: Digest32

    /// Mints a token from `random`.
    init(from random: some SessionRandom) {
        var bytes = Digest32()
        withUnsafeMutableBytes(of: &bytes) { random.fill($0) }
        self.bytes = bytes
    }

    init(bytes: Digest32) {
        self.bytes = bytes
    }

    /// Reads the text form: exactly 43 characters of the base64url alphabet whose unused last bits are zero.
    ///
    /// Anything else is `nil`: padding, the `+/` alphabet, quotes, escapes, other lengths, and the non-canonical
    /// spellings that would give one session several names.
    public init?(_ text: some StringProtocol) {
        let parsed = text.utf8.withContiguousStorageIfAvailable { Self.decode(UnsafeRawBufferPointer($0)) }
        guard let bytes = parsed ?? Array(text.utf8).withUnsafeBytes({ Self.decode($0) }) else { return nil }
        self.bytes = bytes
    }

    /// Reads the text form from bytes, as they stand in a header field.
    init?(utf8 text: UnsafeRawBufferPointer) {
        guard let bytes = Self.decode(text) else { return nil }
        self.bytes = bytes
    }

    /// The text form, for the one place that may show it: the cookie or header that carries it to its owner.
    var secret: String {
        String(unsafeUninitializedCapacity: Self.characterCount) { write(to: $0) }
    }

    /// Writes the text form into the first 43 bytes of `text`.
    /// - Returns: 43.
    func write(to text: UnsafeMutableBufferPointer<UInt8>) -> Int {
        precondition(text.count >= Self.characterCount)
        bytes.withUnsafeBytes { source in
            Self.alphabet.withUnsafeBufferPointer { alphabet in
                // Three bytes are four characters; the last two bytes are three.
                for group in 0..<10 {
                    let bits =
                        UInt32(source[group * 3]) << 16 | UInt32(source[group * 3 + 1]) << 8
                        | UInt32(source[group * 3 + 2])
                    text[group * 4] = alphabet[Int(bits >> 18)]
                    text[group * 4 + 1] = alphabet[Int(bits >> 12 & 63)]
                    text[group * 4 + 2] = alphabet[Int(bits >> 6 & 63)]
                    text[group * 4 + 3] = alphabet[Int(bits & 63)]
                }
                let bits = UInt32(source[30]) << 8 | UInt32(source[31])
                text[40] = alphabet[Int(bits >> 10)]
                text[41] = alphabet[Int(bits >> 4 & 63)]
                text[42] = alphabet[Int(bits << 2 & 63)]
            }
        }
        return Self.characterCount
    }

    /// The token that takes this one's place in a timed rotation: HMAC-SHA256 of the forwarder's nonce, keyed by this
    /// token. Whoever holds this token within the grace derives the same one again; whoever reads the store does not.
    func successor(nonce: RotationNonce) -> SessionToken {
        let key = bytes.withUnsafeBytes { SymmetricKey(data: $0) }
        var authentication = HMAC<SHA256>(key: key)
        nonce.bytes.withUnsafeBytes { authentication.update(data: $0) }
        let code = authentication.finalize()
        return SessionToken(bytes: code.withUnsafeBytes { Digest32(copying: $0) })
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    /// Decodes without a branch on the secret's characters: every character is looked up and accumulated before the
    /// one decision whether all were of the alphabet.
    private static func decode(_ text: UnsafeRawBufferPointer) -> Digest32? {
        guard text.count == characterCount else { return nil }
        var result = Digest32()
        var invalid: UInt8 = 0
        var last: UInt8 = 0
        withUnsafeMutableBytes(of: &result) { output in
            values.withUnsafeBufferPointer { values in
                // Four characters are three bytes; the last three are two.
                for group in 0..<10 {
                    let v0 = values[Int(text[group * 4])]
                    let v1 = values[Int(text[group * 4 + 1])]
                    let v2 = values[Int(text[group * 4 + 2])]
                    let v3 = values[Int(text[group * 4 + 3])]
                    invalid |= v0 | v1 | v2 | v3
                    output[group * 3] = v0 << 2 | (v1 & 63) >> 4
                    output[group * 3 + 1] = v1 << 4 | (v2 & 63) >> 2
                    output[group * 3 + 2] = v2 << 6 | v3 & 63
                }
                let v0 = values[Int(text[40])]
                let v1 = values[Int(text[41])]
                let v2 = values[Int(text[42])]
                invalid |= v0 | v1 | v2
                output[30] = v0 << 2 | (v1 & 63) >> 4
                output[31] = v1 << 4 | (v2 & 63) >> 2
                last = v2
            }
        }
        // 43 characters carry 258 bits: the last two must be zero, or four texts would name one session.
        guard invalid & 0xC0 == 0, last & 3 == 0 else { return nil }
        return result
    }
}

extension SessionToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Redacted.
    public var description: String { "SessionToken(redacted)" }
    /// Redacted.
    public var debugDescription: String { description }
    /// Redacted: nothing to see for `dump` and for test reports.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension SessionToken: Equatable {
    /// Compares in constant time.
    public static func == (left: Self, right: Self) -> Bool {
        (left.bytes.w0 ^ right.bytes.w0) | (left.bytes.w1 ^ right.bytes.w1)
            | (left.bytes.w2 ^ right.bytes.w2) | (left.bytes.w3 ^ right.bytes.w3) == 0
    }
}

/// What a forwarder keeps so that the holder of the old token can derive the new one.
public struct RotationNonce: Hashable, Sendable {
    let bytes: Digest32

    init(from random: some SessionRandom) {
        var bytes = Digest32()
        withUnsafeMutableBytes(of: &bytes) { random.fill($0) }
        self.bytes = bytes
    }

    init(bytes: Digest32) {
        self.bytes = bytes
    }
}
