import Sessions
import Synchronization

/// A store that breaks one rule of the contract, to prove that the conformance suite notices.
struct FlawedSessionStore: Sendable {
    enum Flaw: CaseIterable, Sendable {
        case lastWriterWins, lateUpdateRevives, insertOverwrites, insertAnswersWrongly, conflictGivesOldRecord
        case livesTooLong, endsTooEarly, expiredConflicts, updateKeepsDeadline
        case touchMovesEarlier, touchChangesStamp, touchWritesOldValues, touchIgnoresStamp
        case deleteIgnoresStamp, deleteTwiceFails, truncatesLargeValues, mixesIDs
        case cancelledAfterWriting, answersCrosswise
        case renewalForgetsForwarder, renewalLeavesSuccessor, renewalOverwrites
        case countsExpired, listsExpired, skipsAtPageEnd, listsTwice, listsWhatHasGone
        case pagesByOffset, pagesWithoutLimit, pagesWithoutEnd
        case takesForeignCursor, endsAtForeignCursor, makesLongCursors
        case sweepTakesExtended, sweepTakesNothing, sweepNamesForwarders, sweepNeverEnds, sweepRefusesForeignCursor
        case losesIndexEntry, addsIndexEntryInTwoSteps, forgetsEpoch, repeatsEpochs, neverPrunes, prunesByIdleDeadline
        case sharesLease, releasesForeignLease, leaseNeverEnds, isUnwell
    }

    let flaw: Flaw
    let base = MemorySessionStore()
    let memory = Memory()

    final class Memory: Sendable {
        let first = Mutex<[SessionID: SessionRecord]>([:])
        let listed = Mutex<[SessionPage.Entry]>([])
        let count = Mutex(0)
    }

    /// Waits a moment between two steps that should be one.
    func pause() async {
        for _ in 0..<3 { await Task.yield() }
    }

    private func time(_ now: SessionInstant) -> SessionInstant {
        switch flaw {
        case .livesTooLong: now - .milliseconds(1)
        case .endsTooEarly: now + .milliseconds(1)
        default: now
        }
    }
}

extension FlawedSessionStore: SessionStore {
    func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        if flaw == .mixesIDs {
            // As if only part of an id were the key.
            var bytes = id.bytes
            bytes[31] = 0
            return try await base.load(SessionID(bytes: bytes) ?? id, now: now)
        }
        let record = try await base.load(id, now: time(now))
        if flaw == .answersCrosswise {
            // As if a cancelled call had left its reply in the connection.
            if Task.isCancelled {
                if let record { memory.first.withLock { $0[id] = record } }
                return record
            }
            if let stale = memory.first.withLock({ first in first.keys.first.flatMap { first.removeValue(forKey: $0) } }
            ) {
                return stale
            }
        }
        return record
    }

    func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        var id = id
        if flaw == .mixesIDs {
            var bytes = id.bytes
            bytes[31] = 0
            id = SessionID(bytes: bytes) ?? id
        }
        if flaw == .sweepTakesExtended || flaw == .touchWritesOldValues || flaw == .conflictGivesOldRecord {
            memory.first.withLock { $0[id] = record }
        }
        if flaw == .truncatesLargeValues, record.encoded(for: id).count > 65_536 { return .inserted }
        var outcome = try await base.insert(record, id: id)
        if flaw == .cancelledAfterWriting, Task.isCancelled { throw SessionStoreError(.cancelled, "cancelled") }
        if outcome == .exists {
            if flaw == .insertAnswersWrongly { return .inserted }
            if flaw == .insertOverwrites {
                try await force(record, id: id)
                outcome = .inserted
            }
        }
        return outcome
    }

    private func force(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) {
        let now = SessionInstant.distantPast
        while let current = try await base.load(id, now: now) {
            let outcome = try await base.update(record, id: id, ifStamp: current.stamp, now: now)
            if outcome == .updated { return }
        }
    }

    func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        var record = record
        if flaw == .updateKeepsDeadline, let current = try await base.load(id, now: now) {
            record.expiresAt = current.expiresAt
        }
        if flaw == .truncatesLargeValues, record.encoded(for: id).count > 65_536 { return .updated }
        if flaw == .expiredConflicts, let expired = try await base.load(id, now: .distantPast), expired.stamp != stamp {
            return .conflict(expired)
        }
        let outcome = try await base.update(record, id: id, ifStamp: stamp, now: time(now))
        if flaw == .cancelledAfterWriting, Task.isCancelled { throw SessionStoreError(.cancelled, "cancelled") }
        switch (outcome, flaw) {
        case (.conflict, .lastWriterWins):
            try await force(record, id: id)
            return .updated
        case (.missing, .lateUpdateRevives):
            _ = try await base.insert(record, id: id)
            return .updated
        case (.conflict(let current), .conflictGivesOldRecord):
            return .conflict(memory.first.withLock { $0[id] } ?? current)
        default: return outcome
        }
    }

    func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        guard var current = try await base.load(id, now: time(now)) else { return false }
        switch flaw {
        case .touchMovesEarlier where current.stamp == stamp:
            current.expiresAt = expiresAt
            return try await base.update(current, id: id, ifStamp: stamp, now: now) == .updated
        case .touchWritesOldValues where current.stamp == stamp:
            current = memory.first.withLock { $0[id] } ?? current
            current.expiresAt = max(expiresAt, current.expiresAt)
            await pause()
            try await force(current, id: id)
            return true
        case .touchIgnoresStamp:
            return try await base.touch(id, ifStamp: current.stamp, expiresAt: expiresAt, now: now)
        case .touchChangesStamp where current.stamp == stamp:
            let changed = SessionRecord(
                stamp: SessionStamp(rawValue: stamp.rawValue &+ 1),
                revision: current.revision,
                createdAt: current.createdAt,
                absoluteDeadline: current.absoluteDeadline,
                idleTimeout: current.idleTimeout,
                expiresAt: max(current.expiresAt, expiresAt),
                values: current.values(at: now)
            )
            return try await base.update(changed, id: id, ifStamp: stamp, now: now) == .updated
        default:
            return try await base.touch(id, ifStamp: stamp, expiresAt: expiresAt, now: time(now))
        }
    }

    func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        var outcome = try await base.delete(id, ifStamp: stamp, now: time(now))
        if flaw == .cancelledAfterWriting, Task.isCancelled { throw SessionStoreError(.cancelled, "cancelled") }
        if flaw == .deleteIgnoresStamp, case .conflict(let current) = outcome {
            outcome = try await base.delete(id, ifStamp: current.stamp, now: now)
        }
        if flaw == .deleteTwiceFails, outcome == .missing {
            throw SessionStoreError(.unavailable, "there is nothing to delete")
        }
        return outcome
    }
}

