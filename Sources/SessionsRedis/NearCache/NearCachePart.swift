#if Redis
import NIOCore
import Sessions
import Synchronization

/// The sessions that one connection has read and that its server vouches for.
///
/// The server remembers which keys this connection has read, and pushes a message when one is changed, by whomever. So a
/// record may be kept as long as the connection lives, no message about it came, and the server still answers: what is
/// older than a second is not served, for a server that hangs sends no messages either.
///
/// Changes of one's own are announced too. The server could be asked to leave those out (`NOLOOP`), but then it also
/// keeps silent when it drops a key from its table for lack of room while it runs a command of ours, and a record would
/// be kept that nobody vouches for. So a commit's record is kept not because the commit won but because the server, asked
/// again right behind it, has the same stamp: messages that come before that answer are older than it, and one that comes
/// later drops the record, as it should.
///
/// A Cluster's node can lose a slot, by a failover or a migration, and go on answering. A key that is migrated away is
/// deleted here and one that comes back is written, and both are announced; after everything else the Cluster is in
/// another epoch. So nodes are asked for their state twice a second, and a new epoch, or a node that serves nothing
/// because it has lost the majority of the others, empties the cache.
///
/// Everything but ``record(_:now:)`` and forgetting happens on the connection's event loop, in the order in which the
/// server sent it.
final class NearCachePart: Sendable {
    /// How long after the sending of the last answered command records count as fresh.
    static let freshness: TimeAmount = .seconds(1)
    /// How often a server is asked whether it is there when nothing else is asked.
    static let pingInterval: TimeAmount = .milliseconds(500)

    private enum Entry {
        /// Loads are on their way. The first one that was sent has this number; the reply to it or a later one may be kept.
        case loading(first: UInt64)
        /// A commit was sent, and behind it the question with this number whether its record is there.
        case confirming(ticket: UInt64)
        /// As it came; it is decoded when somebody wants it.
        case raw([UInt8])
        case record(SessionRecord)
    }

    private typealias Entries = RecentlyUsedTable<SessionID, Entry>

    private struct State {
        var entries: Entries
        var freshUntil = NIODeadline.uptimeNanoseconds(0)
        var lastTicket: UInt64 = 0
        /// What a Cluster's node has said last, on this connection.
        var clusterStatus: RedisClusterStatus?

        /// Takes all entries out, for the caller to let go of when it has let go of the lock.
        mutating func takeAll() -> Entries {
            let all = entries
            entries = Entries(maximumCount: all.maximumCount)
            return all
        }
    }

    private let keys: RedisKeys
    private let counters: NearCacheCounters
    private let state: Mutex<State>

    init(maximumCount: Int, keys: RedisKeys, counters: NearCacheCounters = NearCacheCounters()) {
        self.keys = keys
        self.counters = counters
        state = Mutex(State(entries: Entries(maximumCount: maximumCount)))
    }

    /// The record of a session, if it is here and fresh.
    func record(_ id: SessionID, now: SessionInstant) -> SessionRecord? {
        let record = present(id).flatMap { $0.expiresAt > now ? $0 : nil }
        counters.looked(found: record != nil)
        return record
    }

    private func present(_ id: SessionID) -> SessionRecord? {
        let time = NIODeadline.now()
        let entry = state.withLock { state in time < state.freshUntil ? state.entries[id] : nil }
        switch entry {
        case nil, .loading, .confirming:
            return nil
        case .record(let record):
            return record
        case .raw(let bytes):
            // What cannot be decoded is for `load` to report.
            guard let record = try? RedisStoredRecord.decode(bytes, id: id) else { return nil }
            state.withLock { state in
                if case .raw(let present) = state.entries[id], present == bytes { state.entries[id] = .record(record) }
            }
            return record
        }
    }

    /// Drops the record that a command is about, sent by another way than this cache's connection.
    func forget(_ effect: NearCacheEffect) {
        switch effect {
        case .none, .clusterStatus: return
        case .load(let id), .commit(let id, _), .confirm(let id, _), .forget(let id):
            state.withLock { $0.entries[id] = nil }
        }
    }

    // MARK: On the event loop

