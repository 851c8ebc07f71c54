// A complete store on one page: sessions in a dictionary.
//
// It has the five methods of ``SessionStore`` and no other ability; `SessionStoreConformance` proves that it keeps the
// contract. An actor runs one method at a time and never suspends within one, so each is a single step.

import Sessions

actor DictionarySessionStore: SessionStore {
    private var records: [SessionID: SessionRecord] = [:]

    func load(_ id: SessionID, now: SessionInstant) throws(SessionStoreError) -> SessionRecord? {
        guard let record = records[id], record.expiresAt > now else { return nil }
        return record
    }

    func insert(_ record: SessionRecord, id: SessionID) throws(SessionStoreError) -> InsertOutcome {
        guard records[id] == nil else { return .exists }
        records[id] = record
        return .inserted
    }

    func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) throws(SessionStoreError) -> UpdateOutcome {
        guard let current = try load(id, now: now) else { return .missing }
        guard current.stamp == stamp else { return .conflict(current) }
        records[id] = record
        return .updated
    }

    func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) throws(SessionStoreError) -> Bool {
        guard let current = try load(id, now: now), current.stamp == stamp else { return false }
        let deadline = min(expiresAt, current.absoluteDeadline)
        records[id]?.expiresAt = max(current.expiresAt, deadline)
        return true
    }

    func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) throws(SessionStoreError) -> DeleteOutcome {
        guard let current = try load(id, now: now) else { return .missing }
        guard current.stamp == stamp else { return .conflict(current) }
        records[id] = nil
        return .deleted
    }
}
