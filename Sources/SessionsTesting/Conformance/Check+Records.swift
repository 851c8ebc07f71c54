import Sessions

extension SessionStoreConformance.Check {
    static let records: [Self] = [
        roundTrip, insertNeverOverwrites, updateNeedsStamp, updateOfMissing, deleteNeedsStamp, touchKeepsBody, payloads,
        hostileIDs,
    ]

    private static let roundTrip = Self("A record comes back as it was stored") { context in
        let missing = context.makeID()
        context.expect(try await context.load(missing), is: nil, "an id that was never used has no record")
        let successor = context.makeID()
        let kinds: [SessionRecord.Kind] = [
            .session(predecessor: nil), .session(predecessor: context.makeID()),
            .forwarder(successor: successor, nonce: nil),
        ]
        for kind in kinds {
            let record = context.makeRecord(
                text: "value",
                kind: kind,
                subject: "subject \u{1F600}",
                labels: SessionLabels(client: "Browser on System", addressClass: "private")
            )
            let id = try await context.insert(record)
            let loaded = try await context.load(id)
            context.expect(loaded, is: record, "the loaded record equals the stored one")
            context.expect(loaded?.kind, is: kind, "a record keeps its kind")
        }
    }

    private static let insertNeverOverwrites = Self("An insert never overwrites") { context in
        let first = context.makeRecord(text: "first")
        let id = try await context.insert(first)
        let outcome = try await context.store.insert(context.makeRecord(text: "second"), id: id)
        context.expect(outcome, is: .exists, "an insert under a used id says .exists")
        context.expect(try await context.load(id), is: first, "the record under a used id stays")

        context.expect(
            try await context.store.delete(id, ifStamp: first.stamp, now: context.now),
            is: .deleted,
            "a record can be deleted"
        )
        let again = context.makeRecord(text: "again")
        context.expect(
            try await context.store.insert(again, id: id),
            is: .inserted,
            "an id is free again after its record was deleted"
        )
        context.expect(try await context.load(id), is: again, "the record inserted after a delete is there")

        for _ in 0..<20 {
            let id = context.makeID()
            let records = (0..<8).map { context.makeRecord(text: "\($0)") }
            let outcomes = try await SessionStoreConformance.concurrently(8) { index in
                try await context.store.insert(records[index], id: id)
            }
            let winners = outcomes.indices.filter { outcomes[$0] == .inserted }
            context.expect(winners.count, is: 1, "of 8 inserts at once under one id exactly one wins")
            let loaded = try await context.load(id)
            context.expect(loaded, is: winners.first.map { records[$0] }, "the insert that won is the one stored")
        }
    }

    private static let updateNeedsStamp = Self("An update needs the stored stamp") { context in
        let first = context.makeRecord(text: "first")
        let id = try await context.insert(first)
        let second = context.makeUpdate(of: first, text: "second", livesFor: .seconds(7200))
        context.expect(
            try await context.store.update(second, id: id, ifStamp: first.stamp, now: context.now),
            is: .updated,
            "an update with the stored stamp succeeds"
        )
        context.expect(try await context.load(id), is: second, "an update replaces the record, idle deadline included")
        let late = context.makeUpdate(of: first, text: "late")
        context.expect(
            try await context.store.update(late, id: id, ifStamp: first.stamp, now: context.now),
            is: .conflict(second),
            "an update with an old stamp conflicts and gives the record as it is now"
        )
        context.expect(try await context.load(id), is: second, "an update that conflicts writes nothing")
        let shorter = context.makeUpdate(of: second, text: "third", livesFor: .seconds(60))
        context.expect(
            try await context.store.update(shorter, id: id, ifStamp: second.stamp, now: context.now),
            is: .updated,
            "an update may bring an earlier idle deadline"
        )
        context.expect(try await context.load(id), is: shorter, "an update may bring an earlier idle deadline")
    }

    private static let updateOfMissing = Self("An update never brings an ended session back") { context in
        let record = context.makeRecord(text: "never stored")
        let unknown = context.makeID()
        context.expect(
            try await context.store.update(record, id: unknown, ifStamp: record.stamp, now: context.now),
            is: .missing,
            "an update under an unknown id says .missing"
        )
        context.expect(try await context.load(unknown), is: nil, "an update under an unknown id stores nothing")

        let ended = context.makeRecord()
        let id = try await context.insert(ended)
        _ = try await context.store.delete(id, ifStamp: ended.stamp, now: context.now)
        context.expect(
            try await context.store.update(
                context.makeUpdate(of: ended, text: "late"),
                id: id,
                ifStamp: ended.stamp,
                now: context.now
            ),
            is: .missing,
            "an update of an ended session says .missing"
        )
        context.expect(
            try await context.store.touch(
                id,
                ifStamp: ended.stamp,
                expiresAt: context.now + .seconds(7200),
                now: context.now
            ),
            is: false,
            "a touch of an ended session says false"
        )
        context.expect(try await context.load(id), is: nil, "a late update or touch does not undo a logout")
    }

    private static let deleteNeedsStamp = Self("A delete needs the stored stamp") { context in
        let record = context.makeRecord(text: "here")
        let id = try await context.insert(record)
        context.expect(
            try await context.store.delete(id, ifStamp: context.makeStamp(), now: context.now),
            is: .conflict(record),
            "a delete with another stamp conflicts and gives the record as it is now"
        )
        context.expect(try await context.load(id), is: record, "a delete that conflicts deletes nothing")
        context.expect(
            try await context.store.delete(id, ifStamp: record.stamp, now: context.now),
            is: .deleted,
            "a delete with the stored stamp succeeds"
        )
        context.expect(try await context.load(id), is: nil, "a deleted record is gone")
        for _ in 0..<2 {
            context.expect(
                try await context.store.delete(id, ifStamp: record.stamp, now: context.now),
                is: .missing,
                "deleting twice is .missing and no error"
            )
        }
    }

