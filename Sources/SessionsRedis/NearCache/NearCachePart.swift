#if Redis
import NIOCore
import Sessions
import Synchronization

/// What a command means to the near cache.
enum NearCacheEffect: Sendable {
    case none
    /// Reads a record; the reply may be kept.
    case load(SessionID)
    /// Replaces a record and reads it; if it wins, this one may be kept.
    case commit(SessionID, SessionRecord)
    /// Changes a record in another way.
    case forget(SessionID)
    /// Asks a Cluster's node for its state.
    case clusterStatus
}

/// The sessions that one connection has read and that its server vouches for.
///
/// The server remembers which keys this connection has read, and pushes a message when somebody else changes one. So a
/// record may be kept as long as the connection lives, no message about it came, and the server still answers: what is
/// older than a second is not served, for a server that hangs sends no messages either.
///
/// A Cluster's node can lose a slot, by a failover or a migration, and go on answering. A key that is migrated away is
/// deleted here and one that comes back is written, and both are announced; after everything else the Cluster is in
/// another epoch. So nodes are asked for their state twice a second, and a new epoch, or a node that serves nothing
/// because it has lost the majority of the others, empties the cache.
///
/// Everything but ``record(_:now:)`` happens on the connection's event loop, in the order in which the server sent it.
final class NearCachePart: Sendable {
    /// How long after the sending of the last answered command records count as fresh.
    static let freshness: TimeAmount = .seconds(1)
    /// How often a server is asked whether it is there when nothing else is asked.
    static let pingInterval: TimeAmount = .milliseconds(500)

    private enum Entry {
        /// A reply is on its way; only the one with this number may be kept.
        case expected(ticket: UInt64)
        /// As it came; it is decoded when somebody wants it.
        case raw([UInt8])
        case record(SessionRecord)
    }

    private struct State {
        var entries: TwoGenerationTable<SessionID, Entry>
        var freshUntil = NIODeadline.uptimeNanoseconds(0)
        var lastTicket: UInt64 = 0
        /// What a Cluster's node has said last, on this connection.
        var clusterStatus: RedisClusterStatus?
    }

    private let keys: RedisKeys
    private let state: Mutex<State>

    init(maximumCount: Int, keys: RedisKeys) {
        self.keys = keys
        state = Mutex(State(entries: TwoGenerationTable(maximumCount: maximumCount)))
    }

    /// The record of a session, if it is here and fresh.
    func record(_ id: SessionID, now: SessionInstant) -> SessionRecord? {
        let time = NIODeadline.now()
        let entry = state.withLock { state in time < state.freshUntil ? state.entries[id] : nil }
        switch entry {
        case nil, .expected:
            return nil
        case .record(let record):
            return record.expiresAt > now ? record : nil
        case .raw(let bytes):
            // What cannot be decoded is for `load` to report.
            guard let record = try? RedisStoredRecord.decode(bytes, id: id) else { return nil }
            state.withLock { state in
                if case .raw(let present) = state.entries[id], present == bytes { state.entries[id] = .record(record) }
            }
            return record.expiresAt > now ? record : nil
        }
    }

    /// Drops the record that a command is about, sent by another way than this cache's connection.
    func forget(_ effect: NearCacheEffect) {
        switch effect {
        case .none, .clusterStatus: return
        case .load(let id), .commit(let id, _), .forget(let id): state.withLock { $0.entries[id] = nil }
        }
    }

    // MARK: On the event loop

    /// A command is about to be sent.
    /// - Returns: The number under which its reply is expected.
    func willSend(_ effect: NearCacheEffect) -> UInt64 {
        switch effect {
        case .none, .clusterStatus:
            return 0
        case .load(let id), .commit(let id, _):
            return state.withLock { state in
                state.lastTicket += 1
                state.entries[id] = .expected(ticket: state.lastTicket)
                return state.lastTicket
            }
        case .forget(let id):
            state.withLock { $0.entries[id] = nil }
            return 0
        }
    }

    /// A reply has come.
    func received(_ value: RESPValue, _ effect: NearCacheEffect, ticket: UInt64, sentAt: NIODeadline) {
        state.withLock { state in
            state.freshUntil = max(state.freshUntil, sentAt + Self.freshness)
            switch effect {
            case .none, .forget:
                return
            case .load(let id):
                guard case .expected(ticket) = state.entries[id] else { return }
                state.entries[id] = Self.entry(value)
            case .clusterStatus:
                let status = value.text.flatMap { RedisClusterStatus($0) }
                // The first answer on a connection comes before all records.
                let isSame = status != nil && (state.clusterStatus == nil || state.clusterStatus == status)
                state.clusterStatus = status ?? RedisClusterStatus(isServing: false, epoch: 0)
                if !isSame || status?.isServing != true { state.entries.removeAll() }
            case .commit(let id, let record):
                guard case .expected(ticket) = state.entries[id] else { return }
                state.entries[id] = value == .integer(1) ? .record(record) : Self.entry(value)
            }
        }
    }

    private static func entry(_ value: RESPValue) -> Entry? {
        guard case .bulk(let buffer) = value else { return nil }
        // A copy: the buffer is a part of all that came with one read.
        return .raw(Array(buffer.readableBytesView))
    }

    /// A message has come: `invalidate`, with the keys that were changed, or with none if all may have been.
    func receive(_ message: [RESPValue]) {
        guard message.count == 2, case .bulk(let kind) = message[0],
            kind.readableBytesView.elementsEqual("invalidate".utf8)
        else { return }
        guard case .array(let changed) = message[1] else { return forgetAll() }
        state.withLock { state in
            for case .bulk(let key) in changed {
                if let id = keys.sessionID(inRecordKey: key.readableBytesView) { state.entries[id] = nil }
            }
        }
    }

    /// Without its connection there is nobody to tell about changes.
    func connectionClosed() {
        forgetAll()
        state.withLock { state in
            state.freshUntil = .uptimeNanoseconds(0)
            state.clusterStatus = nil
        }
    }

    /// Drops all records, and the replies that are on their way.
    func forgetAll() { state.withLock { $0.entries.removeAll() } }

    /// How many records are kept, for tests.
    var count: Int { state.withLock { $0.entries.count } }
}
#endif
