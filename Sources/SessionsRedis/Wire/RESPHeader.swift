#if Redis
/// The line that every value begins with, and that most consist of.
enum RESPHeader {
    /// The line has no end within the first so many bytes, and no more of them are there.
    case incomplete(scanned: Int)
    /// All of a value, in a line of `length` bytes.
    case value(RESPValue, length: Int)
    /// The bytes of a string follow.
    case body(Body, length: Int)
    /// So many elements of an aggregate follow; a map's entry is two.
    case aggregate(RESPAggregate.Kind, count: Int, length: Int)

    /// A string that follows its header, and has an end of line of its own.
    struct Body: Sendable {
        enum Kind: Sendable {
            case bulk
            case error
            case verbatim
        }

        var kind: Kind
        var length: Int
    }

    /// The first byte of a value.
    private enum Marker: UInt8 {
        case simple = 0x2B  // +
        case error = 0x2D  // -
        case integer = 0x3A  // :
        case bulk = 0x24  // $
        case array = 0x2A  // *
        case null = 0x5F  // _
        case boolean = 0x23  // #
        case double = 0x2C  // ,
        case bigNumber = 0x28  // (
        case bulkError = 0x21  // !
        case verbatim = 0x3D  // =
        case map = 0x25  // %
        case set = 0x7E  // ~
        case push = 0x3E  // >
        case attribute = 0x7C  // |
    }

    /// Reads the line that `bytes` begin with, of which the first `scanned` are known to have no end of line.
    ///
    /// A fault is found at the same byte however many have come, so that it makes no difference where reads are cut.
    @inline(__always)
    static func read(
        _ bytes: UnsafeRawBufferPointer,
        scanned: Int,
        limits: RESPDecoder.Limits
    ) throws(RESPDecoder.Malformed) -> Self {
        guard let first = bytes.first else { return .incomplete(scanned: 0) }
        guard let marker = Marker(rawValue: first) else { throw RESPDecoder.Malformed("an unknown type") }
        let scan = try RESPLine.scan(bytes, from: max(scanned, 1), limit: limits.maximumLineLength)
        guard scan.isComplete else { return .incomplete(scanned: scan.end) }
        let line = RESPLine(UnsafeRawBufferPointer(rebasing: bytes[1..<scan.end]))
        let length = scan.end + 2
        switch marker {
        case .bulk:
            if line.isMinusOne { return .value(.null, length: length) }
            let body = Body(kind: .bulk, length: try line.count(atMost: limits.maximumBulkLength))
            return .body(body, length: length)
        case .simple: return .value(.simple(try line.text()), length: length)
        case .error: return .value(.error(line.repairedText()), length: length)
        case .integer: return .value(.integer(try line.integer()), length: length)
        case .null: return .value(try line.null(), length: length)
        case .boolean: return .value(.boolean(try line.boolean()), length: length)
        case .double: return .value(.double(try line.double()), length: length)
        case .bigNumber: return .value(.simple(try line.bigNumber()), length: length)
        case .bulkError:
            let body = Body(kind: .error, length: try line.count(atMost: limits.maximumLineLength))
            return .body(body, length: length)
        case .verbatim:
            let body = Body(kind: .verbatim, length: try line.count(atMost: limits.maximumBulkLength))
            guard body.length >= 4 else { throw RESPDecoder.Malformed("no format before a verbatim string") }
            return .body(body, length: length)
        case .array:
            if line.isMinusOne { return .value(.null, length: length) }
            return .aggregate(.array, count: try line.count(atMost: limits.maximumElementCount), length: length)
        case .set:
            return .aggregate(.array, count: try line.count(atMost: limits.maximumElementCount), length: length)
        case .push:
            return .aggregate(.push, count: try line.count(atMost: limits.maximumElementCount), length: length)
        case .map:
            let count = try line.count(atMost: limits.maximumElementCount / 2) * 2
            return .aggregate(.map, count: count, length: length)
        case .attribute:
            let count = try line.count(atMost: limits.maximumElementCount / 2) * 2
            return .aggregate(.attribute, count: count, length: length)
        }
    }
}
#endif
