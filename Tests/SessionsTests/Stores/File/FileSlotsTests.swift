import Testing

@testable import Sessions

@Suite("The two slots of a record's file")
struct FileSlotsTests {
    private let id = Sample.id()
    // Different up to the last byte, or a part of a write could complete what was there.
    private let first = Sample.record(stamp: 1, revision: 1, subject: "first")
    private let second = Sample.record(stamp: 2, revision: 2, subject: "second")
    private let third = Sample.record(stamp: 3, revision: 3, subject: "third!")

    private func file() -> [UInt8] {
        FileSlots.file(record: first.encoded(for: id), sequence: 1, expiresAt: first.expiresAt)
    }

    /// The bytes with `record` in a slot, as a write that stopped after `count` bytes leaves them.
    private func writing(
        _ record: SessionRecord,
        sequence: UInt64,
        slot index: Int,
        into bytes: [UInt8],
        upTo count: Int = .max
    ) -> [UInt8] {
        let capacity = bytes.count / 2
        let slot = FileSlots.slot(
            record: record.encoded(for: id),
            sequence: sequence,
            expiresAt: record.expiresAt,
            capacity: capacity
        )
        var bytes = bytes
        for (offset, byte) in slot.prefix(count).enumerated() { bytes[index * capacity + offset] = byte }
        return bytes
    }

    private func stamp(_ bytes: [UInt8], onlyNewest: Bool = false) throws -> UInt64 {
        try FileSlots(bytes).current(for: id, onlyNewest: onlyNewest).record.stamp.rawValue
    }

    private func code(_ bytes: [UInt8], id other: SessionID? = nil) -> SessionStoreError.Code? {
        do throws(SessionStoreError) {
            _ = try FileSlots(bytes).current(for: other ?? id, onlyNewest: false)
            return nil
        } catch {
            return error.code
        }
    }

    @Test("The newest slot counts, whichever it is")
    func newest() throws {
        let one = file()
        #expect(try stamp(one) == 1)
        let two = writing(second, sequence: 2, slot: 1, into: one)
        #expect(try stamp(two) == 2)
        let three = writing(third, sequence: 3, slot: 0, into: two)
        let current = try FileSlots(three).current(for: id, onlyNewest: true)
        #expect(current.record == third)
        #expect(current.index == 0)
        #expect(current.sequence == 3)
    }

    @Test("P1, F3: a write that stops after any byte leaves the commit before it")
    func torn() throws {
        let two = writing(second, sequence: 2, slot: 1, into: file())
        let length = FileSlots.headerByteCount + third.encoded(for: id).count
        for count in 0...length {
            let torn = writing(third, sequence: 3, slot: 0, into: two, upTo: count)
            #expect(try stamp(torn) == (count == length ? 3 : 2), "after \(count) bytes")
        }
    }

    @Test("Without the lock a torn newest slot is not passed over: the writer may be at work")
    func tornWithoutLock() throws {
        let two = writing(second, sequence: 2, slot: 1, into: file())
        let length = FileSlots.headerByteCount + third.encoded(for: id).count
        for count in stride(from: 9, to: length, by: 7) {
            let slots = FileSlots(writing(third, sequence: 3, slot: 0, into: two, upTo: count))
            if slots.isIntact {
                #expect(throws: SessionStoreError.self) { try slots.current(for: id, onlyNewest: true) }
            }
        }
    }

    @Test("P1: no bit that flips gives a record that nobody wrote")
    func bitFlips() throws {
        let bytes = writing(second, sequence: 2, slot: 1, into: file())
        let used = FileSlots.headerByteCount + second.encoded(for: id).count
        let capacity = bytes.count / 2
        for index in Array(0..<used) + Array(capacity..<capacity + used) {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << UInt8(bit)
                do throws(SessionStoreError) {
                    let record = try FileSlots(damaged).current(for: id, onlyNewest: false).record
                    #expect(record == first || record == second, "bit \(bit) of byte \(index)")
                } catch {
                    #expect(error.code == .corruptRecord || error.code == .newerFormat, "bit \(bit) of byte \(index)")
                }
            }
        }
    }

    @Test("P1: a file cut after any byte gives one of its records or is corrupt")
    func truncated() throws {
        let bytes = writing(second, sequence: 2, slot: 1, into: file())
        for count in 0..<bytes.count {
            do throws(SessionStoreError) {
                let record = try FileSlots(Array(bytes.prefix(count))).current(for: id, onlyNewest: false).record
                #expect(record == first || record == second)
                #expect(count >= FileSlots.headerByteCount + 66, "\(count) bytes hold no record")
            } catch {
                #expect(error.code == .corruptRecord)
            }
        }
    }

    @Test("P1: empty, zero and random files are corrupt")
    func garbage() {
        #expect(code([]) == .corruptRecord)
        #expect(code(Array(repeating: 0, count: 2048)) == .corruptRecord)
        #expect(code(Array(repeating: 0xFF, count: 2048)) == .corruptRecord)
        for _ in 0..<2000 {
            var bytes = [UInt8](repeating: 0, count: Int.random(in: 0...4096))
            bytes.withUnsafeMutableBytes { SystemSessionRandom().fill($0) }
            for (offset, byte) in "SWF\u{1}".utf8.enumerated() where offset < bytes.count { bytes[offset] = byte }
            #expect(code(bytes) == .corruptRecord)
        }
    }

    @Test("P6: the bytes of one session under the name of another are corrupt")
    func copied() {
        #expect(code(file(), id: Sample.id()) == .corruptRecord)
    }

    @Test("P2: a layout of a later version is an outage, not corrupt")
    func newerVersion() {
        var bytes = file()
        bytes[3] = 2
        #expect(code(bytes) == .newerFormat)
        bytes[3] = 0
        #expect(code(bytes) == .corruptRecord)
    }

    @Test("A header of one commit does not pass for that of another one's record")
    func mixed() throws {
        // The header of the third commit arrived, its record did not: what is there is the first commit's record.
        let two = writing(second, sequence: 2, slot: 1, into: file())
        let mixed = writing(third, sequence: 3, slot: 0, into: two, upTo: FileSlots.headerByteCount)
        #expect(FileSlots(mixed).slots.0 == .damaged)
        #expect(try stamp(mixed) == 2)
    }

    @Test("Capacities are multiples of 512 with room to grow, and hold what they were made for")
    func capacities() {
        for count in [0, 66, 500, 984, 985, 5000, 65536, FileSlots.maximumRecordByteCount] {
            let capacity = FileSlots.capacity(forRecordOf: count)
            #expect(capacity % 512 == 0)
            #expect(capacity >= FileSlots.headerByteCount + count + count / 4)
            #expect(capacity >= 1024)
        }
    }
}
