#if Redis
import NIOCore
import Sessions

/// A record as it stands in a string: the idle deadline in milliseconds, 16 decimal digits, so that people can read it
/// and scripts compare it as text; behind it the record's encoded bytes.
enum RedisStoredRecord {
    static let deadlineLength = RESPCommand.instantLength

    /// The most bytes of a value that is taken for a record.
    static let maximumLength = 8 << 20

    /// Reads a record.
    /// - Throws: `.corruptRecord` or `.newerFormat`.
    static func decode(_ bytes: some Collection<UInt8>, id: SessionID) throws(SessionStoreError) -> SessionRecord {
        var deadline: Int64 = 0
        let digits = bytes.prefix(deadlineLength)
        for digit in digits {
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { throw corrupt(id) }
            deadline = deadline &* 10 &+ Int64(digit &- UInt8(ascii: "0"))
        }
        guard digits.count == deadlineLength else { throw corrupt(id) }
        return try SessionRecord(
            encoded: Array(bytes.dropFirst(deadlineLength)),
            for: id,
            expiresAt: SessionInstant(millisecondsSince1970: deadline)
        )
    }

    static func decode(_ buffer: ByteBuffer, id: SessionID) throws(SessionStoreError) -> SessionRecord {
        try decode(buffer.readableBytesView, id: id)
    }

    private static func corrupt(_ id: SessionID) -> SessionStoreError {
        SessionStoreError(.corruptRecord, "the value of session \(id) does not begin with a deadline")
    }
}
#endif
