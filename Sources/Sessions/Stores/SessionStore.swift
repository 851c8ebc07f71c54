/// The driver under a ``SessionManager``: keeps records by id, with compare-and-set.
///
/// Five methods are a store; ``EnumerableSessionStore`` and its siblings add abilities. Rules that every store obeys, and
/// that `SessionStoreConformance` in `SessionsTesting` proves:
///
/// - An update or delete happens only if the stored record's stamp is the expected one. There is no other way to write.
/// - `expiresAt <= now` is missing at once, swept or not. `now` is the caller's clock; a store has none of its own.
/// - `nil` and `.missing` mean "none or expired". An error means "cannot tell": an outage is not a logout.
/// - A write that was begun is carried through though the calling task is cancelled; only a write that was surely not
///   begun may throw `.cancelled`. A load may be given up at any time.
/// - `.unavailable` means surely not executed; `.outcomeUnknown` that nobody knows. The manager relies on the difference.
/// - Every operation answers within a bounded time.
/// - No call blocks a thread of Swift's shared pool.
public protocol SessionStore: Sendable {
    /// The record of a session, or `nil` if there is none or it has expired.
    /// - Throws: `.corruptRecord` and `.newerFormat` for bytes that cannot be read, `.unavailable` when it cannot tell.
    func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord?

    /// Adds a record under an id that has none; never overwrites.
    func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome

    /// Replaces a record, idle deadline included, if it lives and its stamp is `stamp`.
    func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome

    /// Moves the idle deadline to `expiresAt`, if the record lives, its stamp is `stamp`, and the new deadline is later.
    /// Never touches the body.
    /// - Returns: Whether the record was there with that stamp.
    func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool

    /// Removes a record if it lives and its stamp is `stamp`.
    func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome
}

/// How an insert ended.
public enum InsertOutcome: Hashable, Sendable {
    /// The record is stored.
    case inserted
    /// There is one under this id already; it is unchanged.
    case exists
}

/// How an update ended.
public enum UpdateOutcome: Equatable, Sendable {
    /// The record is stored.
    case updated
    /// Somebody else wrote in between; nothing was written. This is the record now.
    case conflict(SessionRecord)
    /// There is no record, or it has expired; nothing was written.
    case missing
}

/// How a delete ended.
public enum DeleteOutcome: Equatable, Sendable {
    /// The record is gone.
    case deleted
    /// Somebody else wrote in between; nothing was deleted. This is the record now.
    case conflict(SessionRecord)
    /// There was no record, or it had expired.
    case missing
}
