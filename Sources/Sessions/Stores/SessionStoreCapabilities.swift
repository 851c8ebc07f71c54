// What a store may be able to do beyond ``SessionStore``. A manager asks once, when it is made.

/// A store that moves a session to a new id in one step.
public protocol RenewingSessionStore: SessionStore {
    /// Inserts `successor` under `newID` and replaces the record under `id` with `forwarder`, both or neither, if the
    /// record under `id` lives and its stamp is `stamp`.
    ///
    /// A crash may leave the successor behind without the forwarder, never the other way round: nobody has its token yet.
    func renew(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        forwarder: SessionRecord,
        successor: SessionRecord,
        newID: SessionID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> RenewOutcome
}

/// How a renewal in one step ended.
public enum RenewOutcome: Equatable, Sendable {
    /// The session lives under its new id.
    case renewed
    /// Somebody else wrote in between; nothing was written. This is the record now.
    case conflict(SessionRecord)
    /// There is no record under the old id, or it has expired; nothing was written.
    case missing
    /// There is a record under the new id already; nothing was written.
    case exists
}

/// A store that has records at hand in this process: all of them, or those that a cache in front of a server keeps.
///
/// A manager that opens a session asks here first and loads only what is not at hand, so a session that is costs neither
/// a round trip nor a suspension. Everything else, and a session that is asked for ``SessionFreshness/fresh``, goes to the
/// five methods, which never answer from a cache.
public protocol ResidentSessionStore: SessionStore {
    /// The record of a session, if it is at hand and no older than the store promises.
    ///
    /// The caller may hold a lock of the request's: return at once, and call nothing that waits or leads back to it.
    /// - Returns: `nil` if it is not at hand, which does not mean that there is none. An expired record is not at hand.
    func residentRecord(_ id: SessionID, now: SessionInstant) -> SessionRecord?
}

/// A store that can move idle deadlines without anybody waiting for it.
///
/// A request that only reads its session need not wait until its life is extended: the next one will try again if this
/// one fails.
public protocol DeferringSessionStore: SessionStore {
    /// Begins what ``SessionStore/touch(_:ifStamp:expiresAt:now:)`` does, and returns at once. A load that is begun later
    /// through this store sees its effect.
    func touchLater(_ id: SessionID, ifStamp stamp: SessionStamp, expiresAt: SessionInstant, now: SessionInstant)
}

/// A store that can count and list its records.
public protocol EnumerableSessionStore: SessionStore {
    /// The number of records that live at `now`, forwarders included.
    func count(now: SessionInstant) async throws(SessionStoreError) -> Int

    /// Some of the records that live at `now`, in the store's own order.
    ///
    /// A record that is there during all pages of a listing comes at least once. A store whose order stands still, by
    /// id for example, says that each comes exactly once; one that walks through a hash table cannot, and whoever counts
    /// what is listed takes out what comes twice. No page holds a record twice, nor one that was gone before that page
    /// was asked for. A record that comes or goes between two pages is listed or not.
    ///
    /// A page may be shorter than `limit`, or empty, and not be the last: only ``SessionPage/next`` tells.
    /// - Parameters:
    ///   - cursor: Where the page before ended; `nil` for the first one.
    ///   - limit: How many entries to aim at, 1 to 1000. A store that cannot cut its own steps may give up to 128 more.
    ///   - now: The caller's time.
    /// - Throws: `.invalidCursor` for a cursor that the store never gave, or one whose place is no more, such as a server
    ///   that was taken away: a listing that ended there would look complete.
    func page(
        after cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SessionPage
}

/// One page of a listing.
public struct SessionPage: Equatable, Sendable {
    /// One listed record.
    public struct Entry: Equatable, Sendable {
        /// The record's id.
        public var id: SessionID
        /// The record.
        public var record: SessionRecord

        /// Creates an entry.
        public init(id: SessionID, record: SessionRecord) {
            self.id = id
            self.record = record
        }
    }

    /// The records, in the store's own order.
    public var entries: [Entry]
    /// Where the next page begins, or `nil` after the last one.
    public var next: SessionStoreCursor?