    /// A command is about to be sent.
    /// - Returns: The number under which its reply is expected.
    func willSend(_ effect: NearCacheEffect) -> UInt64 {
        switch effect {
        case .none, .clusterStatus:
            return 0
        case .load(let id):
            return state.withLock { state in
                state.lastTicket += 1
                switch state.entries[id] {
                case .loading, .confirming:
                    // What is expected already will do. If each load put the one before it out of date, a session that
                    // many requests ask for at the same time would never be kept.
                    break
                case nil, .raw, .record:
                    state.entries[id] = .loading(first: state.lastTicket)
                }
                return state.lastTicket
            }
        case .confirm(let id, _):
            return state.withLock { state in
                state.lastTicket += 1
                state.entries[id] = .confirming(ticket: state.lastTicket)
                return state.lastTicket
            }
        case .commit(let id, _), .forget(let id):
            state.withLock { $0.entries[id] = nil }
            return 0
        }
    }

    /// A reply has come.
    func received(_ value: RESPValue, _ effect: NearCacheEffect, ticket: UInt64, sentAt: NIODeadline) {
        let dropped: Entries? = state.withLock { state in
            state.freshUntil = max(state.freshUntil, sentAt + Self.freshness)
            switch effect {
            case .none, .commit, .forget:
                break
            case .load(let id):
                // Nothing is expected, or only what was sent later, if a message about the session came meanwhile, or
                // a command was sent that changes it.
                guard case .loading(let first) = state.entries[id], first <= ticket else { break }
                state.entries[id] = Self.entry(value)
            case .confirm(let id, let record):
                guard case .confirming(ticket) = state.entries[id] else { break }
                state.entries[id] = Self.isHead(value, of: record) ? .record(record) : nil
            case .clusterStatus:
                let status = value.text.flatMap { RedisClusterStatus($0) }
                // The first answer on a connection comes before all records.
                let isSame = status != nil && (state.clusterStatus == nil || state.clusterStatus == status)
                state.clusterStatus = status ?? RedisClusterStatus(isServing: false, epoch: 0)
                if !isSame || status?.isServing != true { return state.takeAll() }
            }
            return nil
        }
        counters.invalidated(dropped?.count ?? 0)
    }

    private static func entry(_ value: RESPValue) -> Entry? {
        guard case .bulk(let buffer) = value else { return nil }
        // A copy: the buffer is a part of all that came with one read.
        return .raw(Array(buffer.readableBytesView))
    }

    private static func isHead(_ value: RESPValue, of record: SessionRecord) -> Bool {
        guard case .bulk(let head) = value else { return false }
        return RedisStoredRecord.isHead(head, of: record)
    }

    /// A message has come: `invalidate`, with the keys that were changed, or with none if all may have been.
    func receive(_ message: [RESPValue]) {
        // What is not understood may be about anything.
        guard message.count == 2, case .bulk(let kind) = message[0],
            kind.readableBytesView.elementsEqual("invalidate".utf8), case .array(let changed) = message[1]
        else { return forgetAll() }
        for key in changed {
            guard case .bulk(let name) = key else { return forgetAll() }
            // Leases and subjects' indexes have other keys.
            if let id = keys.sessionID(inRecordKey: name.readableBytesView) { invalidate(id) }
        }
    }

    private func invalidate(_ id: SessionID) {
        let wasPresent = state.withLock { state in
            switch state.entries[id] {
            case nil:
                return false
            case .loading:
                state.entries[id] = nil
                return false
            case .confirming:
                // The answer that is on its way is newer than this message, which is most likely about the commit itself.
                return false
            case .raw, .record:
                state.entries[id] = nil
                return true
            }
        }
        if wasPresent { counters.invalidated(1) }
    }

    /// Without its connection there is nobody to tell about changes.
    func connectionClosed() {
        let dropped = state.withLock { state in
            state.freshUntil = .uptimeNanoseconds(0)
            state.clusterStatus = nil
            return state.takeAll()
        }
        counters.invalidated(dropped.count)
    }

    /// Drops all records, and the replies that are on their way.
    func forgetAll() {
        let dropped = state.withLock { $0.takeAll() }
        counters.invalidated(dropped.count)
    }

    /// How many records are kept or expected, for tests.
    var count: Int { state.withLock { $0.entries.count } }
}
#endif
