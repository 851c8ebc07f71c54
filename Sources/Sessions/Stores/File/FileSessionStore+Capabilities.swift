extension FileSessionStore: RenewingSessionStore {
    /// Adds the successor and then turns the old record into a forwarder, which is what commits.
    public func renew(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        forwarder: SessionRecord,
        successor: SessionRecord,
        newID: SessionID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> RenewOutcome {
        try await perform(on: executor) { storage throws(FileFailure) in
            try storage.renew(
                id,
                ifStamp: stamp,
                forwarder: forwarder,
                successor: successor,
                newID: newID,
                now: now
            )
        }
    }
}

extension FileSessionStore: EnumerableSessionStore {
    /// Counts by reading the folders; takes a while with many sessions, but keeps no request waiting.
    public func count(now: SessionInstant) async throws(SessionStoreError) -> Int {
        try await perform(on: background, isRead: true) { storage throws(FileFailure) in try storage.count(now: now) }
    }

    /// The records that live, by ascending id, at most `limit`: one that is there during all pages comes exactly once, any
    /// other at most once. Reads the folders, from where the page before ended.
    /// - Throws: `.invalidCursor` for a cursor that is no id.
    public func page(
        after cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SessionPage {
        let id: SessionID? = if let cursor { try cursor.id() } else { nil }
        return try await perform(on: background, isRead: true) { storage throws(FileFailure) in
            try storage.page(after: id, limit: limit, now: now)
        }
    }
}

extension FileSessionStore: SweepingSessionStore {
    /// `true`.
    public var sweepsRecords: Bool { true }

    /// Removes what has expired: records, index entries, leases, and what killed processes left half made.
    public func sweep(
        from cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SweepStep {
        try await perform(on: background) { storage throws(FileFailure) in
            try storage.sweep(from: cursor, limit: limit, now: now)
        }
    }
}

extension FileSessionStore: SubjectIndexingSessionStore {
    /// Adds an empty file to the subject's folder, with its lock held.
    public func addToIndex(
        _ id: SessionID,
        subject: SubjectID,
        absoluteDeadline: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SubjectEpoch {
        try await perform(on: executor) { storage throws(FileFailure) in
            try storage.addToIndex(id, subject: subject, absoluteDeadline: absoluteDeadline, now: now)
        }
    }

    /// Removes the entry's file.
    public func removeFromIndex(_ id: SessionID, subject: SubjectID) async throws(SessionStoreError) {
        try await perform(on: executor) { storage throws(FileFailure) in
            try storage.removeFromIndex(id, subject: subject)
        }
    }

    /// Reads the subject's epoch.
    public func epoch(of subject: SubjectID) async throws(SessionStoreError) -> SubjectEpoch {
        try await perform(on: executor, isRead: true) { storage throws(FileFailure) in
            try storage.epoch(of: subject)
        }
    }

    /// Gives the subject a new random epoch and reads its entries, with the lock of its folder held.
    public func raiseEpoch(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try await perform(on: executor) { storage throws(FileFailure) in
            try storage.raiseEpoch(of: subject, now: now)
        }
    }

    /// Reads the subject's entries.
    public func index(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try await perform(on: executor) { storage throws(FileFailure) in try storage.index(of: subject, now: now) }
    }
}

extension FileSessionStore: LeasingSessionStore {
    /// Notes the holder in the lease's file.
    public func acquireLease(
        on id: SessionID,
        holder: UInt64,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        try await perform(on: executor) { storage throws(FileFailure) in
            try storage.acquireLease(on: id, holder: holder, expiresAt: expiresAt, now: now)
        }
    }

    /// Removes the lease's file.
    public func releaseLease(on id: SessionID, holder: UInt64) async throws(SessionStoreError) {
        try await perform(on: executor) { storage throws(FileFailure) in
            try storage.releaseLease(on: id, holder: holder)
        }
    }
}

extension FileSessionStore: HealthCheckingSessionStore {
    /// Writes and removes a file, and looks whether the folder is still in its place and safe.
    public func checkHealth() async throws(SessionStoreError) {
        try await perform(on: executor) { storage throws(FileFailure) in try storage.checkHealth() }
    }
}
