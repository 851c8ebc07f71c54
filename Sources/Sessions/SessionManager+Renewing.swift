import Logging

extension SessionManager {
    /// Moves a session to a fresh token; the old one is dead for every use from then on.
    ///
    /// The replacement of the old record by a forwarder is the commit point: it is a compare-and-set on one key, so it is
    /// right on every store. Before it, nobody has the new token; after it, nobody can use the old one.
    func renew(
        _ stored: SessionState.Stored,
        _ pending: SessionState.Pending,
        policy: SessionPolicy,
        labels: () -> SessionLabels
    ) async throws -> SessionState.Stored {
        let attempt = Attempt(pending, base: stored.record, policy: policy)
        let newLabels = pending.changesSubject ? labels() : nil
        do {
            return try await mintingUniqueID { token, id in
                try await move(
                    stored.id,
                    attempt,
                    to: SessionState.Stored(id: id, token: token, record: stored.record),
                    labels: newLabels,
                    nonce: nil
                )
            }
        } catch let moved as Moved {
            throw moved.error
        }
    }

    /// Gives a session that is in use a new token by the clock; requests with the old one still reach it for a while.
    ///
    /// The new token is derived from the old one, so that whoever lost the response gets the same one again.
    func rotate(
        _ stored: SessionState.Stored,
        _ pending: SessionState.Pending,
        policy: SessionPolicy
    ) async throws -> SessionState.Stored {
        let attempt = Attempt(pending, base: stored.record, policy: policy)
        let nonce = RotationNonce(from: random)
        let token = stored.token.successor(nonce: nonce)
        let id = SessionID(token, managerName: namespace)
        let target = SessionState.Stored(id: id, token: token, record: stored.record)
        do {
            guard let rotated = try await move(stored.id, attempt, to: target, labels: nil, nonce: nonce) else {
                throw SessionError(.unavailable, "the random source repeats itself: the session keeps its token")
            }
            return rotated
        } catch let moved as Moved {
            // Another request was first. If that was a rotation too, the edits follow it.
            guard let winner = try await successor(of: stored) else { throw moved.error }
            var attempt = attempt
            try rebase(&attempt, on: winner.record, id: winner.id)
            let isUnchanged = pending.edits.isEmpty && pending.lifetime == nil
            return isUnchanged ? winner : try await write(attempt, to: winner)
        }
    }

    /// The session that a rotated one has become, or `nil` if it ended or was renewed otherwise.
    func successor(of stored: SessionState.Stored) async throws -> SessionState.Stored? {
        var stored = stored
        for _ in 0..<8 {
            let id = stored.id
            let record = try await reporting("load") { () async throws(SessionStoreError) in
                try await store.load(id, now: now)
            }
            guard let record else { return nil }
            guard case .forwarder(let successor, let nonce) = record.kind else {
                return SessionState.Stored(id: id, token: stored.token, record: record)
            }
            guard let nonce else { return nil }
            stored.id = successor
            stored.token = stored.token.successor(nonce: nonce)
        }
        return nil
    }

    /// The steps of a renewal.
    /// - Returns: The session under its new id, or `nil` if that id is taken.
    private func move(
        _ oldID: SessionID,
        _ attempt: Attempt,
        to target: SessionState.Stored,
        labels: SessionLabels?,
        nonce: RotationNonce?
    ) async throws -> SessionState.Stored? {
        var attempt = attempt
        let newID = target.id
        var successor = successorRecord(of: oldID, attempt, labels: labels)
        // The index knows the new id before there is a record under it: a crash leaves an entry too many, never one too few.
        let signIn = try await announceSignIn(
            of: successor.subject,
            id: newID,
            absoluteDeadline: successor.absoluteDeadline,
            isConfirmed: attempt.pending.signsIn
        )
        do {
            if renewing == nil, try await !insert(successor, id: newID) {
                try await withdraw(signIn, id: newID)
                return nil
            }
            var isFirst = true
            let isMoved: Bool = try await retrying {
                if !isFirst {
                    // Another request has committed in between: its values come along.
                    let revised = successorRecord(of: oldID, attempt, labels: labels)
                    if renewing == nil {
                        guard try await update(revised, id: newID, ifStamp: successor.stamp, now: now) == .updated
                        else {
                            throw SessionError.endedMeanwhile
                        }
                    }
                    successor = revised
                }
                isFirst = false
                let forwarder = forwarder(from: attempt.base, to: newID, nonce: nonce)
                switch try await forward(oldID, attempt.base.stamp, forwarder, to: successor, newID) {
                case .renewed:
                    return true
                case .exists:
                    return false
                case .missing:
                    throw SessionError.endedMeanwhile
                case .conflict(let current):
                    try rebase(&attempt, on: current, id: oldID)
                    return nil
                }
            }
            guard isMoved else {
                try await withdraw(signIn, id: newID)
                return nil
            }
        } catch {
            // With an unknown outcome the new record must stay: the old one may lead to it by now.
            if (error as? SessionError)?.isOutcomeUnknown != true {
                await discardUnreachable(newID, signIn)
            }
            throw error
        }
        try await confirm(signIn, id: newID)
        if let oldSubject = attempt.base.subject {
            await removeFromIndex(oldID, subject: oldSubject)
        }
        return SessionState.Stored(id: newID, token: target.token, record: successor)
    }

