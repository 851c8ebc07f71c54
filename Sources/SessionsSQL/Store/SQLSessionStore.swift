public import Sessions

/// A store whose sessions are rows of a SQL database: what `SQLiteSessionStore`, `MySQLSessionStore` and
/// `PostgresSessionStore` have in common.
///
/// A record is a row: its id and the record itself as bytes, its stamp and times as numbers. Reading a session is one
/// statement, which in MySQL and PostgreSQL those share that wait for a connection. Committing another is one:
/// `UPDATE … WHERE id = ? AND stamp = ?`, whose number of rows tells whether it won. Only where it lost a second statement
/// asks why. Statements are prepared once per connection, and all values are bound.
///
/// Calls to the database block, and so run on threads of the store's own, one per connection; never on Swift's shared
/// pool. A call that has not ended in time ends with an error, and its connection is closed.
public protocol SQLSessionStore: RenewingSessionStore, EnumerableSessionStore, SweepingSessionStore,
    SubjectIndexingSessionStore, LeasingSessionStore, ConnectedSessionStore, HealthCheckingSessionStore
{
    /// The database, for this package's stores.
    var database: SQLDatabase { get }
}

extension SQLSessionStore {
    /// The record of a session, or `nil` if there is none or it has expired. One statement.
    public func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        try await database.load(id, now: now)
    }

    /// Adds a record under an id that has none; never overwrites. One statement.
    public func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        try await database.insert(record, id: id)
    }

    /// Replaces a record if it lives and its stamp is the expected one. One statement.
    public func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        try await database.update(record, id: id, ifStamp: stamp, now: now)
    }

    /// Moves the idle deadline later, if the record lives and its stamp is the expected one. One statement.
    public func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        try await database.touch(id, ifStamp: stamp, expiresAt: expiresAt, now: now)
    }

    /// Removes a record if it lives and its stamp is the expected one. One statement.
    public func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        try await database.delete(id, ifStamp: stamp, now: now)
    }

    /// Turns the old record into a forwarder and adds its successor, in one transaction.
    public func renew(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        forwarder: SessionRecord,
        successor: SessionRecord,
        newID: SessionID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> RenewOutcome {
        try await database.renew(
            id,
            ifStamp: stamp,
            forwarder: forwarder,
            successor: successor,
            newID: newID,
            now: now
        )
    }

    /// The number of records that live. The database looks at all of them: for operators, not for every request.
    public func count(now: SessionInstant) async throws(SessionStoreError) -> Int {
        try await database.count(now: now)
    }

    /// The records that live, by ascending id: one that is there during all pages comes exactly once.
    /// - Throws: `.invalidCursor` for a cursor that is no id.
    public func page(
        after cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SessionPage {
        try await database.page(after: cursor, limit: limit, now: now)
    }

    /// `true`.
    public var sweepsRecords: Bool { true }

    /// Removes up to 64 expired records and as many entries, leases and epochs that are good for nothing, by their keys,
    /// so that no lock is held for long. Records go between one and six minutes after their deadline.
    public func sweep(
        from cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SweepStep {
        try await database.sweep(from: cursor, limit: limit, now: now)
    }

    /// Adds an entry, or keeps the one that is there, and then reads the epoch. Two statements.
    public func addToIndex(
        _ id: SessionID,
        subject: SubjectID,
        absoluteDeadline: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SubjectEpoch {
        try await database.addToIndex(id, subject: subject, absoluteDeadline: absoluteDeadline, now: now)
    }

    /// Removes an entry; nothing happens where there is none.
    public func removeFromIndex(_ id: SessionID, subject: SubjectID) async throws(SessionStoreError) {
        try await database.removeFromIndex(id, subject: subject)
    }

    /// The subject's epoch.
    public func epoch(of subject: SubjectID) async throws(SessionStoreError) -> SubjectEpoch {
        try await database.epoch(of: subject)
    }

    /// Raises the epoch and then reads the entries. Two statements.
    public func raiseEpoch(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try await database.raiseEpoch(of: subject, now: now)
    }

    /// The subject's entries whose absolute deadline is ahead.
    public func index(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try await database.index(of: subject, now: now)
    }

    /// Takes the lease of a session if it is free, or its holder's time is over, or `holder` has it.
    public func acquireLease(
        on id: SessionID,
        holder: UInt64,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        try await database.acquireLease(on: id, holder: holder, expiresAt: expiresAt, now: now)
    }

    /// Gives a lease back; nothing happens if `holder` does not have it.
    public func releaseLease(on id: SessionID, holder: UInt64) async throws(SessionStoreError) {
        try await database.releaseLease(on: id, holder: holder)
    }

    /// Asks the database for the version of the tables.
    public func checkHealth() async throws(SessionStoreError) { try await database.checkHealth() }

    /// Closes all connections, once the calls that run or wait have come to their end. Whatever is asked of the store
    /// afterwards fails with `.shutDown`.
    public func shutDown() async { await database.shutDown() }
}
