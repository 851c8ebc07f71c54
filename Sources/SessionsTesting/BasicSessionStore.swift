public import Sessions

/// Wraps a store and hides every ability beyond the five methods of `SessionStore`.
///
/// A manager takes its general paths with it: renewal by several single steps, for example.
public struct BasicSessionStore<Base: SessionStore>: SessionStore {
    /// The wrapped store.
    public let base: Base

    /// Wraps a store.
    public init(_ base: Base) {
        self.base = base
    }

    /// The record of a session, or `nil` if there is none or it has expired.
    public func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        try await base.load(id, now: now)
    }

    /// Adds a record under an id that has none; never overwrites.
    public func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        try await base.insert(record, id: id)
    }

    /// Replaces a record if it lives and its stamp is the expected one.
    public func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        try await base.update(record, id: id, ifStamp: stamp, now: now)
    }

    /// Moves the idle deadline later, if the record lives and its stamp is the expected one.
    public func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        try await base.touch(id, ifStamp: stamp, expiresAt: expiresAt, now: now)
    }

    /// Removes a record if it lives and its stamp is the expected one.
    public func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        try await base.delete(id, ifStamp: stamp, now: now)
    }
}
