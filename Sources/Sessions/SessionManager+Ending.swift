extension SessionManager {
    /// Ends a session by its id: it is gone for every process when this returns, and no request in flight brings it back.
    ///
    /// A former id of a session that has been renewed ends the session that it has become.
    /// - Parameters:
    ///   - id: The session, as ``sessions(of:)`` and ``page(after:limit:)`` name it.
    ///   - subject: If given, the session ends only if it belongs to this subject: for "sign out that device" pages.
    /// - Returns: Whether there was such a session.
    /// - Throws: ``SessionError`` with the code `.unavailable`.
    @discardableResult
    public func end(_ id: SessionID, of subject: String? = nil) async throws(SessionError) -> Bool {
        try await endFollowing(id, of: subject)
    }

    /// Ends a session and, from a former id, what it has become.
    ///
    /// - Parameter known: The record as last seen, which saves a look at the store.
    func endFollowing(
        _ id: SessionID,
        known: SessionRecord? = nil,
        of subject: String? = nil
    ) async throws(SessionError) -> Bool {
        var id = id
        var known = known
        // Each renewal within the last minute adds a step; more than a few are no honest history.
        for _ in 0..<16 {
            guard let ended = try await endRecord(id, known: known, of: subject) else { return false }
            guard case .forwarder(let successor, _) = ended.kind else { return true }
            id = successor
            known = nil
        }
        return false
    }

    /// Deletes one record, whatever is written to it meanwhile.
    /// - Returns: The record as it was deleted, or `nil` if there was none (of that subject). A forwarder is left in place:
    ///   it runs out by itself, and until then its token stays known as superseded.
    func endRecord(
        _ id: SessionID,
        known: SessionRecord? = nil,
        of subject: String? = nil
    ) async throws(SessionError) -> SessionRecord? {
        var known = known
        // Every lost round means that somebody else has committed; a session that is written to without end for thousands
        // of rounds does not exist.
        for _ in 0..<10_000 {
            let record: SessionRecord
            if let current = known {
                record = current
            } else {
                let loaded = try await reporting("load") { () async throws(SessionStoreError) in
                    try await store.load(id, now: now)
                }
                guard let loaded else { return nil }
                record = loaded
            }
            if record.isForwarder { return record }
            if let subject, record.subject != subject { return nil }
            switch try await delete(id, ifStamp: record.stamp) {
            case .deleted:
                if let subject = record.subject { await removeFromIndex(id, subject: subject) }
                telemetry.ended(id, at: now)
                return record
            case .missing:
                return nil
            case .conflict(let current):
                known = current
            }
        }
        throw SessionError(.conflict, "the session is written to without end; it was not ended")
    }

    private func delete(_ id: SessionID, ifStamp stamp: SessionStamp) async throws(SessionError) -> DeleteOutcome {
        do throws(SessionStoreError) {
            return try await store.delete(id, ifStamp: stamp, now: now)
        } catch {
            telemetry.storeError(error, in: "delete")
            guard error.mayHaveExecuted else { throw SessionError(error) }
            let current = try await reporting("load") { () async throws(SessionStoreError) in
                try await store.load(id, now: now)
            }
            guard let current else { return .deleted }
            guard current.stamp != stamp else { throw SessionError(error) }
            return .conflict(current)
        }
    }
}
