#if Redis
public import Sessions

// Stands in until the store's own methods are there; then this file goes.
extension RedisSessionStore: SessionStore {
    private static var absent: SessionStoreError { SessionStoreError(.unsupported, "the store has no operations yet") }

    /// Not there yet.
    public func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        throw Self.absent
    }

    /// Not there yet.
    public func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        throw Self.absent
    }

    /// Not there yet.
    public func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        throw Self.absent
    }

    /// Not there yet.
    public func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        throw Self.absent
    }

    /// Not there yet.
    public func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        throw Self.absent
    }
}
#endif
