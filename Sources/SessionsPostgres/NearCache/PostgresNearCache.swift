#if PostgreSQL
import Sessions
import Synchronization

/// The sessions that this process has read or committed lately, and that the server vouches for.
///
/// Whoever changes a record announces it in the same statement (`pg_notify`), and one connection of this process listens.
/// So a record may be kept as long as that connection lives, nothing was announced about it, and the server still answers.
///
/// **Why an answer to a ping proves that nothing was missed.** A backend that commits signals the listening backends before it
/// tells its own client that it has committed. A signal that was sent before a message is delivered before the system call
/// returns that reads the message. And a backend passes on what was announced after it has read a message and before it
/// says that it is ready again. So whatever was acknowledged to anybody before a ping was sent, its announcement comes
/// before the answer to the ping; what this class serves is at most as old as the sending of the last ping that was
/// answered, which is a second at the most.
///
/// Loads and commits take any connection of the pool, so that their replies and announcements come in no order. An id that
/// is asked for has a placeholder from before the question is sent, which an announcement removes: a reply is kept only
/// where it is still there.
///
/// What was announced by another server than the one that is read is worth nothing. So every connection brings the
/// server's identity along (when it was started), and after a failover neither the listening connection nor those of
/// the pool go on being used where they are.
final class PostgresNearCache: Sendable {
    /// How long after the sending of the last answered ping records count as fresh.
    static let freshness = Duration.seconds(1)

    private enum Entry {
        /// Loads are on their way. The first one that was begun has this number; the reply to it or a later one may be kept.
        case loading(first: UInt64)
        /// A commit that leaves this stamp is on its way.
        case committing(ticket: UInt64, SessionStamp)
        case record(SessionRecord)
    }

    private typealias Entries = RecentlyUsedTable<SessionID, Entry>

    private struct State {
        var entries: Entries
        var freshUntil: ContinuousClock.Instant?
        var lastTicket: UInt64 = 0
        /// The server that the listening connection is connected to, while it listens.
        var listeningTo: String?
        /// The server that a connection was opened to last.
        var server: String?

        var isLive: Bool { listeningTo != nil && listeningTo == server }

        /// Takes all entries out, for the caller to let go of when it has let go of the lock.
        mutating func takeAll() -> Entries {
            let all = entries
            entries = Entries(maximumCount: all.maximumCount)
            return all
        }
    }

    private let counters: NearCacheCounters
    private let state: Mutex<State>

    init(maximumCount: Int, counters: NearCacheCounters = NearCacheCounters()) {
        self.counters = counters
        state = Mutex(State(entries: Entries(maximumCount: maximumCount)))
    }

    /// The record of a session, if it is here and fresh.
    func record(_ id: SessionID, now: SessionInstant, at time: ContinuousClock.Instant = .now) -> SessionRecord? {
        let record: SessionRecord? = state.withLock { state in
            guard let freshUntil = state.freshUntil, time < freshUntil, case .record(let record) = state.entries[id],
                record.expiresAt > now
            else { return nil }
            return record
        }
        counters.looked(found: record != nil)
        return record
    }

    // MARK: Loads and commits

    /// A load is about to be asked for.
    /// - Returns: The number under which its reply is expected; 0 if it is not to be kept.
    func willLoad(_ id: SessionID) -> UInt64 {
        state.withLock { state in
            guard state.isLive else { return 0 }
            state.lastTicket += 1
            switch state.entries[id] {
            case .loading, .committing:
                // What is expected already will do. If each load put the one before it out of date, a session that many
                // requests ask for at the same time would never be kept.
                break
            case nil, .record:
                state.entries[id] = .loading(first: state.lastTicket)
            }
            return state.lastTicket
        }
    }

    /// The reply to a load has come; `nil` if there is no record, or no reply.
    func loaded(_ id: SessionID, _ record: SessionRecord?, ticket: UInt64) {
        state.withLock { state in
            // Nothing is expected, or only what was asked for later, if something was announced meanwhile, or a commit
            // was begun.
            guard ticket > 0, case .loading(let first) = state.entries[id], first <= ticket else { return }
            // No request is served from a forwarder at hand.
            if let record, !record.isForwarder { state.entries[id] = .record(record) } else { state.entries[id] = nil }
        }
    }

