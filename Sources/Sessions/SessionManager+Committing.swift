import Synchronization

extension SessionManager {
    /// Does what a session's state has decided on.
    func perform(_ plan: SessionState.Plan, for session: Session, now: SessionInstant) async throws {
        switch plan {
        case .nothing, .wait:
            return
        case .touch(let stored):
            await extend(stored, of: session, now: now)
        case .update(let pending, let stored):
            try await update(session, pending, stored, now: now)
        case .create(let pending):
            try await spanning("sessions.commit", session) {
                let stored = try await create(pending, labels: session.labels, now: now)
                session.state.withLock { $0.completeCommit(stored, announcing: stored.token) }
                telemetry.created(stored.id, at: now)
            }
        case .renew(let pending, let stored):
            try await spanning("sessions.renew", session) {
                let renewed = try await renew(stored, pending, policy: session.policy, labels: { session.labels })
                session.state.withLock { $0.completeCommit(renewed, announcing: renewed.token) }
                telemetry.renewed(renewed.id, from: stored.id, at: now)
            }
        case .rotate(let pending, let stored):
            try await spanning("sessions.renew", session) {
                let rotated = try await rotate(stored, pending, policy: session.policy)
                session.state.withLock { $0.completeCommit(rotated, announcing: rotated.token) }
                telemetry.renewed(rotated.id, from: stored.id, at: now)
            }
        case .end(let successors, let stored):
            try await spanning("sessions.end", session) {
                for id in successors { _ = try await endFollowing(id) }
                if let stored { _ = try await endFollowing(stored.id, known: stored.record) }
                session.state.withLock { $0.completeEnding() }
            }
        }
    }

    /// Commits edits to a stored session.
    func update(
        _ session: Session,
        _ pending: SessionState.Pending,
        _ stored: SessionState.Stored,
        now: SessionInstant
    ) async throws {
        let span = telemetry.startSpan("sessions.commit")
        do {
            let committed = try await write(pending, to: stored, policy: session.policy, now: now)
            // A rotation in between has moved the session; the browser is told the same token once more.
            let token = committed.id == stored.id ? nil : committed.token
            session.state.withLock { $0.completeCommit(committed, announcing: token) }
            telemetry.committed()
            span.end(failing: nil)
        } catch {
            session.state.withLock { $0.failCommit(error) }
            span.end(failing: error)
            throw error
        }
    }

    private func spanning(_ name: String, _ session: Session, _ body: () async throws -> Void) async throws {
        let span = telemetry.startSpan(name)
        do {
            try await body()
            span.end(failing: nil)
        } catch {
            session.state.withLock { $0.failCommit(error) }
            span.end(failing: error)
            throw error
        }
    }

    // MARK: Extending

    /// Moves the idle deadline, at most once per tenth of the idle time.
    private func extend(_ stored: SessionState.Stored, of session: Session, now: SessionInstant) async {
        let record = stored.record
        let wanted = min(now + record.idleTimeout, record.absoluteDeadline)
        if let deferring {
            deferring.touchLater(stored.id, ifStamp: record.stamp, expiresAt: wanted, now: now)
            return session.state.withLock { $0.extend(to: wanted) }
        }
        do throws(SessionStoreError) {
            if try await store.touch(stored.id, ifStamp: record.stamp, expiresAt: wanted, now: now) {
                session.state.withLock { $0.extend(to: wanted) }
            }
        } catch {
            // The request has read its session and changes nothing: that its life was not extended is no reason to fail.
            telemetry.storeError(error, in: "touch")
        }
    }

    // MARK: Creating

    private func create(
        _ pending: SessionState.Pending,
        labels: SessionLabels,
        now: SessionInstant
    ) async throws -> SessionState.Stored {
        let lifetime = pending.lifetime ?? configuration.lifetime
        let subject = pending.newSubject
        let record = SessionRecord(
            stamp: makeStamp(),
            revision: 1,
            createdAt: now,
            authenticatedAt: subject == nil ? nil : now,
            absoluteDeadline: now + lifetime.absolute,
            idleTimeout: lifetime.idle,
            expiresAt: now + lifetime.idle,
            subject: subject,
            labels: labels,
            values: pending.values
        )
        return try await mintingUniqueID { token, id in
            let signIn = try await announceSignIn(of: subject, id: id, absoluteDeadline: record.absoluteDeadline)
            guard try await insert(record, id: id) else { return nil }
            let stored = SessionState.Stored(id: id, token: token, record: record)
            try await confirm(signIn, id: id)
            return stored
        }
    }

