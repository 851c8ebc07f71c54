import Synchronization

extension MemorySessionStore: SweepingSessionStore {
    /// The most entries that are removed under one take of a lock: no request waits for a long sweep.
    static let sweepBatch = 256

    /// `true`.
    public var sweepsRecords: Bool { true }

    /// Removes expired records, leases, and subjects that nothing is known of any more.
    ///
    /// A cursor is the number of a part of the store. However large `limit` is, no lock is held for more than 256
    /// entries.
    public func sweep(
        from cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SweepStep {
        note(now)
        var expired: [SessionID] = []
        var remaining = max(limit, 1)
        var index = 0
        if let cursor {
            // A cursor is input, and anything can be in it.
            guard let part = shards.indices.first(where: { Self.cursor($0) == cursor }) else {
                return SweepStep(expired: [], next: nil)
            }
            index = part
        }
        while index < Self.shardCount, remaining > 0 {
            let batch = min(remaining, Self.sweepBatch)
            let removed = sweep(shards[index], limit: batch, now: now, expired: &expired)
            // A part with nothing to remove costs a little too, so that every step ends.
            remaining -= max(removed, 1)
            if removed < batch { index += 1 }
        }
        return SweepStep(expired: expired, next: index < Self.shardCount ? Self.cursor(index) : nil)
    }

    private static func cursor(_ index: Int) -> SessionStoreCursor { SessionStoreCursor(rawValue: "\(index)") }

    private func sweep(_ shard: Shard, limit: Int, now: SessionInstant, expired: inout [SessionID]) -> Int {
        let (sessions, ids) = shard.sessions.withLock { sessions in
            var ids: [SessionID] = []
            let removed = sessions.removeExpired(at: now, limit: limit) { slot in
                if !SessionRecord(body: slot.value, expiresAt: slot.deadline).isForwarder {
                    ids.append(SessionID(digest: slot.key))
                }
            }
            return (removed, ids)
        }
        vacate(sessions)
        expired += ids
        var removed = sessions
        if removed < limit {
            removed += shard.leases.withLock { $0.removeExpired(at: now, limit: limit - removed) }
        }
        if removed < limit {
            removed += shard.subjects.withLock { $0.removeExpired(at: now, limit: limit - removed) }
        }
        return removed
    }
}
