/// The two slots of a record's file: how they are laid out, which one counts, and what the next write looks like.
///
/// A file is two slots of equal capacity, one after the other. A commit overwrites the slot that does not count, with
/// a higher sequence number, so that whatever interrupts it leaves the slot that counts as it is. All numbers are
/// little-endian:
///
/// | bytes  | content |
/// |--------|---------|
/// | 0..<3  | `SWF` |
/// | 3      | version of this layout, 1 |
/// | 4..<8  | capacity of each slot |
/// | 8..<16 | sequence number, 1 for the first commit |
/// | 16..<24 | idle deadline in milliseconds since 1970 |
/// | 24..<28 | length of the record |
/// | 28..<32 | zero |
/// | 32..<40 | checksum (64-bit FNV-1a) of bytes 0..<32 and of the record's first 20 bytes |
/// | 40...  | the record, as `SessionRecord.encoded(for:)` gives it |
///
/// The record's own checksum, over its bytes and its id, is among the 20 bytes that the slot's checksum covers. So a
/// header of one commit never passes for that of another one's record, and a file under another record's name is
/// damaged, not somebody else's session.
struct FileSlots {
    /// The bytes before the record in each slot.
    static let headerByteCount = 40
    /// What a slot's capacity is a multiple of.
    static let granularity = 512
    /// The smallest capacity: a file of two such slots still takes one block of a common file system.
    static let minimumCapacity = 1024
    /// The largest record: 16 MiB.
    ///
    /// Far above any sensible session, so that damaged lengths cannot ask for gigabytes.
    static let maximumRecordByteCount = 16 << 20
    /// The largest file.
    static var maximumFileByteCount: Int { 2 * capacity(forRecordOf: maximumRecordByteCount) }

    private static let magic: [UInt8] = Array("SWF".utf8)
    private static let version: UInt8 = 1
    private static let checkedRecordByteCount = 20

    /// One slot as it was found.
    enum Slot: Equatable {
        /// Never written: zero.
        case empty
        /// A header that is right; whether the record is shows when it is decoded.
        case written(sequence: UInt64, expiresAt: SessionInstant, record: Range<Int>)
        /// Interrupted, or being written right now.
        case damaged
        /// Written by a later version of the library.
        case newer

        var sequence: UInt64? {
            if case .written(let sequence, _, _) = self { sequence } else { nil }
        }
    }

    /// The commit that counts.
    struct Current {
        var record: SessionRecord
        var sequence: UInt64
        /// Which slot it is in, 0 or 1.
        var index: Int
        /// Where the encoded record is in the file.
        var range: Range<Int>
    }

    let bytes: [UInt8]
    let capacity: Int
    let slots: (Slot, Slot)