    private static let touchKeepsBody = Self("A touch moves the idle deadline later and nothing else") { context in
        let record = context.makeRecord(text: "body", livesFor: .seconds(600))
        let id = try await context.insert(record)
        func touch(_ seconds: Int, ifStamp stamp: SessionStamp) async throws -> Bool {
            try await context.store.touch(
                id,
                ifStamp: stamp,
                expiresAt: context.now + .seconds(seconds),
                now: context.now
            )
        }
        context.expect(
            try await touch(1200, ifStamp: context.makeStamp()),
            is: false,
            "another stamp's touch says false"
        )
        context.expect(try await context.load(id), is: record, "a touch with another stamp changes nothing")
        var expected = record
        expected.expiresAt = context.now + .seconds(1200)
        context.expect(
            try await touch(1200, ifStamp: record.stamp),
            is: true,
            "a touch with the stored stamp says true"
        )
        context.expect(try await context.load(id), is: expected, "a touch moves the idle deadline and keeps the body")
        context.expect(
            try await touch(300, ifStamp: record.stamp),
            is: true,
            "a touch to an earlier deadline says true"
        )
        context.expect(try await context.load(id), is: expected, "a touch never moves the idle deadline earlier")
        context.expect(try await touch(1200, ifStamp: record.stamp), is: true, "a touch to the same deadline says true")
        context.expect(try await context.load(id), is: expected, "a touch to the same deadline changes nothing")
        _ = try await touch(1_000_000, ifStamp: record.stamp)
        let latest = try await context.load(id)?.expiresAt
        context.expect(
            latest.map { $0 <= record.absoluteDeadline } ?? false,
            "no touch moves the idle deadline past the absolute one"
        )
        let update = context.makeUpdate(of: record, text: "after touches")
        context.expect(
            try await context.store.update(update, id: id, ifStamp: record.stamp, now: context.now),
            is: .updated,
            "a touch leaves the stamp as it is"
        )
    }

    private static let payloads = Self("Any bytes and 64 KiB come back, growing and shrinking") { context in
        let everyByte = String(String.UnicodeScalarView((0...0xFF).compactMap { Unicode.Scalar(UInt32($0)) }))
        let texts = [
            "", everyByte, "\r\n'\"\\;%00\0--<>${}", String(repeating: "\u{1F600}", count: 1000),
            String(repeating: "x", count: 64 * 1024), "short again", String(repeating: everyByte, count: 100), "",
        ]
        // Stamps are bytes as well: zeros, ones, and what quoting and line protocols stumble over.
        let stamps: [UInt64] = [0, .max, 0x0A0D_275C_2200_3B25, 1, 1 << 63, 0xFF00_FF00_FF00_FF00, 0x2424, 10]
        var stored = context.makeRecord(text: "start")
        let id = try await context.insert(stored)
        for (text, stamp) in zip(texts, stamps) {
            let fresh = context.makeRecord(text: text, stamp: SessionStamp(rawValue: stamp))
            let freshID = try await context.insert(fresh)
            context.expect(
                try await context.load(freshID) == fresh,
                "a record with a value of \(text.utf8.count) bytes comes back as it was inserted"
            )
            let outcome = try await context.store.update(fresh, id: id, ifStamp: stored.stamp, now: context.now)
            context.expect(outcome, is: .updated, "a value can grow and shrink to \(text.utf8.count) bytes")
            context.expect(
                try await context.load(id) == fresh,
                "a record with a value of \(text.utf8.count) bytes comes back as it was updated"
            )
            stored = fresh
        }
    }

    private static let hostileIDs = Self("Ids of any bytes are told apart") { context in
        var patterns: [[UInt8]] = [
            Array(repeating: 0, count: 32), Array(repeating: 0xFF, count: 32), Array(repeating: 0x2F, count: 32),
            Array("../../../../../../../etc/passwd\0".utf8), Array("'; DROP TABLE sessions; --\r\n\0\"\\%".utf8),
            Array("*?[a-z]{tag}:key\r\nDEL x\r\n$-1\r\n\0\0".utf8),
        ]
        // The same but for one byte: the first, one in the middle, the last.
        for position in [0, 1, 8, 15, 16, 31] {
            var bytes = [UInt8](repeating: 0x41, count: 32)
            patterns.append(bytes)
            bytes[position] = 0x61
            patterns.append(bytes)
        }
        let ids = Set(patterns.map { SessionID(bytes: $0.prefix(32)) }).compactMap { $0 }
        for id in ids { try await context.clear(id) }
        var stored: [SessionID: SessionRecord] = [:]
        for id in ids {
            let record = context.makeRecord(text: id.description)
            stored[id] = record
            context.expect(try await context.store.insert(record, id: id), is: .inserted, "any 32 bytes are an id")
        }
        for (id, record) in stored {
            context.expect(try await context.load(id), is: record, "each id has its own record")
        }
        for (id, record) in stored {
            context.expect(
                try await context.store.delete(id, ifStamp: record.stamp, now: context.now),
                is: .deleted,
                "deleting the record of one id leaves the others"
            )
            context.expect(try await context.load(id), is: nil, "a deleted record is gone, whatever its id")
        }
    }
}
