public import Sessions
import Synchronization

/// Wraps a store and fails, delays or counts its calls.
///
/// It has the abilities that the wrapped store has: a manager finds those of `MemorySessionStore` through it, for
/// example. To hide them, wrap it in a ``BasicSessionStore``.
/// ```swift
/// let store = FaultInjectingSessionStore(MemorySessionStore())
/// store.inject(.lostAnswer, into: .update)              // the next update
/// store.inject(.pauseBefore(gate), into: .delete, call: 2) // the one after the next delete
/// store.setOutage(.unavailable)                         // everything, until setOutage(nil)
/// ```
public final class FaultInjectingSessionStore<Base: SessionStore>: SessionStore {
    private struct Injection {
        var fault: SessionStoreFault
        var operation: SessionStoreOperation?
        var remaining: Int
    }

    private struct State {
        var injections: [Injection] = []
        var outage: SessionStoreError.Code?
        var calls: [SessionStoreOperation] = []
    }

    /// The wrapped store.
    public let base: Base
    private let state = Mutex(State())

    /// Wraps a store.
    public init(_ base: Base) {
        self.base = base
    }

    /// Does something to one call.
    /// - Parameters:
    ///   - fault: What happens.
    ///   - operation: The operation, or `nil`, the default, for any.
    ///   - call: The how-manieth call from now on; 1, the default, is the next.
    public func inject(_ fault: SessionStoreFault, into operation: SessionStoreOperation? = nil, call: Int = 1) {
        state.withLock { $0.injections.append(Injection(fault: fault, operation: operation, remaining: call)) }
    }

    /// Takes back all faults that have not happened yet.
    public func removeFaults() { state.withLock { $0.injections = [] } }

    /// Fails all calls from now on with an error of this code, without executing them; `nil` ends that.
    public func setOutage(_ code: SessionStoreError.Code?) { state.withLock { $0.outage = code } }

    /// The operations that were called so far, in order, failed ones included.
    public var calls: [SessionStoreOperation] { state.withLock { $0.calls } }

    /// How often an operation was called.
    public func callCount(of operation: SessionStoreOperation) -> Int {
        state.withLock { $0.calls.count { $0 == operation } }
    }

    /// Forgets the calls so far.
    public func resetCalls() { state.withLock { $0.calls = [] } }

    private func perform<Result>(
        _ operation: SessionStoreOperation,
        _ body: () async throws(SessionStoreError) -> Result
    ) async throws(SessionStoreError) -> Result {
        let (fault, outage) = state.withLock { state in
            state.calls.append(operation)
            var fault: SessionStoreFault?
            for index in state.injections.indices
            where state.injections[index].operation == nil || state.injections[index].operation == operation {
                state.injections[index].remaining -= 1
                if state.injections[index].remaining == 0 { fault = state.injections[index].fault }
            }
            state.injections.removeAll { $0.remaining <= 0 }
            return (fault, state.outage)
        }
        if let outage { throw SessionStoreError(outage, "injected outage: \(operation) was not executed") }
        switch fault?.wrapped {
        case nil:
            return try await body()
        case .unavailable:
            throw SessionStoreError(.unavailable, "injected: \(operation) was not executed")
        case .lostRequest:
            throw SessionStoreError(.outcomeUnknown, "injected: the request of \(operation) was lost")
        case .lostAnswer:
            _ = try await body()
            throw SessionStoreError(.outcomeUnknown, "injected: the answer of \(operation) was lost")
        case .error(let error):
            throw error
        case .pauseBefore(let gate):
            await gate.pass()
            return try await body()
        case .pauseAfter(let gate):
            let result = try await body()
            await gate.pass()
            return result
        }
    }

    /// The record of a session, or `nil` if there is none or it has expired.
    public func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        try await perform(.load) { () async throws(SessionStoreError) in try await base.load(id, now: now) }
    }

    /// Adds a record under an id that has none; never overwrites.
    public func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        try await perform(.insert) { () async throws(SessionStoreError) in try await base.insert(record, id: id) }
    }

    /// Replaces a record if it lives and its stamp is the expected one.
    public func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        try await perform(.update) { () async throws(SessionStoreError) in
            try await base.update(record, id: id, ifStamp: stamp, now: now)
        }
    }

    /// Moves the idle deadline later, if the record lives and its stamp is the expected one.
    public func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        try await perform(.touch) { () async throws(SessionStoreError) in
            try await base.touch(id, ifStamp: stamp, expiresAt: expiresAt, now: now)
        }
    }

    /// Removes a record if it lives and its stamp is the expected one.
    public func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        try await perform(.delete) { () async throws(SessionStoreError) in
            try await base.delete(id, ifStamp: stamp, now: now)
        }
    }
}

