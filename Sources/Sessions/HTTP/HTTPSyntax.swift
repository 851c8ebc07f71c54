/// The characters of HTTP's grammar, as bytes.
package enum HTTPSyntax {
    package static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    package static func isAlphanumeric(_ byte: UInt8) -> Bool {
        let lowercased = byte | 0x20
        return isDigit(byte) || (lowercased >= UInt8(ascii: "a") && lowercased <= UInt8(ascii: "z"))
    }

    /// Whether `byte` may be part of a token (RFC 9110, 5.6.2).
    static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
        default: isAlphanumeric(byte)
        }
    }

    package static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }

    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }

    /// Compares ASCII letters without regard to case, all else byte for byte.
    package static func equals(_ left: some StringProtocol, _ right: some StringProtocol) -> Bool {
        left.utf8.elementsEqual(right.utf8) { lowercased($0) == lowercased($1) }
    }

    package static func hasPrefix(_ text: String, ignoringCase prefix: String) -> Bool {
        text.utf8.count >= prefix.utf8.count && equals(Substring(text.utf8.prefix(prefix.utf8.count)), prefix)
    }

    /// `text` without spaces and tabs at its ends.
    package static func trimmed(_ text: Substring) -> Substring {
        var text = text.utf8
        while let first = text.first, isBlank(first) { text.removeFirst() }
        while let last = text.last, isBlank(last) { text.removeLast() }
        return Substring(text)
    }

    /// The parts of `text` between commas, trimmed. By bytes: a combining character after a comma must not hide it.
    static func elements(of text: String) -> [Substring] {
        text.utf8.split(separator: UInt8(ascii: ",")).map { trimmed(Substring($0)) }.filter { !$0.isEmpty }
    }
}