    /// Looks at the bytes of a whole file.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        // The first slot says how large it is; if it cannot, half of the file must be right.
        let first = Self.slot(at: 0, in: bytes)
        let declared: Int? = if case .written = first { Int(Self.load32(bytes, 4)) } else { nil }
        let capacity = declared ?? bytes.count / 2
        self.capacity = capacity
        slots = (
            Self.checked(first, at: 0, capacity: capacity),
            Self.checked(Self.slot(at: capacity, in: bytes), at: capacity, capacity: capacity)
        )
    }

    /// Whether nothing was interrupted, so far as the headers show.
    var isIntact: Bool { slots.0 != .damaged && slots.1 != .damaged }

    /// The newest slot whose record is right.
    ///
    /// Reading without the lock may catch a writer half way. Then the newest slot looks damaged, and only a second
    /// look under the lock tells a writer at work from one that was interrupted: `onlyNewest` refuses to fall back.
    /// - Throws: `.corruptRecord` if there is none, `.newerFormat` if a later version of the library wrote here.
    func current(for id: SessionID, onlyNewest: Bool) throws(SessionStoreError) -> Current {
        if slots.0 == .newer || slots.1 == .newer {
            throw SessionStoreError(
                .newerFormat,
                "the file of session \(id) was written by a later version of the file store"
            )
        }
        let firstIsNewest = (slots.0.sequence ?? 0) >= (slots.1.sequence ?? 0)
        do throws(SessionStoreError) {
            return try decode(firstIsNewest ? 0 : 1, for: id)
        } catch {
            guard !onlyNewest, error.code == .corruptRecord else { throw error }
            return try decode(firstIsNewest ? 1 : 0, for: id)
        }
    }

    private func decode(_ index: Int, for id: SessionID) throws(SessionStoreError) -> Current {
        guard case .written(let sequence, let expiresAt, let range) = index == 0 ? slots.0 : slots.1 else {
            throw SessionStoreError(.corruptRecord, "the file of session \(id) has no readable record")
        }
        let record = try SessionRecord(encoded: Array(bytes[range]), for: id, expiresAt: expiresAt)
        return Current(record: record, sequence: sequence, index: index, range: range)
    }

    // MARK: Writing

    /// The capacity for a record of so many bytes, with a quarter to grow.
    static func capacity(forRecordOf count: Int) -> Int {
        let wanted = headerByteCount + count + count / 4
        return max(minimumCapacity, (wanted + granularity - 1) / granularity * granularity)
    }

    /// The bytes of one slot: header and record, without the unused rest.
    static func slot(
        record: some Collection<UInt8>,
        sequence: UInt64,
        expiresAt: SessionInstant,
        capacity: Int
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerByteCount + record.count)
        bytes += magic
        bytes.append(version)
        bytes.append(littleEndian: UInt32(capacity))
        bytes.append(littleEndian: sequence)
        bytes.append(littleEndian: expiresAt.millisecondsSince1970)
        bytes.append(littleEndian: UInt32(record.count))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt64(0))
        bytes += record
        let checksum = checksum(ofSlotAt: 0, in: bytes)
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: checksum.littleEndian, toByteOffset: 32, as: UInt64.self) }
        return bytes
    }

    /// The bytes of a whole new file: the record in the first slot, the second one empty.
    ///
    /// All of it is written, so that the device has given the space for every later commit that fits.
    static func file(
        record: [UInt8],
        sequence: UInt64,
        expiresAt: SessionInstant
    ) -> [UInt8] {
        let capacity = capacity(forRecordOf: record.count)
        var bytes = slot(record: record, sequence: sequence, expiresAt: expiresAt, capacity: capacity)
        bytes += repeatElement(0, count: 2 * capacity - bytes.count)
        return bytes
    }

    /// What makes a slot empty.
    static var emptyHeader: [UInt8] { Array(repeating: 0, count: headerByteCount) }

    // MARK: Reading

    private static func slot(at offset: Int, in bytes: [UInt8]) -> Slot {
        guard offset >= 0, offset + headerByteCount <= bytes.count else { return .damaged }
        let header = bytes[offset..<offset + headerByteCount]
        if header.allSatisfy({ $0 == 0 }) { return .empty }
        guard header.starts(with: magic) else { return .damaged }
        guard bytes[offset + 3] == version else { return bytes[offset + 3] > version ? .newer : .damaged }
        guard offset + headerByteCount + checkedRecordByteCount <= bytes.count,
            load64(bytes, offset + 32) == checksum(ofSlotAt: offset, in: bytes)
        else { return .damaged }
        let length = Int(load32(bytes, offset + 24))
        let start = offset + headerByteCount
        guard length <= bytes.count - start else { return .damaged }
        return .written(
            sequence: load64(bytes, offset + 8),
            expiresAt: SessionInstant(millisecondsSince1970: Int64(bitPattern: load64(bytes, offset + 16))),
            record: start..<start + length
        )
    }

    /// A written slot must lie within its own capacity, and both must agree on it.
    private static func checked(_ slot: Slot, at offset: Int, capacity: Int) -> Slot {
        guard case .written(_, _, let record) = slot else { return slot }
        return record.upperBound <= offset + capacity ? slot : .damaged
    }

    private static func checksum(ofSlotAt offset: Int, in bytes: [UInt8]) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        bytes.withUnsafeBufferPointer { buffer in
            func add(_ range: Range<Int>) {
                for index in range where index < buffer.count {
                    hash = (hash ^ UInt64(buffer[index])) &* 0x100_0000_01B3
                }
            }
            add(offset..<offset + 32)
            add(offset + headerByteCount..<offset + headerByteCount + checkedRecordByteCount)
        }
        return hash
    }

    private static func load32(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
    }

    private static func load64(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
        bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }
}
