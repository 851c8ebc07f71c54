extension SessionManager {
    /// The live sessions of a subject, the most recently used first: for device lists.
    /// - Throws: ``SessionError``: `.unavailable`, or `.unsupported` if the store keeps no subject index.
    public func sessions(of subject: String) async throws(SessionError) -> [SessionInfo] {
        let index = try subjectIndex()
        let subjectID = namespace.subjectID(subject)
        let entries = try await reporting("index") { () async throws(SessionStoreError) in
            try await index.index(of: subjectID, now: now)
        }
        var sessions: [SessionInfo] = []
        for entry in entries {
            let record = try await loadListed(entry.id)
            guard let record, !record.isForwarder else {
                if record == nil { await prune(entry, of: subjectID) }
                continue
            }
            guard record.subject == subject, try await isReachable(entry.id, record) else { continue }
            sessions.append(SessionInfo(entry.id, record))
        }
        return sessions.sorted { ($1.lastSeenAt, $1.id) < ($0.lastSeenAt, $0.id) }
    }

    /// Ends all sessions of a subject: for "sign out everywhere", a changed password, a blocked account.
    ///
    /// Every session whose sign-in was committed before this returns is gone; a sign-in under way at the same time either
    /// began after it or fails with `.ended`.
    /// - Parameters:
    ///   - subject: Whose sessions end.
    ///   - kept: A session that stays, such as that of the request itself.
    /// - Returns: How many sessions were ended.
    /// - Throws: ``SessionError``: `.unavailable`, when some may have been ended and some not, or `.unsupported` if the store
    ///   keeps no subject index.
    @discardableResult
    public func endAll(of subject: String, except kept: SessionID? = nil) async throws(SessionError) -> Int {
        let index = try subjectIndex()
        let subjectID = namespace.subjectID(subject)
        var entries = try await reporting("index") { () async throws(SessionStoreError) in
            try await index.raiseEpoch(of: subjectID, now: now)
        }
        var kept = Set(kept.map { [$0] } ?? [])
        var ended = 0
        while true {
            var isClean = true
            for entry in entries where !kept.contains(entry.id) {
                guard let record = try await loadListed(entry.id) else {
                    await prune(entry, of: subjectID)
                    continue
                }
                // The kept session may get a new token meanwhile; it is still the same session.
                if let predecessor = record.predecessor, kept.contains(predecessor) {
                    kept.insert(entry.id)
                    continue
                }
                if case .forwarder(let successor, _) = record.kind {
                    // Renewed meanwhile: its new entry may have been written after the list was read.
                    if kept.contains(successor) { continue }
                    await removeFromIndex(entry.id, subject: subject)
                }
                if try await endFollowing(entry.id, known: record, of: subject) {
                    ended += 1
                    isClean = false
                }
            }
            if isClean { return ended }
            entries = try await reporting("index") { () async throws(SessionStoreError) in
                try await index.index(of: subjectID, now: now)
            }
        }
    }

    private func subjectIndex() throws(SessionError) -> any SubjectIndexingSessionStore {
        guard let subjects else {
            throw SessionError(
                .unsupported,
                "this store keeps no index of subjects; conform it to SubjectIndexingSessionStore"
            )
        }
        return subjects
    }

    /// A record, with one that cannot be read left out of lists.
    private func loadListed(_ id: SessionID) async throws(SessionError) -> SessionRecord? {
        do throws(SessionStoreError) {
            return try await store.load(id, now: now)
        } catch {
            guard error.code == .corruptRecord else {
                telemetry.storeError(error, in: "load")
                throw SessionError(error)
            }
            telemetry.corruptRecord(id, error, at: now)
            return nil
        }
    }

    /// Whether anybody can have the session's token: not if its renewal was never committed.
    private func isReachable(_ id: SessionID, _ record: SessionRecord) async throws(SessionError) -> Bool {
        guard let predecessor = record.predecessor, let old = try await loadListed(predecessor) else { return true }
        guard case .forwarder(let successor, _) = old.kind else { return false }
        return successor == id
    }

    /// Removes an entry that leads nowhere, unless it may be that of a sign-in under way.
    private func prune(_ entry: SubjectIndexEntry, of subject: SubjectID) async {
        guard let subjects, entry.addedAt + .seconds(60) <= now else { return }
        do throws(SessionStoreError) {
            try await subjects.removeFromIndex(entry.id, subject: subject)
        } catch {
            telemetry.storeError(error, in: "prune index")
        }
    }

    // MARK: Signing in

    /// A sign-in that has been announced to the index.
    struct SignIn: Sendable {
        var subject: SubjectID
        var epoch: SubjectEpoch
        /// Whether the epoch decides: a renewal of a session that was signed in before needs no such proof, since an
        /// "end all" finds it by its old id.
        var isConfirmed: Bool
    }

    /// Writes the index entry of a session that is about to be written and reads the epoch, in one step.
    ///
    /// The entry outlives the session: who has to try again signs in a little later than was announced, and a server whose
    /// clock is ahead must not leave out a session that another one still takes for alive.
    func announceSignIn(
        of subject: String?,
        id: SessionID,
        absoluteDeadline: SessionInstant,
        isConfirmed: Bool = true
    ) async throws(SessionError) -> SignIn? {
        guard let subject, let subjects else { return nil }
        let subjectID = namespace.subjectID(subject)
        let deadline = absoluteDeadline + configuration.conflictTimeout + .seconds(60)
        let epoch = try await reporting("index") { () async throws(SessionStoreError) in
            try await subjects.addToIndex(id, subject: subjectID, absoluteDeadline: deadline, now: now)
        }
        return SignIn(subject: subjectID, epoch: epoch, isConfirmed: isConfirmed)
    }

    /// Reads the epoch again: if all sessions of the subject were ended meanwhile, this one is too.
    func confirm(_ signIn: SignIn?, id: SessionID) async throws(SessionError) {
        guard let signIn, signIn.isConfirmed, let subjects else { return }
        let epoch = try await reporting("epoch") { () async throws(SessionStoreError) in
            try await subjects.epoch(of: signIn.subject)
        }
        guard epoch != signIn.epoch else { return }
        _ = try await endFollowing(id)
        throw SessionError(.ended, "all sessions of the subject were ended while this sign-in ran")
    }

    /// Takes back the index entry of a session that was not written.
    func withdraw(_ signIn: SignIn?, id: SessionID) async throws(SessionError) {
        guard let signIn, let subjects else { return }
        try await reporting("index") { () async throws(SessionStoreError) in
            try await subjects.removeFromIndex(id, subject: signIn.subject)
        }
    }

    /// Removes the entry of a session that is gone. If it fails, the entry is pruned later.
    func removeFromIndex(_ id: SessionID, subject: String) async {
        guard let subjects else { return }
        do throws(SessionStoreError) {
            try await subjects.removeFromIndex(id, subject: namespace.subjectID(subject))
        } catch {
            telemetry.storeError(error, in: "remove from index")
        }
    }
}