    /// Mints tokens until one leads to an id that is free: a random source that repeats itself must never join two
    /// sessions.
    func mintingUniqueID<Result>(
        _ body: (SessionToken, SessionID) async throws -> Result?
    ) async throws -> Result {
        for _ in 0..<4 {
            let token = SessionToken(from: random)
            if let result = try await body(token, SessionID(token, managerName: namespace)) { return result }
        }
        throw SessionError(.unavailable, "the random source repeats itself: no new session can be made")
    }

    /// Inserts a record.
    /// - Returns: Whether the id was free.
    func insert(_ record: SessionRecord, id: SessionID) async throws(SessionError) -> Bool {
        do throws(SessionStoreError) {
            return try await store.insert(record, id: id) == .inserted
        } catch {
            guard try await isCommitted(record.stamp, id: id, after: error, in: "insert") else {
                throw SessionError(error)
            }
            return true
        }
    }

    // MARK: Updating

    /// Writes a request's edits over the newest record.
    private func write(
        _ pending: SessionState.Pending,
        to stored: SessionState.Stored,
        policy: SessionPolicy,
        now: SessionInstant
    ) async throws -> SessionState.Stored {
        var attempt: Attempt
        if commitTurns.isTaken(stored.id) {
            attempt = Attempt(pending, base: stored.record, policy: policy)
        } else {
            let record = record(from: stored.record, pending.values, lifetime: pending.lifetime, now: now)
            switch try await update(record, id: stored.id, ifStamp: stored.record.stamp, now: now) {
            case .updated:
                return SessionState.Stored(id: stored.id, token: stored.token, record: record)
            case .missing:
                throw SessionError.endedMeanwhile
            case .conflict(let current):
                attempt = Attempt(pending, base: stored.record, policy: policy)
                do {
                    try rebase(&attempt, on: current, id: stored.id)
                } catch is Moved {
                    // Found again, and followed, below.
                }
            }
        }
        return try await write(attempt, to: stored)
    }

    /// Writes edits where others write as well, wherever timed rotations move the session meanwhile.
    func write(_ attempt: Attempt, to stored: SessionState.Stored) async throws -> SessionState.Stored {
        var stored = stored
        var attempt = attempt
        for _ in 0..<8 {
            // A longer life takes a renewal, which this request did not know when it decided; so it is told.
            if stored.record.isProlonged(by: attempt.pending.lifetime) { throw SessionError.renewedMeanwhile }
            do {
                return try await writeInTurn(&attempt, to: stored)
            } catch let moved as Moved {
                guard let successor = try await successor(of: stored) else { throw moved.error }
                try rebase(&attempt, on: successor.record, id: successor.id)
                stored = successor
            }
        }
        throw SessionError.renewedMeanwhile
    }

    /// In this process commits to one session queue, each building on what the one before has left, so that only other
    /// processes are left to collide with.
    private func writeInTurn(
        _ attempt: inout Attempt,
        to stored: SessionState.Stored
    ) async throws -> SessionState.Stored {
        try await inTurn(stored.id) { latest in
            if let latest, latest.revision > attempt.base.revision { try rebase(&attempt, on: latest, id: stored.id) }
            let record = try await retrying { () -> SessionRecord? in
                let now = now
                let record = self.record(
                    from: attempt.base,
                    attempt.values,
                    lifetime: attempt.pending.lifetime,
                    now: now
                )
                switch try await update(record, id: stored.id, ifStamp: attempt.base.stamp, now: now) {
                case .updated:
                    return record
                case .missing:
                    throw SessionError.endedMeanwhile
                case .conflict(let current):
                    try rebase(&attempt, on: current, id: stored.id)
                    return nil
                }
            }
            return (SessionState.Stored(id: stored.id, token: stored.token, record: record), record)
        }
    }

