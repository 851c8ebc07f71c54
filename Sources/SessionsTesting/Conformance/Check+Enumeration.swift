import Sessions

extension SessionStoreConformance.Check {
    static let enumeration: [Self] = [countsAndLists, listsUnderChange]

    private static let countsAndLists = Self("Count and pages show every live record once, in order") { context in
        guard let store = context.store as? any EnumerableSessionStore else { return }
        let before = try await store.count(now: context.now)
        var records: [SessionID: SessionRecord] = [:]
        for number in 0..<25 {
            let record =
                number == 0 ? context.makeForwarder(to: context.makeID()) : context.makeRecord(text: "\(number)")
            records[try await context.insert(record)] = record
        }
        context.expect(try await store.count(now: context.now), is: before + 25, "every live record is counted")
        for limit in [1, 3, 25, 1000] {
            var listed: [SessionPage.Entry] = []
            var cursor: SessionID?
            repeat {
                let page = try await store.page(after: cursor, limit: limit, now: context.now)
                context.expect(page.entries.count <= limit, "a page has at most \(limit) entries, as it was asked for")
                listed += page.entries
                if let next = page.next, let cursor, next <= cursor {
                    context.fail("each page begins after the one before")
                    break
                }
                cursor = page.next
            } while cursor != nil
            context.expect(listed.map(\.id) == listed.map(\.id).sorted(), "records are listed by ascending id")
            context.expect(Set(listed.map(\.id)).count, is: listed.count, "no record is listed twice")
            let mine = listed.filter { records[$0.id] != nil }
            context.expect(mine.count, is: 25, "every live record is listed, with pages of \(limit)")
            for entry in mine {
                context.expect(entry.record, is: records[entry.id] ?? entry.record, "a listed record is the stored one")
            }
        }
        // From an id that has no record.
        let between = context.makeID()
        let page = try await store.page(after: between, limit: 1000, now: context.now)
        context.expect(page.entries.allSatisfy { $0.id > between }, "a page begins after the id it was asked for")

        if let (id, record) = records.first(where: { !$0.value.isForwarder }) {
            _ = try await store.delete(id, ifStamp: record.stamp, now: context.now)
            context.expect(try await store.count(now: context.now), is: before + 24, "an ended session is not counted")
            let listed = try await context.list(store)
            context.expect(!listed.contains { $0.id == id }, "an ended session is not listed")
        }
    }

    private static let listsUnderChange = Self("Pages under change show what stays exactly once") { context in
        guard let store = context.store as? any EnumerableSessionStore else { return }
        var records: [SessionID: SessionRecord] = [:]
        for number in 0..<40 {
            let record = context.makeRecord(text: "\(number)")
            records[try await context.insert(record)] = record
        }
        let ids = records.keys.sorted()
        // Every third one goes while the pages are read, the one that the cursor stands on among them.
        let leaving = Set(ids.enumerated().filter { $0.offset % 3 == 0 }.map(\.element))
        var seen: [SessionID: Int] = [:]
        var cursor: SessionID?
        var left: Set<SessionID> = []
        repeat {
            let page = try await store.page(after: cursor, limit: 4, now: context.now)
            for entry in page.entries { seen[entry.id, default: 0] += 1 }
            let last = page.entries.last?.id
            for id in leaving.subtracting(left) where id == last || Bool.random() {
                if let record = records[id] { _ = try await store.delete(id, ifStamp: record.stamp, now: context.now) }
                left.insert(id)
            }
            // New ones come, before and behind the cursor; so do updates of those that stay.
            _ = try await context.insert(context.makeRecord(text: "new"))
            if let id = ids.filter({ !leaving.contains($0) }).randomElement(), let record = records[id] {
                let update = context.makeUpdate(of: record, text: "changed")
                _ = try await store.update(update, id: id, ifStamp: record.stamp, now: context.now)
                records[id] = update
            }
            if let next = page.next, let cursor, next <= cursor {
                context.fail("each page begins after the one before")
                return
            }
            cursor = page.next
        } while cursor != nil
        for id in ids {
            if leaving.contains(id) {
                context.expect(seen[id, default: 0] <= 1, "a record that goes meanwhile is listed at most once")
            } else {
                context.expect(
                    seen[id, default: 0],
                    is: 1,
                    "a record that is there during all pages is listed exactly once"
                )
            }
        }
        context.expect(seen.values.allSatisfy { $0 == 1 }, "no record is listed twice")
    }
}
