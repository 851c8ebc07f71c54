#if Redis
/// The text of a line, without the byte for its type and without its end.
struct RESPLine {
    typealias Malformed = RESPDecoder.Malformed

    private let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Searches `bytes` for the end of the line that they begin with, from `start` on, where a type is the first byte.
    ///
    /// - Returns: Where the carriage return is, if the line is complete; else where to go on when there are more bytes.
    @inline(__always)
    static func scan(
        _ bytes: UnsafeRawBufferPointer,
        from start: Int,
        limit: Int
    ) throws(Malformed) -> (end: Int, isComplete: Bool) {
        var position = start
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\r") {
                guard position + 1 < bytes.count else { break }
                guard bytes[position + 1] == UInt8(ascii: "\n") else {
                    throw Malformed("a carriage return within a line")
                }
                return (position, true)
            }
            guard byte != UInt8(ascii: "\n") else { throw Malformed("a line feed within a line") }
            guard position <= limit else { throw Malformed("a line is too long") }
            position += 1
        }
        return (position, false)
    }

    /// The number that RESP2 has in the place of a length where there is nothing.
    var isMinusOne: Bool {
        bytes.count == 2 && bytes[0] == UInt8(ascii: "-") && bytes[1] == UInt8(ascii: "1")
    }

    /// A length, or a number of elements.
    @inline(__always)
    func count(atMost limit: Int) throws(Malformed) -> Int {
        guard bytes.first != UInt8(ascii: "-") else { throw Malformed("a negative length") }
        let number = try integer()
        guard number <= limit else { throw Malformed("a length over the limit") }
        return Int(number)
    }

    /// A number as servers write it: no `+`, no leading zeros, no `-0`.
    @inline(__always)
    func integer() throws(Malformed) -> Int64 {
        let isNegative = bytes.first == UInt8(ascii: "-")
        let start = isNegative ? 1 : 0
        try checkWholeNumber()
        // Downwards, since there is one negative number more than there are positive ones.
        var number: Int64 = 0
        for position in start..<bytes.count {
            let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflowOfSum) = tens.subtractingReportingOverflow(Int64(bytes[position] - UInt8(ascii: "0")))
            guard !overflow, !overflowOfSum else { throw Malformed("a number out of range") }
            number = sum
        }
        guard !isNegative else { return number }
        guard number != .min else { throw Malformed("a number out of range") }
        return -number
    }

    /// A number of any size.
    func bigNumber() throws(Malformed) -> String {
        try checkWholeNumber()
        return repairedText()
    }

    @inline(__always)
    private func checkWholeNumber() throws(Malformed) {
        let isNegative = bytes.first == UInt8(ascii: "-")
        let start = isNegative ? 1 : 0
        let end = endOfDigits(from: start)
        guard end > start, end == bytes.count else { throw Malformed("no number where one belongs") }
        let hasLeadingZero = bytes[start] == UInt8(ascii: "0") && (end > start + 1 || isNegative)
        guard !hasLeadingZero else { throw Malformed("a zero before a number") }
    }

    func null() throws(Malformed) -> RESPValue {
        guard bytes.isEmpty else { throw Malformed("text in a null") }
        return .null
    }

    func boolean() throws(Malformed) -> Bool {
        guard bytes.count == 1 else { throw Malformed("no boolean where one belongs") }
        switch bytes[0] {
        case UInt8(ascii: "t"): return true
        case UInt8(ascii: "f"): return false
        default: throw Malformed("no boolean where one belongs")
        }
    }

    /// A number with a fraction and an exponent or without, or one of the names of what is no number.
    func double() throws(Malformed) -> Double {
        let text = repairedText()
        switch text {
        case "inf": return .infinity
        case "-inf": return -.infinity
        case "nan", "-nan": return .nan
        default: break
        }
        // What the standard library takes besides, such as hexadecimal digits and "infinity", no server sends.
        var position = bytes.first == UInt8(ascii: "-") ? 1 : 0
        position = try digits(from: position)
        if byte(at: position) == UInt8(ascii: ".") { position = try digits(from: position + 1) }
        if let letter = byte(at: position), letter | 0x20 == UInt8(ascii: "e") {
            let sign = byte(at: position + 1)
            let isSigned = sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-")
            position = try digits(from: position + (isSigned ? 2 : 1))
        }
        guard position == bytes.count, let number = Double(text) else { throw Malformed("no number where one belongs") }
        return number
    }

    /// The text of a status. It is the server's own and so is UTF-8, or this is no status.
    @inline(__always)
    func text() throws(Malformed) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Malformed("a status that is no UTF-8") }
        return text
    }

    /// The text of an error, which may quote any bytes that a command had: what is no UTF-8 is replaced.
    func repairedText() -> String { String(decoding: bytes, as: UTF8.self) }

    private func byte(at position: Int) -> UInt8? { position < bytes.count ? bytes[position] : nil }

    /// The end of the digits that begin at `start`, of which there must be one.
    private func digits(from start: Int) throws(Malformed) -> Int {
        let end = endOfDigits(from: start)
        guard end > start else { throw Malformed("no number where one belongs") }
        return end
    }

    @inline(__always)
    private func endOfDigits(from start: Int) -> Int {
        var position = start
        while position < bytes.count, bytes[position] &- UInt8(ascii: "0") < 10 { position += 1 }
        return position
    }
}
#endif
