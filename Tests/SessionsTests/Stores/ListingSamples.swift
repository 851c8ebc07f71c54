import Testing

@testable import Sessions

/// What the listing tests of the stores share: those that list by ascending id promise more than the contract asks for.
extension Sample {
    /// The ids of all pages.
    static func pages(
        of store: some EnumerableSessionStore,
        limit: Int,
        now: SessionInstant
    ) async throws -> [[SessionID]] {
        var pages: [[SessionID]] = []
        var cursor: SessionStoreCursor?
        repeat {
            let page = try await store.page(after: cursor, limit: limit, now: now)
            pages.append(page.entries.map(\.id))
            cursor = page.next
        } while cursor != nil
        return pages
    }

    /// Checks that pages come by ascending id, and list what stays exactly once and anything else at most once, while
    /// others come, change and go.
    static func checkPagesUnderChange(of store: some EnumerableSessionStore, now: SessionInstant) async throws {
        let ids = (0..<90).map { _ in id() }.sorted()
        for id in ids { _ = try await store.insert(record(stamp: 1), id: id) }
        // The record that the cursor stands on is among those that go: a page of 4 ends at a multiple of 4.
        let leaving = Set(stride(from: 3, to: 90, by: 4).map { ids[$0] })
        let staying = Set(ids).subtracting(leaving)
        var left: Set<SessionID> = []
        var listed: [SessionID] = []
        var cursor: SessionStoreCursor?
        repeat {
            let page = try await store.page(after: cursor, limit: 4, now: now)
            #expect(page.entries.count <= 4)
            let pageIDs = page.entries.map(\.id)
            #expect(left.isDisjoint(with: pageIDs))
            listed += pageIDs
            for id in leaving.subtracting(left) where id == pageIDs.last || Bool.random() {
                #expect(try await store.delete(id, ifStamp: SessionStamp(rawValue: 1), now: now) == .deleted)
                left.insert(id)
            }
            _ = try await store.insert(record(stamp: 1), id: id())
            if let id = staying.randomElement(), let current = try await store.load(id, now: now) {
                let update = record(stamp: current.stamp.rawValue + 1, revision: current.revision + 1)
                #expect(try await store.update(update, id: id, ifStamp: current.stamp, now: now) == .updated)
            }
            cursor = page.next
        } while cursor != nil
        #expect(listed == listed.sorted())
        #expect(Set(listed).count == listed.count)
        #expect(staying.isSubset(of: listed))
    }

    /// Texts that no store has made as a cursor.
    static let foreignCursors = [
        "", "x", "\u{0}", "\u{e9}", "records:", ":", "records:" + String(repeating: "g", count: 64),
        "records:" + String(repeating: "0", count: 63), "other:" + String(repeating: "0", count: 64),
        "records:" + String(repeating: "0", count: 64) + ":", String(repeating: "A", count: 64),
        String(repeating: "0", count: 65), String(repeating: "9", count: 5000),
    ]
}
