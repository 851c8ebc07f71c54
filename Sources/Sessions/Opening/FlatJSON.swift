/// Reads one JSON object whose members are scalars (RFC 8259): all that a manager's configuration has.
///
/// Unlike `JSONDecoder` it reports a name that comes twice. Arrays and objects inside are skipped and reported as such.
package struct FlatJSON {
    /// A member's value.
    package enum Value: Hashable, Sendable {
        case string(String)
        case integer(Int64)
        /// A number that is no 64-bit integer.
        case number
        case bool(Bool)
        case null
        case nested
    }

    /// What is wrong, and where.
    package struct Malformed: Error, Equatable {
        package let problem: String
        package let offset: Int
    }

    private let bytes: [UInt8]
    private var position = 0

    private static let maximumDepth = 32

    /// The members of the object in `text`, in order.
    package static func members(in text: String) throws(Malformed) -> [(name: String, value: Value)] {
        var reader = FlatJSON(bytes: Array(text.utf8))
        let members = try reader.object()
        reader.skipSpace()
        guard reader.position == reader.bytes.count else { throw reader.malformed("something follows the object") }
        return members
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func malformed(_ problem: String) -> Malformed { Malformed(problem: problem, offset: position) }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func object() throws(Malformed) -> [(name: String, value: Value)] {
        skipSpace()
        guard take("{") else { throw malformed("an object is expected: \"{\"") }
        var members: [(name: String, value: Value)] = []
        skipSpace()
        if take("}") { return members }
        repeat {
            skipSpace()
            let name = try string()
            skipSpace()
            guard take(":") else { throw malformed("a colon is expected") }
            members.append((name, try value(depth: 1)))
            skipSpace()
        } while take(",")
        guard take("}") else { throw malformed("a comma or \"}\" is expected") }
        return members
    }

    private mutating func value(depth: Int) throws(Malformed) -> Value {
        skipSpace()
        switch current {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            try skipNested(depth: depth)
            return .nested
        default: return try number()
        }
    }

    private mutating func literal(_ text: String, _ value: Value) throws(Malformed) -> Value {
        guard bytes[position...].starts(with: text.utf8) else { throw malformed("a value is expected") }
        position += text.utf8.count
        return value
    }

    private mutating func skipNested(depth: Int) throws(Malformed) {
        guard depth < Self.maximumDepth else { throw malformed("values are nested too deeply") }
        let isObject = current == UInt8(ascii: "{")
        position += 1
        skipSpace()
        if take(isObject ? "}" : "]") { return }
        repeat {
            skipSpace()
            if isObject {
                _ = try string()
                skipSpace()
                guard take(":") else { throw malformed("a colon is expected") }
            }
            _ = try value(depth: depth + 1)
            skipSpace()
        } while take(",")
        guard take(isObject ? "}" : "]") else { throw malformed("a comma or the end of a value is expected") }
    }

    private mutating func number() throws(Malformed) -> Value {
        let start = position
        _ = take("-")
        let firstDigit = position
        try digits()
        guard position == firstDigit + 1 || bytes[firstDigit] != UInt8(ascii: "0") else {
            throw malformed("a number starts with a zero")
        }
        var isInteger = true
        if take(".") {
            isInteger = false
            try digits()
        }
        if take("e") || take("E") {
            isInteger = false
            if !take("+") { _ = take("-") }
            try digits()
        }
        guard isInteger, let integer = Int64(String(decoding: bytes[start..<position], as: UTF8.self)) else {
            return .number
        }
        return .integer(integer)
    }

    private mutating func digits() throws(Malformed) {
        let start = position
        while let byte = current, HTTPSyntax.isDigit(byte) { position += 1 }
        guard position > start else { throw malformed("a value is expected") }
    }

    private mutating func string() throws(Malformed) -> String {
        guard take("\"") else { throw malformed("a name or a string in quotes is expected") }
        var text: [UInt8] = []
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                // What came in as a String is UTF-8, and escapes are written as such.
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0x00..<0x20: throw malformed("a string contains a control character")
            default: text.append(byte)
            }
        }
        throw malformed("a string has no end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(Malformed) {
        guard let byte = current else { throw malformed("a string has no end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try codeUnit()
            if (0xD800..<0xDC00).contains(code) {
                guard take("\\"), take("u") else { throw malformed("half of a surrogate pair stands alone") }
                let low = try codeUnit()
                guard (0xDC00..<0xE000).contains(low) else { throw malformed("half of a surrogate pair stands alone") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw malformed("half of a surrogate pair stands alone") }
            text.append(contentsOf: String(Character(scalar)).utf8)
        default: throw malformed("a string contains an unknown escape")
        }
    }

    private mutating func codeUnit() throws(Malformed) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw malformed("four hexadecimal digits are expected")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
