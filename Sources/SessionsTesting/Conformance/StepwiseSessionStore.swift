import Sessions

/// Wraps a store and hides its renewal in one step, so that a manager renews by several single steps with an index.
struct StepwiseSessionStore<Base: SubjectIndexingSessionStore>: SubjectIndexingSessionStore {
    let base: Base

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

    func addToIndex(
        _ id: SessionID,
        subject: SubjectID,
        absoluteDeadline: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SubjectEpoch {
        try await base.addToIndex(id, subject: subject, absoluteDeadline: absoluteDeadline, now: now)
    }

    func removeFromIndex(_ id: SessionID, subject: SubjectID) async throws(SessionStoreError) {
        try await base.removeFromIndex(id, subject: subject)
    }

    func epoch(of subject: SubjectID) async throws(SessionStoreError) -> SubjectEpoch {
        try await base.epoch(of: subject)
    }

    func raiseEpoch(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try await base.raiseEpoch(of: subject, now: now)
    }

    func index(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try await base.index(of: subject, now: now)
    }
}