extension FlawedSessionStore: RenewingSessionStore {
    func renew(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        forwarder: SessionRecord,
        successor: SessionRecord,
        newID: SessionID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> RenewOutcome {
        switch flaw {
        case .renewalForgetsForwarder:
            let outcome = try await base.delete(id, ifStamp: stamp, now: now)
            switch outcome {
            case .conflict(let current): return .conflict(current)
            case .missing: return .missing
            case .deleted: return try await base.insert(successor, id: newID) == .inserted ? .renewed : .exists
            }
        case .renewalLeavesSuccessor:
            guard try await base.insert(successor, id: newID) == .inserted else { return .exists }
            switch try await base.update(forwarder, id: id, ifStamp: stamp, now: now) {
            case .updated: return .renewed
            case .conflict(let current): return .conflict(current)
            case .missing: return .missing
            }
        case .renewalOverwrites:
            switch try await base.update(forwarder, id: id, ifStamp: stamp, now: now) {
            case .updated:
                if try await base.insert(successor, id: newID) == .exists { try await force(successor, id: newID) }
                return .renewed
            case .conflict(let current): return .conflict(current)
            case .missing: return .missing
            }
        default:
            return try await base.renew(
                id,
                ifStamp: stamp,
                forwarder: forwarder,
                successor: successor,
                newID: newID,
                now: now
            )
        }
    }
}

extension FlawedSessionStore: LeasingSessionStore {
    func acquireLease(
        on id: SessionID,
        holder: UInt64,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        let deadline = flaw == .leaseNeverEnds ? .distantFuture : expiresAt
        let isOurs = try await base.acquireLease(on: id, holder: holder, expiresAt: deadline, now: now)
        return isOurs || flaw == .sharesLease
    }

    func releaseLease(on id: SessionID, holder: UInt64) async throws(SessionStoreError) {
        if flaw == .releasesForeignLease {
            for holder in 0..<5 as Range<UInt64> { try await base.releaseLease(on: id, holder: holder) }
        }
        try await base.releaseLease(on: id, holder: holder)
    }
}

extension FlawedSessionStore: HealthCheckingSessionStore {
    func checkHealth() async throws(SessionStoreError) {
        if flaw == .isUnwell { throw SessionStoreError(.unavailable, "the disk is full") }
    }
}
