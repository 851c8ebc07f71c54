import Synchronization

/// Keeps sessions in this process's memory: the fastest store, and one that forgets them all when the process ends.
///
/// It has every ability a store can have. Sessions are spread over 64 parts with a lock each; no lock is held for longer
/// than one operation takes, and the methods never suspend. An ended session leaves nothing behind; one that expired is
/// missing at once and stays in memory until the manager's next sweep.
public final class MemorySessionStore: Sendable {
    /// How the store is set up.
    public struct Configuration: Sendable {
        /// The most sessions to hold, or `nil`, the default, for as many as fit into memory. At least 1.
        ///
        /// Expired sessions make room first. A renewal never fails for want of room; the forwarders that renewals leave
        /// for a minute count as well.
        public var maximumCount: Int?

        /// What happens to a new session when ``maximumCount`` is reached. Default: `.refuse`.
        public var whenFull: WhenFull

        /// Creates a configuration.
        public init(maximumCount: Int? = nil, whenFull: WhenFull = .refuse) {
            self.maximumCount = maximumCount
            self.whenFull = whenFull
        }
    }

    /// What a full store does with a new session.
    public struct WhenFull: Hashable, Sendable {
        fileprivate enum Wrapped { case refuse, evictSoonestToExpire }
        fileprivate let wrapped: Wrapped

        /// The new session fails with ``SessionStoreError``'s `.full`; nobody who is signed in notices.
        public static var refuse: Self { .init(wrapped: .refuse) }

        /// The new session takes the place of one of the sessions nearest to their idle deadline: of the one in the same
        /// 64th part of the store.
        ///
        /// - Important: Whoever owned that session is logged out without a word, and a flood of new sessions can do so to
        ///   everybody.
        public static var evictSoonestToExpire: Self { .init(wrapped: .evictSoonestToExpire) }
    }

    /// One 64th of the store.
    final class Shard: Sendable {
        /// The records' bodies by session id, each with its idle deadline.
        let sessions = Mutex(ExpiringTable<[UInt8]>())
        /// The holders of leases by session id.
        let leases = Mutex(ExpiringTable<UInt64>())
        /// The subjects by subject id.
        let subjects = Mutex(ExpiringTable<Subject>())
    }

    /// A power of two, so that the leading bits of an id choose the part.
    static let shardCount = 64

    let configuration: Configuration
    let shards: [Shard]
    /// The records in all parts; kept only when there is a maximum.
    private let occupied = Atomic<Int>(0)
    /// The latest time that any call came with: an insert comes with none, and a full store has to know what has
    /// expired. Kept only when there is a maximum.
    private let latestTime = Atomic<Int64>(.min)
    let lastEpoch = Atomic<UInt64>(SubjectEpoch.initial.rawValue)

    /// Creates an empty store.
    public init(configuration: Configuration = .init()) {
        self.configuration = configuration
        shards = (0..<Self.shardCount).map { _ in Shard() }
    }

    /// The part of an id, by its leading bits: so the order of the parts is the order of the ids in them.
    static func shardIndex(of digest: Digest32) -> Int { Int(digest.w0.bigEndian >> 58) }

    private func shard(of id: SessionID) -> Shard { shards[Self.shardIndex(of: id.digest)] }
}

// MARK: - SessionStore

extension MemorySessionStore: SessionStore {
    /// The record of a session, or `nil` if there is none or it has expired.
    public func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        residentRecord(id, now: now)
    }

    /// Adds a record under an id that has none; never overwrites.
    /// - Throws: `.full` when ``Configuration/maximumCount`` is reached and ``Configuration/whenFull`` is `.refuse`.
    public func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        guard let maximum = configuration.maximumCount else {
            return shard(of: id).sessions.withLock { $0.insert(record, id: id) }
        }
        while true {
            if occupy(maximum) {
                let outcome = shard(of: id).sessions.withLock { $0.insert(record, id: id) }
                if outcome == .exists { vacate(1) }
                return outcome
            }
            let exists = shard(of: id).sessions.withLock { $0.find(id.digest) != nil }
            if exists { return .exists }
            guard makeRoom(for: id) else {
                throw SessionStoreError(
                    .full,
                    "the memory store holds \(maximum) sessions, its maximumCount: raise it or shorten lifetimes"
                )
            }
        }
    }

    /// Replaces a record if it lives and its stamp is the expected one.
    public func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        note(now)
        return shard(of: id).sessions.withLock { sessions in
            guard let slot = sessions.find(id.digest, livingAt: now) else { return .missing }
            let current = sessions.record(at: slot)
            guard current.stamp == stamp else { return .conflict(current) }
            sessions.replace(with: record, at: slot)
            return .updated
        }
    }

    /// Moves the idle deadline later, if the record lives and its stamp is the expected one.
    public func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        note(now)
        return shard(of: id).sessions.withLock { sessions in
            guard let slot = sessions.find(id.digest, livingAt: now) else { return false }
            let current = sessions.record(at: slot)
            guard current.stamp == stamp else { return false }
            let deadline = min(expiresAt, current.absoluteDeadline)
            if deadline > current.expiresAt { sessions.setDeadline(deadline, at: slot) }
            return true
        }
    }

    /// Removes a record if it lives and its stamp is the expected one.
    public func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        note(now)
        let outcome: DeleteOutcome = shard(of: id).sessions.withLock { sessions in
            guard let slot = sessions.find(id.digest, livingAt: now) else { return .missing }
            let current = sessions.record(at: slot)
            guard current.stamp == stamp else { return .conflict(current) }
            sessions.remove(at: slot)
            return .deleted
        }
        if outcome == .deleted { vacate(1) }
        return outcome
    }
}

