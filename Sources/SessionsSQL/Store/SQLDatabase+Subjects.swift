package import Sessions

extension SQLDatabase {
    /// The entry is committed before the epoch is read, and whoever ends all sessions commits the new epoch before reading
    /// the entries: so one of the two sees what the other did, without a lock.
    package func addToIndex(
        _ id: SessionID,
        subject: SubjectID,
        absoluteDeadline: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SubjectEpoch {
        let entry: [SQLValue] = [
            .bytes(subject.bytes), .bytes(id.bytes), .instant(absoluteDeadline), .instant(now),
        ]
        let rows = try await write { connection throws(SQLFailure) in
            _ = try Self.insert(.insertEntry, entry, connection)
            return try connection.execute(.epoch, [.bytes(subject.bytes)]).rows
        }
        return try epoch(rows)
    }

    package func removeFromIndex(_ id: SessionID, subject: SubjectID) async throws(SessionStoreError) {
        let values: [SQLValue] = [.bytes(subject.bytes), .bytes(id.bytes)]
        _ = try await write { connection throws(SQLFailure) in try connection.execute(.removeEntry, values) }
    }

    package func epoch(of subject: SubjectID) async throws(SessionStoreError) -> SubjectEpoch {
        try epoch(
            try await read { connection throws(SQLFailure) in
                try connection.execute(.epoch, [.bytes(subject.bytes)]).rows
            }
        )
    }

    package func raiseEpoch(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        // Random, so that it never comes back, not even when the row was pruned in between.
        let epoch = Int64.random(in: 1 ... .max)
        let subject = subject.bytes
        return try entries(
            try await write { connection throws(SQLFailure) in
                _ = try connection.execute(.raiseEpoch, [.bytes(subject), .integer(epoch), .instant(now)])
                return try connection.execute(.entries, [.bytes(subject), .instant(now)]).rows
            }
        )
    }

    package func index(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try entries(
            try await read { connection throws(SQLFailure) in
                try connection.execute(.entries, [.bytes(subject.bytes), .instant(now)]).rows
            }
        )
    }

    private func epoch(_ rows: [[SQLValue]]) throws(SessionStoreError) -> SubjectEpoch {
        guard let row = rows.first else { return .initial }
        guard let epoch = row.first?.integer else { throw unexpected("the epoch of a subject is no number") }
        return SubjectEpoch(rawValue: UInt64(bitPattern: epoch))
    }

    private func entries(_ rows: [[SQLValue]]) throws(SessionStoreError) -> [SubjectIndexEntry] {
        var entries: [SubjectIndexEntry] = []
        entries.reserveCapacity(rows.count)
        for row in rows {
            guard row.count == 2, let bytes = row[0].bytes, let id = SessionID(bytes: bytes),
                let addedAt = row[1].integer
            else { throw unexpected("an entry of a subject has other columns than it should have") }
            entries.append(SubjectIndexEntry(id: id, addedAt: SessionInstant(millisecondsSince1970: addedAt)))
        }
        return entries
    }
}

// MARK: - Leases

extension SQLDatabase {
    package func acquireLease(
        on id: SessionID,
        holder: UInt64,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        let id = SQLValue.bytes(id.bytes)
        let holder = SQLValue.integer(Int64(bitPattern: holder))
        return try await write { connection throws(SQLFailure) in
            if try Self.insert(.insertLease, [id, holder, .instant(expiresAt)], connection) { return true }
            let values = [holder, .instant(expiresAt), id, holder, .instant(now)]
            return try connection.execute(.takeLease, values).affected > 0
        }
    }

    package func releaseLease(on id: SessionID, holder: UInt64) async throws(SessionStoreError) {
        let values: [SQLValue] = [.bytes(id.bytes), .integer(Int64(bitPattern: holder))]
        _ = try await write { connection throws(SQLFailure) in try connection.execute(.releaseLease, values) }
    }
}
