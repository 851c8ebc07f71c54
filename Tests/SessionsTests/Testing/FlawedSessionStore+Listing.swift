import Sessions
import Synchronization

extension FlawedSessionStore: EnumerableSessionStore {
    func count(now: SessionInstant) async throws(SessionStoreError) -> Int {
        try await base.count(now: flaw == .countsExpired ? .distantPast : now)
    }

    func page(
        after cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SessionPage {
        switch flaw {
        case .pagesByOffset:
            // As `OFFSET` does: what goes behind the cursor makes it skip what is ahead.
            return try page(of: try await all(now: now), from: cursor, limit: limit)
        case .listsWhatHasGone:
            // As a listing that looks once and hands out what it saw then.
            if cursor == nil {
                let all = try await self.all(now: now)
                memory.listed.withLock { $0 = all }
            }
            return try page(of: memory.listed.withLock { $0 }, from: cursor, limit: limit)
        case .pagesWithoutLimit:
            guard cursor == nil else { return try await base.page(after: cursor, limit: limit, now: now) }
            return SessionPage(entries: try await all(now: now), next: nil)
        case .takesForeignCursor:
            do throws(SessionStoreError) {
                return try await base.page(after: cursor, limit: limit, now: now)
            } catch {
                // From the beginning, as `Int(text) ?? 0` would.
                return try await base.page(after: nil, limit: limit, now: now)
            }
        case .endsAtForeignCursor:
            do throws(SessionStoreError) {
                return try await base.page(after: cursor, limit: limit, now: now)
            } catch {
                return SessionPage(entries: [], next: nil)
            }
        case .makesLongCursors:
            // As one that says everything that it knows.
            let short = cursor.map { SessionStoreCursor(rawValue: String($0.rawValue.prefix(64))) }
            var page = try await base.page(after: short, limit: limit, now: now)
            page.next = page.next.map { .init(rawValue: $0.rawValue + String(repeating: "0", count: 200)) }
            return page
        default: break
        }
        var page = try await base.page(after: cursor, limit: limit, now: flaw == .listsExpired ? .distantPast : now)
        if flaw == .skipsAtPageEnd, page.next != nil, page.entries.count > 1 { page.entries.removeLast() }
        if flaw == .listsTwice, let last = page.entries.last, page.entries.count < limit { page.entries.append(last) }
        if flaw == .pagesWithoutEnd, page.next == nil {
            page.next = page.entries.last.map { .init(rawValue: $0.id.description) } ?? cursor
        }
        return page
    }

    private func all(now: SessionInstant) async throws(SessionStoreError) -> [SessionPage.Entry] {
        var entries: [SessionPage.Entry] = []
        var cursor: SessionStoreCursor?
        repeat {
            let page = try await base.page(after: cursor, limit: 1000, now: now)
            entries += page.entries
            cursor = page.next
        } while cursor != nil
        return entries
    }

    /// A page from an offset on.
    private func page(
        of all: [SessionPage.Entry],
        from cursor: SessionStoreCursor?,
        limit: Int
    ) throws(SessionStoreError) -> SessionPage {
        var start = 0
        if let cursor {
            guard let offset = Int(cursor.rawValue), cursor.rawValue == "\(offset)", offset >= 0 else {
                throw SessionStoreError(.invalidCursor, "no offset")
            }
            start = min(offset, all.count)
        }
        let end = min(start + limit, all.count)
        let next = end < all.count ? SessionStoreCursor(rawValue: "\(end)") : nil
        return SessionPage(entries: Array(all[start..<end]), next: next)
    }
}

extension FlawedSessionStore: SweepingSessionStore {
    var sweepsRecords: Bool { true }

    func sweep(
        from cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SweepStep {
        switch flaw {
        case .sweepTakesNothing: return SweepStep(expired: [], next: nil)
        case .sweepNeverEnds: return SweepStep(expired: [], next: SessionStoreCursor(rawValue: "1"))
        case .sweepRefusesForeignCursor where cursor.map { Int($0.rawValue) == nil } ?? false:
            throw SessionStoreError(.invalidCursor, "no position")
        case .sweepTakesExtended:
            // By the deadlines that a scan has seen, without looking again.
            for (id, record) in memory.first.withLock({ $0 }) where record.expiresAt <= now {
                if let current = try await base.load(id, now: now) {
                    _ = try await base.delete(id, ifStamp: current.stamp, now: now)
                }
            }
            return try await base.sweep(from: cursor, limit: limit, now: now)
        case .sweepNamesForwarders:
            var forwarders: [SessionID] = []
            for entry in try await base.page(after: nil, limit: 1000, now: .distantPast).entries
            where entry.record.isForwarder && entry.record.expiresAt <= now {
                forwarders.append(entry.id)
            }
            var step = try await base.sweep(from: cursor, limit: limit, now: now)
            step.expired += forwarders
            return step
        default: return try await base.sweep(from: cursor, limit: limit, now: now)
        }
    }
}
