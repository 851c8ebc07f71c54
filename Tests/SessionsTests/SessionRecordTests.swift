import Testing

@testable import Sessions

@Suite struct SessionRecordTests {
    private let id = GoldenRecords.id
    private let time = GoldenRecords.time

    private func decode(_ bytes: [UInt8], id: SessionID? = nil) throws(SessionStoreError) -> SessionRecord {
        try SessionRecord(encoded: bytes, for: id ?? self.id, expiresAt: .distantFuture)
    }

    /// The code that decoding fails with, or `nil` if it does not.
    private func failure(_ bytes: [UInt8], id: SessionID? = nil) -> SessionStoreError.Code? {
        do throws(SessionStoreError) {
            _ = try decode(bytes, id: id)
            return nil
        } catch {
            return error.code
        }
    }

    /// `body` with another byte at `offset`, under a checksum that is right.
    private func resealed(_ body: [UInt8], _ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var body = body
        change(&body)
        body.replaceSubrange(
            SessionRecord.Offset.checksum..<SessionRecord.Offset.stamp,
            with: repeatElement(0, count: 8)
        )
        return SessionRecord(body: body, expiresAt: time).encoded(for: id)
    }

    // MARK: The format

    @Test("golden: a session with everything in it has exactly these bytes")
    func fullSession() throws {
        var values = SessionValues(now: time)
        try values.set(3, for: "visits")
        try values.set("Zoë", for: "name")
        try values.set(["text": "saved"], for: "notice", lifetime: .seconds(300))
        let record = SessionRecord(
            stamp: SessionStamp(rawValue: 0x1122_3344_5566_7788),
            revision: 7,
            createdAt: time,
            authenticatedAt: time + .seconds(1),
            renewedAt: time + .seconds(2),
            absoluteDeadline: time + .seconds(1 + 24 * 3600),
            idleTimeout: .seconds(3600),
            expiresAt: time + .seconds(3600),
            kind: .session(predecessor: GoldenRecords.link),
            subject: "ada",
            labels: SessionLabels(client: "Firefox on Linux", addressClass: "private"),
            values: values
        )
        #expect(record.encoded(for: id) == GoldenRecords.session)

        let decoded = try decode(GoldenRecords.session)
        #expect(decoded.stamp.rawValue == 0x1122_3344_5566_7788)
        #expect(decoded.revision == 7)
        #expect(decoded.createdAt == time)
        #expect(decoded.authenticatedAt == time + .seconds(1))
        #expect(decoded.renewedAt == time + .seconds(2))
        #expect(decoded.absoluteDeadline == time + .seconds(1 + 24 * 3600))
        #expect(decoded.idleTimeout == .seconds(3600))
        #expect(decoded.kind == .session(predecessor: GoldenRecords.link))
        #expect(!decoded.isForwarder)
        #expect(decoded.subject == "ada")
        #expect(decoded.labels == SessionLabels(client: "Firefox on Linux", addressClass: "private"))
        let read = decoded.values(at: time)
        #expect(read.keys == ["visits", "name", "notice"])
        #expect(read["visits"] == 3)
        #expect(read["name"] == "Zoë")
        #expect(read["notice"] == ["text": "saved"])
        #expect(decoded.values(at: time + .seconds(300)).keys == ["visits", "name"])
    }

    @Test("golden: a stranger's session has exactly these bytes")
    func anonymousSession() throws {
        var values = SessionValues(now: time)
        try values.set(-1, for: "n")
        let record = SessionRecord(
            stamp: SessionStamp(rawValue: 1),
            revision: 1,
            createdAt: time,
            absoluteDeadline: time + .seconds(24 * 3600),
            idleTimeout: .seconds(3600),
            expiresAt: time + .seconds(3600),
            values: values
        )
        #expect(record.encoded(for: id) == GoldenRecords.anonymous)
        let decoded = try decode(GoldenRecords.anonymous)
        #expect(decoded.subject == nil)
        #expect(decoded.authenticatedAt == nil)
        #expect(decoded.renewedAt == time)
        #expect(decoded.labels == SessionLabels())
        #expect(decoded.kind == .session(predecessor: nil))
        #expect(decoded.values(at: time)["n"] == -1)
    }

    @Test("golden: forwarders with and without a nonce have exactly these bytes", arguments: [false, true])
    func forwarders(isRotation: Bool) throws {
        let nonce = isRotation ? GoldenRecords.nonce : nil
        let golden = isRotation ? GoldenRecords.rotated : GoldenRecords.forwarder
        let record = SessionRecord(
            stamp: SessionStamp(rawValue: isRotation ? 3 : 2),
            revision: isRotation ? 9 : 8,
            createdAt: time,
            absoluteDeadline: time + .seconds(60),
            idleTimeout: .seconds(60),
            expiresAt: time + .seconds(60),
            kind: .forwarder(successor: GoldenRecords.link, nonce: nonce),
            values: SessionValues(now: time)
        )
        #expect(record.encoded(for: id) == golden)
        let decoded = try decode(golden)
        #expect(decoded.isForwarder)
        #expect(decoded.kind == .forwarder(successor: GoldenRecords.link, nonce: nonce))
        #expect(decoded.predecessor == nil)
        #expect(decoded.values(at: time).isEmpty)
    }