    /// What one commit has worked out so far.
    struct Attempt {
        let pending: SessionState.Pending
        let policy: SessionPolicy
        /// The record that the values were worked out from.
        var base: SessionRecord
        var values: SessionValues

        init(_ pending: SessionState.Pending, base: SessionRecord, policy: SessionPolicy) {
            self.pending = pending
            self.policy = policy
            self.base = base
            values = pending.values
        }
    }

    /// Applies the edits anew, to what another request has left.
    func rebase(_ attempt: inout Attempt, on current: SessionRecord, id: SessionID) throws {
        guard current.stamp != attempt.base.stamp else { return }
        guard !current.isForwarder else { throw Moved() }
        telemetry.conflict()
        let pending = attempt.pending
        let now = pending.values.now
        let limits = pending.values.limits
        let before = attempt.base.values(at: now, limits: limits)
        var newer = current.values(at: now, limits: limits)
        if let key = pending.edits.lostUpdate(from: before, to: newer) {
            telemetry.lostUpdate(key, id: id, at: now)
            if attempt.policy.onLostUpdate == .fail {
                throw SessionError(
                    .lostUpdate,
                    "\"\(key)\" was changed by another request after this one had read it; nothing was written"
                )
            }
        }
        try pending.edits.apply(to: &newer)
        attempt.base = current
        attempt.values = newer
    }

    /// The record that a commit leaves: new values and a new stamp, extended life, all else as it was.
    func record(
        from base: SessionRecord,
        _ values: SessionValues,
        lifetime: Lifetime?,
        now: SessionInstant
    ) -> SessionRecord {
        var values = values
        values.now = now
        guard let lifetime else { return base.replacing(values, stamp: makeStamp(), now: now) }
        let idle = lifetime.idle
        return SessionRecord(
            stamp: makeStamp(),
            revision: base.revision &+ 1,
            createdAt: base.createdAt,
            authenticatedAt: base.authenticatedAt,
            renewedAt: base.renewedAt,
            absoluteDeadline: (base.authenticatedAt ?? base.createdAt) + lifetime.absolute,
            idleTimeout: idle,
            expiresAt: now + idle,
            kind: base.kind,
            subject: base.subject,
            labels: base.labels,
            values: values
        )
    }

    /// Compare-and-set, with an unknown outcome cleared up as far as it can be.
    func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionError) -> UpdateOutcome {
        do throws(SessionStoreError) {
            return try await store.update(record, id: id, ifStamp: stamp, now: now)
        } catch {
            guard try await isCommitted(record.stamp, id: id, after: error, in: "update") else {
                throw SessionError(error)
            }
            return .updated
        }
    }

    /// Whether a write whose answer never came has taken effect after all: looked up once, never run again.
    func isCommitted(
        _ stamp: SessionStamp,
        id: SessionID,
        after error: SessionStoreError,
        in operation: String
    ) async throws(SessionError) -> Bool {
        telemetry.storeError(error, in: operation)
        guard error.mayHaveExecuted else { return false }
        do throws(SessionStoreError) {
            return try await store.load(id, now: now)?.stamp == stamp
        } catch {
            throw SessionError(.outcomeUnknownAfter(error))
        }
    }
}

/// The record that a commit wanted to write to has become a forwarder.
struct Moved: Error {
    /// What it means to those who cannot follow.
    let error = SessionError.renewedMeanwhile
}

extension SessionError {
    static var endedMeanwhile: Self {
        .init(.ended, "the session was ended or expired while the request ran; its edits were dropped")
    }

    static var renewedMeanwhile: Self {
        .init(.ended, "the session got a new token while the request ran; its edits were dropped")
    }
}

extension SessionStoreError {
    /// The outcome of a write stays unknown when the look-up after it fails as well.
    static func outcomeUnknownAfter(_ error: SessionStoreError) -> Self {
        .init(
            .outcomeUnknown,
            "the store did not answer, nor did it say afterwards whether the write took effect",
            cause: error
        )
    }
}
