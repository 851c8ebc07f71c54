package import Sessions

extension SQLDatabase {
    package func count(now: SessionInstant) async throws(SessionStoreError) -> Int {
        let rows = try await list { connection throws(SQLFailure) in
            try connection.execute(.count, [.instant(now)]).rows
        }
        guard let count = rows.first?.first?.integer else { throw unexpected("a count of rows is no number") }
        return Int(count)
    }

    package func page(
        after cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SessionPage {
        let after: [UInt8] = if let cursor { try cursor.id().bytes } else { [] }
        let limit = min(max(limit, 1), 1000)
        let rows = try await list { connection throws(SQLFailure) in
            try connection.execute(.page, [.bytes(after), .instant(now), .integer(Int64(limit))]).rows
        }
        var entries: [SessionPage.Entry] = []
        var last: SessionID?
        for row in rows {
            guard let bytes = row.first?.bytes, let id = SessionID(bytes: bytes) else {
                throw unexpected("the id of a session is no digest")
            }
            last = id
            do throws(SessionStoreError) {
                let record = try record(row.dropFirst(), id: id)
                if record.isLive(at: now) { entries.append(.init(id: id, record: record)) }
            } catch let error where error.code == .corruptRecord || error.code == .newerFormat {
                // One row that cannot be read does not hide the others; whoever loads it learns of it.
                continue
            }
        }
        let isLast = rows.count < limit
        return SessionPage(entries: entries, next: isLast ? nil : last.map { SessionStoreCursor(after: $0) })
    }
}

// MARK: - Sweeping

extension SQLDatabase {
    /// A minute for servers whose clocks differ.
    private static let margin = Duration.seconds(60)
    /// How long an epoch is kept after it was raised: longer than any sign-in takes.
    private static let epochLifetime = Duration.seconds(24 * 3600)

    /// The pause after a batch, at most.
    private static let longestPause = Duration.milliseconds(100)

    private static let nextStep = SessionStoreCursor(rawValue: "next")

    /// Removes a batch of expired records, and of what is left of entries, epochs and leases.
    ///
    /// A record is found by its slot, once the slot is over, so up to six minutes after its deadline. Each batch is looked
    /// up without a lock and then deleted by key, if it is still expired. There is no place to remember: what was swept is
    /// gone.
    package func sweep(
        from cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SweepStep {
        guard cursor == nil || cursor == Self.nextStep else { return SweepStep(expired: [], next: nil) }
        let limit = min(max(limit, 1), sqlSweepLimit)
        let cutoff = now - Self.margin
        let candidates = try await list { connection throws(SQLFailure) in
            let values: [SQLValue] = [.integer(Self.slot(cutoff)), .instant(cutoff), .integer(Int64(limit))]
            return try connection.execute(.sweepCandidates, values).rows
        }
        let ids = candidates.compactMap { $0.first }
        var isRoundOver = candidates.count < limit
        if let first = ids.first {
            let list = ids + Array(repeating: first, count: sqlSweepLimit - ids.count)
            let began = ContinuousClock.now
            let count = try await write { connection throws(SQLFailure) in
                let count = try connection.execute(.sweepRecords, [.instant(cutoff)] + list).affected
                _ = try connection.execute(.sweepEntriesOfRecords, list)
                return count
            }
            // Others get as much of the database's time as the sweep: what it deletes is also to be purged and flushed.
            // Cancelled, it goes on without a pause.
            try? await Task.sleep(for: min(.now - began, Self.longestPause))
            // Somebody else sweeps the same rows: it goes on.
            if count == 0 { isRoundOver = true }
        }
        if isRoundOver {
            let deadlines: [(SQLStatement, SessionInstant)] = [
                (.sweepEntries, now), (.sweepLeases, cutoff), (.sweepEpochs, now - Self.epochLifetime),
            ]
            for (statement, deadline) in deadlines {
                let count = try await write { connection throws(SQLFailure) in
                    try connection.execute(statement, [.instant(deadline)]).affected
                }
                // There is more: another step, which finds no record and comes here again.
                if count == sqlSweepLimit { isRoundOver = false }
            }
        }
        var expired: [SessionID] = []
        for row in candidates where row.count == 2 && row[1] == .integer(0) {
            if let bytes = row[0].bytes, let id = SessionID(bytes: bytes) { expired.append(id) }
        }
        return SweepStep(expired: expired, next: isRoundOver ? nil : Self.nextStep)
    }

    // MARK: Health

    package func checkHealth() async throws(SessionStoreError) {
        _ = try await read { connection throws(SQLFailure) in try connection.execute(.schemaVersion, []) }
    }

    package func shutDown() async {
        await reads.shutDown()
        await writes.shutDown()
        await background.shutDown()
    }
}