    @Test("what was decoded encodes to the same bytes", arguments: GoldenRecords.all.map(\.bytes))
    func roundTrip(bytes: [UInt8]) throws {
        #expect(try decode(bytes).encoded(for: id) == bytes)
    }

    @Test("the stamp stands where stores look for it")
    func stampRange() throws {
        let stamp = GoldenRecords.session[SessionRecord.stampByteRange]
        #expect(Array(stamp) == [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11])
        #expect(GoldenRecords.session[3] == SessionRecord.formatVersion)
    }

    @Test("the fields at their longest come back whole")
    func longestFields() throws {
        let subject = String(repeating: "s", count: SessionRecord.maximumSubjectByteCount)
        let labels = SessionLabels(
            client: String(repeating: "c", count: SessionLabels.maximumByteCount),
            addressClass: String(repeating: "a", count: SessionLabels.maximumByteCount)
        )
        var values = SessionValues(now: time, limits: SessionLimits(bytesPerValue: 300_000, bytesPerSession: 400_000))
        try values.set(
            String(repeating: "v", count: 262_144),
            for: SessionKey<String>(String(repeating: "k", count: 255))
        )
        let record = SessionRecord(
            stamp: SessionStamp(rawValue: .max),
            revision: .max,
            createdAt: .distantPast,
            authenticatedAt: .distantFuture,
            renewedAt: .distantFuture,
            absoluteDeadline: .distantFuture,
            idleTimeout: .milliseconds(Int64.max),
            expiresAt: .distantFuture,
            subject: subject,
            labels: labels,
            values: values
        )
        let decoded = try decode(record.encoded(for: id))
        #expect(decoded == record)
        #expect(decoded.subject == subject)
        #expect(decoded.labels == labels)
        #expect(decoded.revision == .max)
        #expect(decoded.idleTimeout == .milliseconds(Int64.max))
        #expect(decoded.values(at: time) == values)
        #expect(decoded.lastSeenAt >= decoded.createdAt)
    }

    @Test("the idle deadline never outlives the absolute one, whatever a store says")
    func earlierDeadlineWins() throws {
        let decoded = try decode(GoldenRecords.session)
        #expect(decoded.expiresAt == decoded.absoluteDeadline)
        let early = try SessionRecord(encoded: GoldenRecords.session, for: id, expiresAt: time + .seconds(5))
        #expect(early.expiresAt == time + .seconds(5))
        #expect(early.isLive(at: time))
        #expect(!early.isLive(at: time + .seconds(5)))
    }

    @Test("a value past its lifetime is not written again")
    func expiredValuesAreDropped() throws {
        var values = try decode(GoldenRecords.session).values(at: time)
        values.now = time + .seconds(300)
        let record = SessionRecord(
            stamp: SessionStamp(rawValue: 1),
            revision: 8,
            createdAt: time,
            absoluteDeadline: time + .seconds(86_400),
            idleTimeout: .seconds(3600),
            expiresAt: time + .seconds(3900),
            values: values
        )
        #expect(record.values(at: time).keys == ["visits", "name"])
    }

    // MARK: Damage

    @Test("P1: a record cut at any byte is corrupt", arguments: GoldenRecords.all.map(\.bytes))
    func truncated(bytes: [UInt8]) {
        for count in bytes.indices {
            #expect(failure(Array(bytes.prefix(count))) == .corruptRecord, "\(count) bytes")
        }
        #expect(failure(bytes + [0]) == .corruptRecord)
    }

