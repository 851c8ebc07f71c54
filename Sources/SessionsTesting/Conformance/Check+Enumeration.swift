import Sessions

extension SessionStoreConformance.Check {
    static let enumeration: [Self] = [countsAndLists, listsUnderChange, refusesForeignCursors]

    private static let countsAndLists = Self("Count and pages show every live record") { context in
        guard let store = context.store as? any EnumerableSessionStore else { return }
        let before = try await store.count(now: context.now)
        // More than a page of one may have, so that a store that does not heed the limit is seen.
        let count = SessionStoreConformance.Context.pageTolerance + 50
        var records: [SessionID: SessionRecord] = [:]
        for number in 0..<count {
            let record =
                number == 0 ? context.makeForwarder(to: context.makeID()) : context.makeRecord(text: "\(number)")
            records[try await context.insert(record)] = record
        }
        context.expect(try await store.count(now: context.now), is: before + count, "every live record is counted")
        for limit in [1, 7, 1000] {
            let listed = try await context.list(store, limit: limit)
            context.expect(
                Set(listed.map(\.id)).intersection(records.keys).count,
                is: count,
                "every live record is listed, with pages of \(limit)"
            )
            for entry in listed {
                context.expect(entry.record, is: records[entry.id] ?? entry.record, "a listed record is the stored one")
            }
        }

        if let (id, record) = records.first(where: { !$0.value.isForwarder }) {
            _ = try await store.delete(id, ifStamp: record.stamp, now: context.now)
            context.expect(
                try await store.count(now: context.now),
                is: before + count - 1,
                "an ended session is not counted"
            )
            let listed = try await context.list(store)
            context.expect(!listed.contains { $0.id == id }, "an ended session is not listed")
        }
    }

    private static let listsUnderChange = Self("Pages under change show what stays and nothing that went") { context in
        guard let store = context.store as? any EnumerableSessionStore else { return }
        var staying: [SessionID: SessionRecord] = [:]
        var leaving: [SessionID: SessionRecord] = [:]
        for number in 0..<100 {
            let record = context.makeRecord(text: "\(number)")
            let id = try await context.insert(record)
            if number.isMultiple(of: 2) { staying[id] = record } else { leaving[id] = record }
        }
        var seen: Set<SessionID> = []
        var gone: Set<SessionID> = []
        try await context.list(store, limit: 4) { page in
            let ids = Set(page.entries.map(\.id))
            context.expect(
                gone.isDisjoint(with: ids),
                "a record that has gone before a page was asked for is not in it"
            )
            seen.formUnion(ids)
            // Those go that this page has shown, often the one that the cursor stands on among them, and one that no page
            // has shown yet.
            let going = leaving.keys.filter { ids.contains($0) } + leaving.keys.filter { !seen.contains($0) }.prefix(1)
            for id in going {
                guard let record = leaving.removeValue(forKey: id) else { continue }
                _ = try await store.delete(id, ifStamp: record.stamp, now: context.now)
                gone.insert(id)
            }
            // New ones come, before and behind the cursor; so do updates of those that stay.
            if gone.count < 50 { _ = try await context.insert(context.makeRecord(text: "new")) }
            if let (id, record) = staying.randomElement() {
                let update = context.makeUpdate(of: record, text: "changed")
                _ = try await store.update(update, id: id, ifStamp: record.stamp, now: context.now)
                staying[id] = update
            }
        }
        context.expect(
            seen.intersection(staying.keys).count,
            is: staying.count,
            "a record that is there during all pages is listed: of those that stayed"
        )
    }

    /// Texts that no store can have made as cursors.
    private static let foreignCursors = [
        "", " ", "no cursor", "\u{0}", "%00", "+1", "\u{e9}", String(repeating: "0", count: 5000),
    ].map { SessionStoreCursor(rawValue: $0) }

    private static let refusesForeignCursors = Self("A cursor that no store has given leads nowhere") { context in
        if let store = context.store as? any EnumerableSessionStore {
            _ = try await context.insert(context.makeRecord())
            for cursor in foreignCursors {
                do throws(SessionStoreError) {
                    _ = try await store.page(after: cursor, limit: 10, now: context.now)
                    context.fail("a listing from a cursor that the store never gave is an error")
                } catch {
                    context.expect(error.code, is: .invalidCursor, "the error's code for a cursor the store never gave")
                }
            }
        }
        if let store = context.store as? any SweepingSessionStore {
            let id = try await context.insert(context.makeRecord(livesFor: .seconds(60)))
            context.clock.advance(by: .seconds(600))
            for cursor in foreignCursors {
                let step = try await store.sweep(from: cursor, limit: 1000, now: context.now)
                context.expect(
                    step,
                    is: SweepStep(expired: [], next: nil),
                    "a sweep from a cursor that the store never gave ends the round and removes nothing"
                )
            }
            context.expect(
                try await context.sweep(store).contains(id),
                is: store.sweepsRecords,
                "the next round removes what has expired"
            )
        }
    }
}
