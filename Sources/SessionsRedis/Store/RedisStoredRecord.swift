#if Redis
import NIOCore
import Sessions

/// A record as it stands in a string: the idle deadline in milliseconds, 16 decimal digits, so that people can read it
/// and scripts compare it as text; behind it the record's encoded bytes.
enum RedisStoredRecord {
    static let deadlineLength = RESPCommand.instantLength

    /// Reads a record.
    /// - Throws: `.corruptRecord` or `.newerFormat`.
    static func decode(_ bytes: some Collection<UInt8>, id: SessionID) throws(SessionStoreError) -> SessionRecord {
        guard let deadline = deadline(in: bytes) else {
            throw SessionStoreError(.corruptRecord, "the value of session \(id) does not begin with a deadline")
        }
        return try SessionRecord(encoded: Array(bytes.dropFirst(deadlineLength)), for: id, expiresAt: deadline)
    }

    /// The deadline that a value begins with; `nil` if it begins with something else.
    private static func deadline(in bytes: some Collection<UInt8>) -> SessionInstant? {
        var deadline: Int64 = 0
        let digits = bytes.prefix(deadlineLength)
        guard digits.count == deadlineLength else { return nil }
        for digit in digits {
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { return nil }
            deadline = deadline &* 10 &+ Int64(digit &- UInt8(ascii: "0"))
        }
        return SessionInstant(millisecondsSince1970: deadline)
    }

    /// The deadline that a value begins with; `nil` if it begins with something else.
    static func deadline(_ value: ByteBuffer) -> SessionInstant? { deadline(in: value.readableBytesView) }

    /// How many bytes a value's head has: the deadline, and the body up to the stamp.
    static let headLength = deadlineLength + SessionRecord.stampByteRange.upperBound

    /// Whether a value with this head is `record`: no other one has its stamp, and a touch moves nothing but the deadline.
    static func isHead(_ head: ByteBuffer, of record: SessionRecord) -> Bool {
        guard head.readableBytes == headLength, deadline(head) == record.expiresAt else { return false }
        return withUnsafeBytes(of: record.stamp.rawValue.littleEndian) { stamp in
            head.readableBytesView.suffix(stamp.count).elementsEqual(stamp)
        }
    }

    static func decode(_ buffer: ByteBuffer, id: SessionID) throws(SessionStoreError) -> SessionRecord {
        try decode(buffer.readableBytesView, id: id)
    }
}
#endif