    @Test("P1: a record with any one bit flipped is not believed", arguments: GoldenRecords.all.map(\.bytes))
    func bitFlips(bytes: [UInt8]) {
        for position in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[position] ^= 1 << UInt8(bit)
                // A flipped version byte may look like a later format, which is an outage and loses nothing either.
                let isNewer =
                    position == SessionRecord.Offset.version && damaged[position] > SessionRecord.formatVersion
                #expect(
                    failure(damaged) == (isNewer ? .newerFormat : .corruptRecord),
                    "bit \(bit) of byte \(position)"
                )
            }
        }
    }

    @Test("P1: zeros and random bytes are corrupt, with and without a good header")
    func noise() {
        var random = SplitMix(state: 7)
        for count in [0, 1, 3, 4, 12, 73, 74, 75, 512, 4096] {
            #expect(failure([UInt8](repeating: 0, count: count)) == .corruptRecord)
            #expect(failure([UInt8](repeating: 255, count: count)) == .corruptRecord)
        }
        for _ in 0..<20_000 {
            var bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            if bytes.starts(with: SessionRecord.magic) { bytes[0] = 0 }
            #expect(failure(bytes) == .corruptRecord)
            let header = SessionRecord.magic + [SessionRecord.formatVersion]
            #expect(failure(header + bytes) == .corruptRecord)
        }
    }

    @Test("P1: a structure that makes no sense is corrupt under a checksum that is right")
    func malformedStructure() throws {
        let session = try decode(GoldenRecords.session).body
        let forwarder = try decode(GoldenRecords.forwarder).body
        typealias Offset = SessionRecord.Offset
        typealias Flag = SessionRecord.Flag
        #expect(failure(resealed(session) { _ in }) == nil)
        #expect(failure(resealed(session) { $0[Offset.flags] |= 32 }) == .corruptRecord)
        #expect(failure(resealed(session) { $0[Offset.flags] |= Flag.nonce }) == .corruptRecord)
        #expect(failure(resealed(session) { $0[Offset.reserved] = 1 }) == .corruptRecord)
        #expect(failure(resealed(session) { $0[Offset.subjectLength + 1] = 255 }) == .corruptRecord)
        #expect(failure(resealed(session) { $0[Offset.clientLength] = 255 }) == .corruptRecord)
        #expect(failure(resealed(session) { $0 += [1, 0, 0] }) == .corruptRecord)
        #expect(failure(resealed(session) { $0 += [0, 1, 0, 0, 0, 0, 0] }) == .corruptRecord)
        #expect(failure(resealed(session) { $0 += [1, 255, 255, 255, 255, 0, 0, 65] }) == .corruptRecord)
        #expect(failure(resealed(session) { $0 += [1, 1, 0, 0, 0, 2, 0, 65, 49] }) == .corruptRecord)
        #expect(failure(resealed(session) { $0 += [1, 1, 0, 0, 0, 0, 1, 65, 49] }) == .corruptRecord)
        #expect(failure(resealed(session) { $0 += [1, 1, 0, 0, 0, 1, 0, 65, 49] }) == .corruptRecord)
        #expect(failure(resealed(forwarder) { $0[Offset.flags] = Flag.forwarder }) == .corruptRecord)
        #expect(failure(resealed(forwarder) { $0[Offset.flags] |= Flag.nonce }) == .corruptRecord)
    }

    @Test("P1: hostile numbers under a checksum that is right never trap")
    func hostileNumbers() throws {
        let session = try decode(GoldenRecords.session).body
        for offset in stride(from: SessionRecord.Offset.revision, to: SessionRecord.Offset.flags, by: 8) {
            for byte in [0x00, 0x7F, 0x80, 0xFF] as [UInt8] {
                let record = try decode(
                    resealed(session) { $0.replaceSubrange(offset..<offset + 8, with: repeatElement(byte, count: 8)) }
                )
                #expect(record.lastSeenAt >= record.createdAt)
                #expect(record.expiresAt <= record.absoluteDeadline)
                #expect(record.values(at: record.createdAt).keys.starts(with: ["visits", "name"]))
            }
        }
    }

    @Test("P2: version 0 is corrupt, a newer one is an outage and not the end of the session")
    func versions() {
        for (version, code) in [(0, .corruptRecord), (2, .newerFormat), (255, .newerFormat)]
            as [(UInt8, SessionStoreError.Code)]
        {
            var bytes = GoldenRecords.session
            bytes[SessionRecord.Offset.version] = version
            #expect(failure(bytes) == code)
            // What a later version writes may be shorter or longer than anything this one knows.
            if version > SessionRecord.formatVersion { #expect(failure(Array(bytes.prefix(4))) == .newerFormat) }
        }
    }

    @Test("P6: a record under another id is corrupt", arguments: GoldenRecords.all.map(\.bytes))
    func copiedToAnotherID(bytes: [UInt8]) throws {
        for position in 0..<32 {
            var other = id.bytes
            other[position] ^= 1
            let otherID = try #require(SessionID(bytes: other))
            #expect(failure(bytes, id: otherID) == .corruptRecord)
        }
    }

    @Test("errors about damaged records name the id and show none of the bytes")
    func errorsShowNothing() {
        do throws(SessionStoreError) {
            _ = try decode(GoldenRecords.session.dropLast())
            Issue.record("a truncated record was decoded")
        } catch {
            #expect(error.message.contains(id.description))
            #expect(!error.message.contains("ada"))
            #expect(!"\(error)".contains("Zoë"))
        }
    }

    @Test("a record shows neither its values nor its subject")
    func descriptionIsRedacted() throws {
        let record = try decode(GoldenRecords.session)
        var dumped = ""
        dump(record, to: &dumped)
        for text in ["\(record)", String(reflecting: record), dumped, "\(record.values(at: time))"] {
            #expect(!text.contains("ada") && !text.contains("Zoë") && !text.contains("Firefox"))
        }
    }
}