    /// Creates a page.
    public init(entries: [Entry], next: SessionStoreCursor?) {
        self.entries = entries
        self.next = next
    }
}

/// A store that knows which sessions a subject has.
///
/// Two things are kept for each subject: entries (session ids with their absolute deadline) and an epoch, which
/// "end all sessions" raises. Whoever signs in reads the epoch in the same step in which the entry is written, and again
/// after the commit; if it has changed, the new session ends. So what survives an "end all" began after it.
public protocol SubjectIndexingSessionStore: SessionStore {
    /// Adds an entry, or keeps the one that is there, and reads the epoch, in one step.
    func addToIndex(
        _ id: SessionID,
        subject: SubjectID,
        absoluteDeadline: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SubjectEpoch

    /// Removes an entry; nothing happens where there is none.
    func removeFromIndex(_ id: SessionID, subject: SubjectID) async throws(SessionStoreError)

    /// The subject's epoch; ``SubjectEpoch/initial`` where nobody ever raised it.
    func epoch(of subject: SubjectID) async throws(SessionStoreError) -> SubjectEpoch

    /// Raises the epoch and reads the entries, in one step.
    func raiseEpoch(of subject: SubjectID, now: SessionInstant) async throws(SessionStoreError) -> [SubjectIndexEntry]

    /// The subject's entries. Those whose absolute deadline has passed are pruned and left out.
    func index(of subject: SubjectID, now: SessionInstant) async throws(SessionStoreError) -> [SubjectIndexEntry]
}

/// One entry of a subject's index.
public struct SubjectIndexEntry: Hashable, Sendable {
    /// The session.
    public var id: SessionID
    /// When the entry was made. An entry without a record may be a sign-in under way for 60 seconds.
    public var addedAt: SessionInstant

    /// Creates an entry.
    public init(id: SessionID, addedAt: SessionInstant) {
        self.id = id
        self.addedAt = addedAt
    }
}

/// A mark that changes whenever all of a subject's sessions are ended. Compared for equality only.
public struct SubjectEpoch: RawRepresentable, Hashable, Sendable {
    /// The mark.
    public let rawValue: UInt64

    /// Creates an epoch from its mark.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The epoch of a subject whose sessions were never all ended.
    public static var initial: Self { .init(rawValue: 0) }
}

/// A store whose expired records need to be removed by somebody: the manager's `run()` does.
public protocol SweepingSessionStore: SessionStore {
    /// Whether sweeps remove expired records. `false` for a store whose server does so by itself and at its own time; then
    /// sweeps are for indexes alone, and name no session.
    var sweepsRecords: Bool { get }

    /// Removes expired records and index entries that are good for nothing, in a small step.
    ///
    /// A round goes from `nil` to a step without ``SweepStep/next`` and passes every record that is there all the while.
    /// - Parameters:
    ///   - cursor: Where the last step stopped; `nil` to begin a round. One that the store never gave, or whose place is
    ///     no more, ends the round and removes nothing: nobody misses what the next round does.
    ///   - limit: The most records to look at, or about so many.
    ///   - now: The caller's time.
    func sweep(
        from cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SweepStep
}

/// What one step of a sweep did.
public struct SweepStep: Equatable, Sendable {
    /// The sessions that were removed because they had expired. Forwarders are not among them.
    public var expired: [SessionID]
    /// Where to go on, or `nil` when the round is complete.
    public var next: SessionStoreCursor?

    /// Creates a step's result.
    public init(expired: [SessionID], next: SessionStoreCursor?) {
        self.expired = expired
        self.next = next
    }
}

/// A store that can lend a session to one request at a time, across processes.
///
/// A lease only queues: correctness stays with compare-and-set, so a lease that is lost or ignored loses no update.
public protocol LeasingSessionStore: SessionStore {
    /// Takes the lease of a session if it is free, or its holder's time is over, or `holder` has it.
    /// - Returns: Whether `holder` has it now, until `expiresAt`.
    func acquireLease(
        on id: SessionID,
        holder: UInt64,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool

    /// Gives a lease back; nothing happens if `holder` does not have it.
    func releaseLease(on id: SessionID, holder: UInt64) async throws(SessionStoreError)
}

/// A store that has connections or the like, which somebody must close.
///
/// A manager that was opened by name or address closes its store when ``SessionManager/run()`` ends; a store that was made
/// by hand is closed by whoever made it.
public protocol ConnectedSessionStore: SessionStore {
    /// Closes what is open; what is asked of the store afterwards fails with `.shutDown`. Does nothing the second time.
    func shutDown() async
}

/// A store that can tell whether it works.
public protocol HealthCheckingSessionStore: SessionStore {
    /// Returns if the store can answer; throws what it would throw to a request otherwise.
    func checkHealth() async throws(SessionStoreError)
}