extension FaultInjectingSessionStore: RenewingSessionStore where Base: RenewingSessionStore {
    /// Moves a session to a new id: both records are written, or neither.
    public func renew(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        forwarder: SessionRecord,
        successor: SessionRecord,
        newID: SessionID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> RenewOutcome {
        try await perform(.renew) { () async throws(SessionStoreError) in
            try await base.renew(id, ifStamp: stamp, forwarder: forwarder, successor: successor, newID: newID, now: now)
        }
    }
}

extension FaultInjectingSessionStore: EnumerableSessionStore where Base: EnumerableSessionStore {
    /// The number of records that live, forwarders included.
    public func count(now: SessionInstant) async throws(SessionStoreError) -> Int {
        try await perform(.count) { () async throws(SessionStoreError) in try await base.count(now: now) }
    }

    /// Some of the records that live, in the order of the wrapped store.
    public func page(
        after cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SessionPage {
        try await perform(.page) { () async throws(SessionStoreError) in
            try await base.page(after: cursor, limit: limit, now: now)
        }
    }
}

extension FaultInjectingSessionStore: SubjectIndexingSessionStore where Base: SubjectIndexingSessionStore {
    /// Adds an entry to a subject's index and reads the epoch, in one step.
    public func addToIndex(
        _ id: SessionID,
        subject: SubjectID,
        absoluteDeadline: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SubjectEpoch {
        try await perform(.addToIndex) { () async throws(SessionStoreError) in
            try await base.addToIndex(id, subject: subject, absoluteDeadline: absoluteDeadline, now: now)
        }
    }

    /// Removes an entry of a subject's index.
    public func removeFromIndex(_ id: SessionID, subject: SubjectID) async throws(SessionStoreError) {
        try await perform(.removeFromIndex) { () async throws(SessionStoreError) in
            try await base.removeFromIndex(id, subject: subject)
        }
    }

    /// The subject's epoch.
    public func epoch(of subject: SubjectID) async throws(SessionStoreError) -> SubjectEpoch {
        try await perform(.epoch) { () async throws(SessionStoreError) in try await base.epoch(of: subject) }
    }

    /// Raises the subject's epoch and reads its entries, in one step.
    public func raiseEpoch(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try await perform(.raiseEpoch) { () async throws(SessionStoreError) in
            try await base.raiseEpoch(of: subject, now: now)
        }
    }

    /// The subject's entries.
    public func index(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try await perform(.index) { () async throws(SessionStoreError) in try await base.index(of: subject, now: now) }
    }
}

extension FaultInjectingSessionStore: SweepingSessionStore where Base: SweepingSessionStore {
    /// As the base store.
    public var sweepsRecords: Bool { base.sweepsRecords }

    /// Removes expired records, in a small step.
    public func sweep(
        from cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SweepStep {
        try await perform(.sweep) { () async throws(SessionStoreError) in
            try await base.sweep(from: cursor, limit: limit, now: now)
        }
    }
}

extension FaultInjectingSessionStore: LeasingSessionStore where Base: LeasingSessionStore {
    /// Takes the lease of a session, if nobody else has it.
    public func acquireLease(
        on id: SessionID,
        holder: UInt64,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        try await perform(.acquireLease) { () async throws(SessionStoreError) in
            try await base.acquireLease(on: id, holder: holder, expiresAt: expiresAt, now: now)
        }
    }

    /// Gives a lease back.
    public func releaseLease(on id: SessionID, holder: UInt64) async throws(SessionStoreError) {
        try await perform(.releaseLease) { () async throws(SessionStoreError) in
            try await base.releaseLease(on: id, holder: holder)
        }
    }
}

extension FaultInjectingSessionStore: HealthCheckingSessionStore where Base: HealthCheckingSessionStore {
    /// Returns if the store can answer.
    public func checkHealth() async throws(SessionStoreError) {
        try await perform(.checkHealth) { () async throws(SessionStoreError) in try await base.checkHealth() }
    }
}
