import Synchronization

extension MemorySessionStore: EnumerableSessionStore {
    /// The number of records that live, forwarders included.
    public func count(now: SessionInstant) async throws(SessionStoreError) -> Int {
        shards.reduce(0) { count, shard in count + shard.sessions.withLock { $0.countLive(at: now) } }
    }

    /// The records that live, by ascending id, at most `limit`: one that is there during all pages comes exactly once, any
    /// other at most once.
    /// - Throws: `.invalidCursor` for a cursor that is no id.
    public func page(
        after cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SessionPage {
        let id: SessionID? = if let cursor { try cursor.id() } else { nil }
        let limit = min(max(limit, 1), 1000)
        var entries: [SessionPage.Entry] = []
        for index in (id.map { Self.shardIndex(of: $0.digest) } ?? 0)..<Self.shardCount {
            // One more than fits tells whether another page follows.
            let wanted = limit + 1 - entries.count
            // The ids are looked through and the records picked up under two takes of the lock, so that neither is long;
            // what goes in between is left out, as if it had gone before.
            let ids = shards[index].sessions.withLock { $0.firstKeys(wanted, after: id?.digest, livingAt: now) }
            guard !ids.isEmpty else { continue }
            shards[index].sessions.withLock { sessions in
                for id in ids {
                    guard let slot = sessions.find(id, livingAt: now) else { continue }
                    entries.append(.init(id: SessionID(digest: id), record: sessions.record(at: slot)))
                }
            }
            if ids.count == wanted {
                guard entries.count > limit else {
                    // Some went meanwhile: the page is shorter than it could be, and goes on where this one ends.
                    return SessionPage(entries: entries, next: ids.last.map { .init(after: SessionID(digest: $0)) })
                }
                entries.removeLast()
                return SessionPage(entries: entries, next: entries.last.map { .init(after: $0.id) })
            }
        }
        return SessionPage(entries: entries, next: nil)
    }
}

extension ExpiringTable {
    /// The first `count` living keys after `key`, in ascending order.
    func firstKeys(_ count: Int, after key: Digest32?, livingAt now: SessionInstant) -> [Digest32] {
        var keys: [Digest32] = []
        var bound: Digest32?
        for slot in slots where slot.deadline > now {
            if let key, !Digest32.precedes(key, slot.key) { continue }
            if let bound, !Digest32.precedes(slot.key, bound) { continue }
            keys.append(slot.key)
            // Twice as many as wanted are collected before the larger half goes: most keys are only compared once.
            if keys.count >= count * 2 {
                keys.sort(by: Digest32.precedes)
                keys.removeLast(keys.count - count)
                bound = keys.last
            }
        }
        keys.sort(by: Digest32.precedes)
        return Array(keys.prefix(count))
    }
}