    /// A commit that leaves this record is about to be asked for: from now on nothing older is served.
    /// - Returns: The number under which its reply is expected; 0 if the record is not to be kept.
    func willCommit(_ id: SessionID, _ record: SessionRecord) -> UInt64 {
        state.withLock { state in
            guard state.isLive, !record.isForwarder else {
                state.entries[id] = nil
                return 0
            }
            state.lastTicket += 1
            state.entries[id] = .committing(ticket: state.lastTicket, record.stamp)
            return state.lastTicket
        }
    }

    /// A commit has won.
    func committed(_ id: SessionID, _ record: SessionRecord, ticket: UInt64) {
        state.withLock { state in
            // Where something else was announced meanwhile, or somebody else commits, or reads what may be older.
            guard ticket > 0, case .committing(ticket, _) = state.entries[id] else {
                state.entries[id] = nil
                return
            }
            state.entries[id] = .record(record)
        }
    }

    /// Drops a record, and what is expected: before a change of another kind is asked for and after it, whatever became of
    /// it; and after a commit that has not won, or of which nobody knows.
    func forget(_ id: SessionID) { state.withLock { $0.entries[id] = nil } }

    // MARK: Connections

    /// A connection was opened to this server.
    /// - Returns: Whether the listening connection is connected to another one.
    func connected(to server: String) -> Bool {
        let (dropped, isElsewhere) = state.withLock { state -> (Entries?, Bool) in
            guard state.server != server else { return (nil, false) }
            state.server = server
            return (state.takeAll(), state.listeningTo != nil && state.listeningTo != server)
        }
        counters.invalidated(dropped?.count ?? 0)
        return isElsewhere
    }

    /// Whether a connection to this server is of use: not after one was opened to another one.
    func isCurrent(_ server: String) -> Bool { state.withLock { $0.server == server } }

    // MARK: What the listening connection hears

    /// From now on it hears whatever this server commits.
    func listens(to server: String) {
        _ = connected(to: server)
        state.withLock { state in
            state.listeningTo = server
            state.freshUntil = nil
        }
    }

    /// An answer to a ping has come, after all that was announced before it.
    func answered(pingSentAt time: ContinuousClock.Instant) { state.withLock { $0.freshUntil = time + Self.freshness } }

    /// Without it there is nobody to tell about changes.
    func lost() {
        let dropped = state.withLock { state in
            state.listeningTo = nil
            state.freshUntil = nil
            return state.takeAll()
        }
        counters.invalidated(dropped.count)
    }

    /// Something was announced.
    func receive(_ text: String) {
        guard let change = PostgresChange(text) else {
            // What is not understood may be about anything.
            let dropped = state.withLock { $0.takeAll() }
            return counters.invalidated(dropped.count)
        }
        let wasDropped = state.withLock { state in
            switch state.entries[change.id] {
            case nil:
                return false
            case .loading:
                state.entries[change.id] = nil
                return false
            case .committing(_, let stamp):
                // One's own.
                if stamp != change.state?.stamp { state.entries[change.id] = nil }
                return false
            case .record(let record):
                if let after = change.state, after.stamp == record.stamp, after.expiresAt == record.expiresAt {
                    return false
                }
                state.entries[change.id] = nil
                return true
            }
        }
        if wasDropped { counters.invalidated(1) }
    }

    /// How many records are kept or expected, for tests.
    var count: Int { state.withLock { $0.entries.count } }

    /// Whether what is read now would be kept, and served, for tests.
    var isServing: Bool {
        state.withLock { state in state.isLive && state.freshUntil.map { $0 > .now } ?? false }
    }
}

/// What was announced: `ID`, or `ID STAMP EXPIRY` if a session lives there.
struct PostgresChange: Equatable {
    let id: SessionID
    let state: State?

    struct State: Equatable {
        let stamp: SessionStamp
        let expiresAt: SessionInstant
    }

    init?(_ text: String) {
        guard text.utf8.count <= 128 else { return nil }
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard let id = SessionID(String(parts[0])) else { return nil }
        self.id = id
        switch parts.count {
        case 1: state = nil
        case 3:
            guard let stamp = Int64(parts[1]), let expiry = Int64(parts[2]) else { return nil }
            state = State(
                stamp: SessionStamp(rawValue: UInt64(bitPattern: stamp)),
                expiresAt: SessionInstant(millisecondsSince1970: expiry)
            )
        default: return nil
        }
    }
}
#endif
