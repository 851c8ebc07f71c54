#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Values are kept as JSON, each on its own, so that people and programs in other languages can read a store.
///
/// Integers, booleans and plain strings, which are most of what sessions hold, are written and read directly; all else
/// goes through `JSONEncoder` and `JSONDecoder`. Both ways give the same bytes. Dictionary keys are sorted, so that equal
/// values have equal bytes; dates are seconds since 1970.
enum SessionValueCoding {
    static func encode<Value: Codable>(_ value: Value) throws -> [UInt8] {
        if Value.self == Int.self {
            return encodeInteger(unsafeBitCast(value, to: Int.self))
        }
        if Value.self == Bool.self {
            return Array((unsafeBitCast(value, to: Bool.self) ? "true" : "false").utf8)
        }
        if Value.self == String.self, let text = value as? String, let bytes = encodePlainString(text) {
            return bytes
        }
        return try Array(encoder.encode(value))
    }

    static func decode<Value: Codable>(_ type: Value.Type, from json: ArraySlice<UInt8>) throws -> Value {
        // Each cast is between one type and itself; a dynamic cast would cost more than the reading.
        if Value.self == Int.self, let integer = json.withUnsafeBytes({ decodeInteger($0) }) {
            return unsafeBitCast(integer, to: Value.self)
        }
        if Value.self == Bool.self, let boolean = json.withUnsafeBytes({ decodeBoolean($0) }) {
            return unsafeBitCast(boolean, to: Value.self)
        }
        if Value.self == String.self, let string = json.withUnsafeBytes({ decodePlainString($0) }) {
            return unsafeBitCast(string, to: Value.self)
        }
        return try decoder.decode(type, from: Data(json))
    }

    // Both are documented as safe to use from several threads once configured, and are never configured again.
    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .secondsSince1970
        return encoder
    }()

    private static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .secondsSince1970
        return decoder
    }()
}

extension SessionValueCoding {
    static func encodeInteger(_ value: Int) -> [UInt8] {
        var magnitude = value.magnitude
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var start = 20
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10)
                magnitude /= 10
            } while magnitude > 0
            if value < 0 {
                start -= 1
                digits[start] = UInt8(ascii: "-")
            }
            return Array(digits[start..<20])
        }
    }

    /// An integer exactly as `encodeInteger` writes it; anything else is left to the decoder.
    private static func decodeInteger(_ json: UnsafeRawBufferPointer) -> Int? {
        let isNegative = json.first == UInt8(ascii: "-")
        let digits = json.dropFirst(isNegative ? 1 : 0)
        guard 1...18 ~= digits.count, digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        var value = 0
        for digit in digits {
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { return nil }
            value = value &* 10 &+ Int(digit &- UInt8(ascii: "0"))
        }
        return isNegative ? -value : value
    }

    private static func decodeBoolean(_ json: UnsafeRawBufferPointer) -> Bool? {
        if json.elementsEqual("true".utf8) { return true }
        if json.elementsEqual("false".utf8) { return false }
        return nil
    }

    /// A string that needs no escapes, between quotes; `nil` for all others.
    private static func encodePlainString(_ value: String) -> [UInt8]? {
        var value = value
        return value.withUTF8 { text in
            for byte in text where needsEscape(byte) { return nil }
            return [UInt8](unsafeUninitializedCapacity: text.count + 2) { output, count in
                output[0] = UInt8(ascii: "\"")
                for (index, byte) in text.enumerated() { output[index + 1] = byte }
                output[text.count + 1] = UInt8(ascii: "\"")
                count = text.count + 2
            }
        }
    }

    private static func decodePlainString(_ json: UnsafeRawBufferPointer) -> String? {
        guard json.count >= 2, json.first == UInt8(ascii: "\""), json.last == UInt8(ascii: "\"") else { return nil }
        let text = UnsafeRawBufferPointer(rebasing: json[1..<json.count - 1])
        // Escapes and everything beyond ASCII, where encodings can be broken, are the decoder's.
        for byte in text where needsEscape(byte) || byte >= 0x80 { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }
}
