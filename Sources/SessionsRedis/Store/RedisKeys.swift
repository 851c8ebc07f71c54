#if Redis
import Sessions

/// The names of keys.
///
/// | key | type | holds |
/// |---|---|---|
/// | `PREFIX:{ID}` | string | a record: the idle deadline in 16 digits, then the record's bytes |
/// | `PREFIX:{ID}:lease` | string | who has the session for itself |
/// | `PREFIX:subject:{SUBJECT}` | sorted set | the subject's sessions, scored by their absolute deadlines |
/// | `PREFIX:subject:{SUBJECT}:added` | hash | when each of them was added, and the `epoch` |
/// | `PREFIX:sweep` | string | there while no round of sweeping is due |
///
/// `ID` and `SUBJECT` are 64 hexadecimal digits. The braces are a Cluster's hash tag: what belongs to one session, or to
/// one subject, is in one slot, and no command or script touches two.
struct RedisKeys: Sendable {
    let prefix: String
    private let recordStart: String
    private let subjectStart: String

    init(prefix: String) {
        self.prefix = prefix
        recordStart = "\(prefix):{"
        subjectStart = "\(prefix):subject:{"
    }

    /// Which of the Cluster's slots what belongs to `id` is in.
    static func slot(of id: SessionID) -> RedisSlot { id.withUnsafeBytes { RedisSlot(hexadecimalDigitsOf: $0) } }

    static func slot(of subject: SubjectID) -> RedisSlot {
        subject.bytes.withUnsafeBytes { RedisSlot(hexadecimalDigitsOf: $0) }
    }

    func appendRecord(_ id: SessionID, to command: inout RESPCommand) {
        command.append(prefix: recordStart, id, suffix: "}")
    }

    func appendLease(_ id: SessionID, to command: inout RESPCommand) {
        command.append(prefix: recordStart, id, suffix: "}:lease")
    }

    func appendSubject(_ subject: SubjectID, to command: inout RESPCommand) {
        command.append("\(subjectStart)\(subject)}")
    }

    func appendSubjectAdditions(_ subject: SubjectID, to command: inout RESPCommand) {
        command.append("\(subjectStart)\(subject)}:added")
    }

    var sweep: String { "\(prefix):sweep" }

    /// What matches every record's key and, as to our keys, nothing else.
    var recordPattern: String { "\(Self.escaped(recordStart))*}" }

    /// What matches every subject's sorted set and, as to our keys, nothing else.
    var subjectPattern: String { "\(Self.escaped(subjectStart))*}" }

    /// The session of a record's key; `nil` for every other key.
    func sessionID(inRecordKey key: some Collection<UInt8>) -> SessionID? {
        // For each message to the near cache, so without a text in between.
        guard let digits = digits(in: key, after: recordStart) else { return nil }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { bytes in
            var position = digits.startIndex
            for index in bytes.indices {
                let second = digits.index(after: position)
                guard let high = Self.value(ofDigit: digits[position]), let low = Self.value(ofDigit: digits[second])
                else { return nil }
                bytes[index] = high << 4 | low
                position = digits.index(after: second)
            }
            return SessionID(bytes: bytes)
        }
    }

    /// The subject of a sorted set's key; `nil` for every other key.
    func subjectID(inSubjectKey key: some Collection<UInt8>) -> SubjectID? {
        digits(in: key, after: subjectStart).flatMap { SubjectID(String(decoding: $0, as: UTF8.self)) }
    }

    /// What looks like 64 digits between `start` and the brace that closes the hash tag.
    private func digits<Key: Collection<UInt8>>(in key: Key, after start: String) -> Key.SubSequence? {
        guard key.count == start.utf8.count + 65, key.starts(with: start.utf8) else { return nil }
        let rest = key.dropFirst(start.utf8.count)
        guard rest.dropFirst(64).first == UInt8(ascii: "}") else { return nil }
        return rest.prefix(64)
    }

    private static func value(ofDigit digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// A prefix may have characters that mean something in a pattern.
    private static func escaped(_ text: String) -> String {
        String(text.flatMap { "*?[]\\^-".contains($0) ? ["\\", $0] : [$0] })
    }
}

/// One of a Cluster's 16384 slots.
struct RedisSlot: Hashable, Sendable {
    static let count = 16_384

    let number: UInt16

    /// The slot of a hash tag that consists of the hexadecimal digits of `bytes`: CRC-16/XMODEM modulo 16384, as the
    /// Redis Cluster specification has it.
    init(hexadecimalDigitsOf bytes: UnsafeRawBufferPointer) {
        var crc: UInt16 = 0
        for byte in bytes {
            crc = Self.step(crc, Self.digit(byte >> 4))
            crc = Self.step(crc, Self.digit(byte & 15))
        }
        number = crc % UInt16(Self.count)
    }

    /// The slot of a key without a hash tag.
    init(hashing key: String) {
        number = key.utf8.reduce(0, Self.step) % UInt16(Self.count)
    }

    init(number: UInt16) {
        self.number = number
    }

    private static func step(_ crc: UInt16, _ byte: UInt8) -> UInt16 {
        crc << 8 ^ table[Int(UInt8(truncatingIfNeeded: crc >> 8) ^ byte)]
    }

    private static func digit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }

    private static let table: [UInt16] = (0..<256).map { index in
        var crc = UInt16(index) << 8
        for _ in 0..<8 { crc = crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
        return crc
    }
}
#endif