extension MemorySessionStore: ResidentSessionStore {
    /// The record of a session: all of them are at hand.
    public func residentRecord(_ id: SessionID, now: SessionInstant) -> SessionRecord? {
        note(now)
        return shard(of: id).sessions.withLock { sessions in
            sessions.find(id.digest, livingAt: now).map { sessions.record(at: $0) }
        }
    }
}

extension MemorySessionStore: RenewingSessionStore {
    /// Moves a session to a new id: both records are written, or neither.
    public func renew(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        forwarder: SessionRecord,
        successor: SessionRecord,
        newID: SessionID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> RenewOutcome {
        note(now)
        let old = Self.shardIndex(of: id.digest)
        let new = Self.shardIndex(of: newID.digest)
        let outcome: RenewOutcome
        if old == new {
            outcome = shards[old].sessions.withLock { sessions in
                if let refusal = sessions.refusal(toRenew: id, ifStamp: stamp, now: now) { return refusal }
                guard sessions.insert(successor, id: newID) == .inserted else { return .exists }
                sessions.replace(with: forwarder, id: id)
                return .renewed
            }
        } else if old < new {
            // Two renewals at a time take the two locks in the same order, so that neither waits for the other forever.
            outcome = shards[old].sessions.withLock { sessions in
                if let refusal = sessions.refusal(toRenew: id, ifStamp: stamp, now: now) { return refusal }
                let inserted = shards[new].sessions.withLock { $0.insert(successor, id: newID) }
                guard inserted == .inserted else { return .exists }
                sessions.replace(with: forwarder, id: id)
                return .renewed
            }
        } else {
            outcome = shards[new].sessions.withLock { others in
                shards[old].sessions.withLock { sessions in
                    if let refusal = sessions.refusal(toRenew: id, ifStamp: stamp, now: now) { return refusal }
                    guard others.insert(successor, id: newID) == .inserted else { return .exists }
                    sessions.replace(with: forwarder, id: id)
                    return .renewed
                }
            }
        }
        if outcome == .renewed, configuration.maximumCount != nil { occupied.add(1, ordering: .relaxed) }
        return outcome
    }
}

extension MemorySessionStore: HealthCheckingSessionStore {
    /// Returns at once: memory always answers.
    public func checkHealth() async throws(SessionStoreError) {}
}

// MARK: - The maximum

extension MemorySessionStore {
    /// Takes a place if one is free.
    private func occupy(_ maximum: Int) -> Bool {
        var count = occupied.load(ordering: .relaxed)
        while count < maximum {
            let (exchanged, current) = occupied.weakCompareExchange(
                expected: count,
                desired: count + 1,
                ordering: .relaxed
            )
            if exchanged { return true }
            count = current
        }
        return false
    }

    /// Gives places back.
    func vacate(_ count: Int) {
        if configuration.maximumCount != nil { occupied.subtract(count, ordering: .relaxed) }
    }

    func note(_ now: SessionInstant) {
        guard configuration.maximumCount != nil else { return }
        latestTime.max(now.millisecondsSince1970, ordering: .relaxed)
    }

    /// Removes expired sessions, or, if there are none and the policy says so, one that lives.
    /// - Returns: Whether there was anything to remove.
    private func makeRoom(for id: SessionID) -> Bool {
        let start = Self.shardIndex(of: id.digest)
        let order = (0..<Self.shardCount).lazy.map { self.shards[($0 + start) % Self.shardCount] }
        let now = SessionInstant(millisecondsSince1970: latestTime.load(ordering: .relaxed))
        for shard in order {
            let removed = shard.sessions.withLock { $0.removeExpired(at: now, limit: Self.sweepBatch) }
            guard removed == 0 else {
                vacate(removed)
                return true
            }
        }
        guard configuration.whenFull == .evictSoonestToExpire else { return false }
        for shard in order where shard.sessions.withLock({ $0.removeFirst() }) {
            vacate(1)
            return true
        }
        return false
    }
}

// MARK: - Records in a table

extension ExpiringTable<[UInt8]> {
    func record(at slot: Int) -> SessionRecord {
        SessionRecord(body: slots[slot].value, expiresAt: slots[slot].deadline)
    }

    fileprivate mutating func insert(_ record: SessionRecord, id: SessionID) -> InsertOutcome {
        guard find(id.digest) == nil else { return .exists }
        add(record.body, key: id.digest, deadline: record.expiresAt)
        return .inserted
    }

    fileprivate mutating func replace(with record: SessionRecord, at slot: Int) {
        setValue(record.body, at: slot)
        setDeadline(record.expiresAt, at: slot)
    }

    fileprivate mutating func replace(with record: SessionRecord, id: SessionID) {
        if let slot = find(id.digest) { replace(with: record, at: slot) }
    }

    fileprivate func refusal(
        toRenew id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) -> RenewOutcome? {
        guard let slot = find(id.digest, livingAt: now) else { return .missing }
        let current = record(at: slot)
        return current.stamp == stamp ? nil : .conflict(current)
    }
}