    /// Replaces the old record by the forwarder; with a store that can, the new one is inserted in the same step.
    private func forward(
        _ oldID: SessionID,
        _ stamp: SessionStamp,
        _ forwarder: SessionRecord,
        to successor: SessionRecord,
        _ newID: SessionID
    ) async throws(SessionError) -> RenewOutcome {
        guard let renewing else {
            switch try await update(forwarder, id: oldID, ifStamp: stamp, now: now) {
            case .updated: return .renewed
            case .conflict(let current): return .conflict(current)
            case .missing: return .missing
            }
        }
        do throws(SessionStoreError) {
            return try await renewing.renew(
                oldID,
                ifStamp: stamp,
                forwarder: forwarder,
                successor: successor,
                newID: newID,
                now: now
            )
        } catch {
            guard try await isCommitted(forwarder.stamp, id: oldID, after: error, in: "renew") else {
                throw SessionError(error)
            }
            return .renewed
        }
    }

    private func successorRecord(
        of oldID: SessionID,
        _ attempt: Attempt,
        labels: SessionLabels?
    ) -> SessionRecord {
        let now = now
        let base = attempt.base
        let pending = attempt.pending
        // Signing in starts the absolute clock anew; no other renewal does.
        let lifetime = pending.lifetime ?? (pending.changesSubject ? configuration.lifetime : nil)
        let clockStart = pending.changesSubject ? now : base.authenticatedAt ?? base.createdAt
        let idle = lifetime?.idle ?? base.idleTimeout
        var values = attempt.values
        values.now = now
        return SessionRecord(
            stamp: makeStamp(),
            revision: base.revision &+ 1,
            createdAt: base.createdAt,
            authenticatedAt: pending.changesSubject ? (pending.signsIn ? now : nil) : base.authenticatedAt,
            renewedAt: now,
            absoluteDeadline: lifetime.map { clockStart + $0.absolute } ?? base.absoluteDeadline,
            idleTimeout: idle,
            expiresAt: now + idle,
            kind: .session(predecessor: oldID),
            subject: pending.changesSubject ? pending.newSubject : base.subject,
            labels: labels ?? base.labels,
            values: values
        )
    }

    /// How long an old token is remembered as superseded when nothing may follow it.
    private static let supersededMemory: Duration = .seconds(60)

    private func forwarder(from base: SessionRecord, to newID: SessionID, nonce: RotationNonce?) -> SessionRecord {
        let now = now
        let life = nonce == nil ? Self.supersededMemory : configuration.rotation?.grace ?? Self.supersededMemory
        return SessionRecord(
            stamp: makeStamp(),
            revision: base.revision &+ 1,
            createdAt: base.createdAt,
            absoluteDeadline: now + life,
            idleTimeout: life,
            expiresAt: now + life,
            kind: .forwarder(successor: newID, nonce: nonce),
            values: SessionValues(now: now)
        )
    }

    /// Removes a new record whose renewal did not win: nobody has its token.
    private func discardUnreachable(_ id: SessionID, _ signIn: SignIn?) async {
        do {
            _ = try await endRecord(id)
            try await withdraw(signIn, id: id)
        } catch {
            telemetry.logger.warning(
                "a record that nobody can reach was left behind; it expires by itself",
                metadata: ["session": "\(id)"]
            )
        }
    }
}

extension SessionState.Pending {
    /// Whether the renewal is a sign-in or a sign-out.
    var changesSubject: Bool {
        guard case .subject = renewal else { return false }
        return true
    }

    /// The subject that a sign-in gives the session.
    var newSubject: String? {
        guard case .subject(let subject) = renewal else { return nil }
        return subject
    }
}

extension SessionError {
    /// Whether the store never said if the write took effect.
    var isOutcomeUnknown: Bool { (cause as? SessionStoreError)?.mayHaveExecuted == true }
}
