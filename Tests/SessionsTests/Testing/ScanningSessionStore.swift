import Sessions

/// A store that lists as a walk through hash tables on two nodes does: in no order, whole buckets at a time, some records
/// on two pages, and pages with nothing on them. The contract allows all of that, so the suite must not complain.
struct ScanningSessionStore: SessionStore, EnumerableSessionStore {
    let base = MemorySessionStore()

    func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        try await base.load(id, now: now)
    }

    func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        try await base.insert(record, id: id)
    }

    func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        try await base.update(record, id: id, ifStamp: stamp, now: now)
    }

    func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        try await base.touch(id, ifStamp: stamp, expiresAt: expiresAt, now: now)
    }

    func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        try await base.delete(id, ifStamp: stamp, now: now)
    }

    func count(now: SessionInstant) async throws(SessionStoreError) -> Int { try await base.count(now: now) }

    /// A place in the walk; the last bucket of a node gives an empty page, from which the next node is begun.
    private struct Place: Equatable {
        static let nodeCount = 2
        static let bucketCount = 256
        var node = 0
        var bucket = 0

        init(node: Int) { self.node = node }

        init(_ cursor: SessionStoreCursor) throws(SessionStoreError) {
            let numbers = cursor.rawValue.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
            guard numbers.count == 2, let node = numbers[0], let bucket = numbers[1],
                (0..<Self.nodeCount).contains(node), (0...Self.bucketCount).contains(bucket),
                cursor.rawValue == "\(node):\(bucket)"
            else { throw SessionStoreError(.invalidCursor, "no place in any table") }
            self.node = node
            self.bucket = bucket
        }

        init(of id: SessionID) {
            node = Int(id.bytes[30]) % Self.nodeCount
            bucket = Int(id.bytes[31])
        }

        var cursor: SessionStoreCursor { .init(rawValue: "\(node):\(bucket)") }
    }

    func page(
        after cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SessionPage {
        var place = if let cursor { try Place(cursor) } else { Place(node: 0) }
        if place.bucket == Place.bucketCount {
            place = Place(node: place.node + 1)
            return SessionPage(entries: [], next: place.node < Place.nodeCount ? place.cursor : nil)
        }
        var all: [SessionPage.Entry] = []
        var next: SessionStoreCursor?
        repeat {
            let page = try await base.page(after: next, limit: 1000, now: now)
            all += page.entries
            next = page.next
        } while next != nil
        // The bucket before this one comes again, as after a table has grown.
        place.bucket -= 1
        var entries = all.filter { Place(of: $0.id) == place }
        repeat {
            place.bucket += 1
            entries += all.filter { Place(of: $0.id) == place }
        } while entries.count < limit && place.bucket + 1 < Place.bucketCount
        place.bucket += 1
        return SessionPage(entries: entries, next: place.cursor)
    }
}
