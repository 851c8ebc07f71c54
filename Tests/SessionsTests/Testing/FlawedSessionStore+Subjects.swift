import Sessions

extension FlawedSessionStore: SubjectIndexingSessionStore {
    func addToIndex(
        _ id: SessionID,
        subject: SubjectID,
        absoluteDeadline: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SubjectEpoch {
        if flaw == .losesIndexEntry {
            // Read, change, write, as a list in a file would be.
            let count = try await base.index(of: subject, now: now).count
            if count == 1 { return try await base.epoch(of: subject) }
        }
        if flaw == .addsIndexEntryInTwoSteps {
            let epoch = try await base.epoch(of: subject)
            await pause()
            _ = try await base.addToIndex(id, subject: subject, absoluteDeadline: absoluteDeadline, now: now)
            return epoch
        }
        var deadline = absoluteDeadline
        if flaw == .neverPrunes { deadline = .distantFuture }
        if flaw == .prunesByIdleDeadline { deadline = now + .seconds(60) }
        return try await base.addToIndex(id, subject: subject, absoluteDeadline: deadline, now: now)
    }

    func removeFromIndex(_ id: SessionID, subject: SubjectID) async throws(SessionStoreError) {
        try await base.removeFromIndex(id, subject: subject)
    }

    func epoch(of subject: SubjectID) async throws(SessionStoreError) -> SubjectEpoch {
        let epoch = try await base.epoch(of: subject)
        switch flaw {
        case .forgetsEpoch:
            return try await base.index(of: subject, now: .distantPast).isEmpty ? .initial : epoch
        case .repeatsEpochs: return SubjectEpoch(rawValue: epoch.rawValue % 8)
        default: return epoch
        }
    }

    func raiseEpoch(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try await base.raiseEpoch(of: subject, now: now)
    }

    func index(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try await base.index(of: subject, now: now)
    }
}
