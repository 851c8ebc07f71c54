#if Redis
import NIOCore
public import Sessions

/// The server drops expired records by itself. What is left to sweep are the subjects' entries of sessions that were not
/// ended but ran out, which would otherwise stay until their absolute deadlines.
extension RedisSessionStore: SweepingSessionStore {
    /// `false`: the server drops expired records, a minute after their deadlines, and no sweep names them.
    public var sweepsRecords: Bool { false }

    /// Removes the index entries whose records are gone and that are older than a minute.
    ///
    /// Of all servers that share the keys one begins a round, once per ``Configuration/sweepInterval``; for the others it
    /// is over at once.
    public func sweep(
        from cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SweepStep {
        var place: RedisScanPlace?
        if let cursor {
            place = RedisScanPlace(cursor)
            guard place != nil else { return SweepStep(expired: [], next: nil) }
        }
        let step: ScanStep
        do throws(RedisFailure) {
            let deadline = deadline
            let isDue = if place == nil { try await beginRound(by: deadline) } else { true }
            let count = min(max(limit, 1), 1000)
            guard isDue, let scanned = try await scan(keys.subjectPattern, from: place, count: count, by: deadline)
            else { return SweepStep(expired: [], next: nil) }
            step = scanned
        } catch {
            throw SessionStoreError(error, isRead: true)
        }
        for subject in Set(step.keys.compactMap({ keys.subjectID(inSubjectKey: $0.readableBytesView) })) {
            try await sweepIndex(of: subject, now: now)
        }
        return SweepStep(expired: [], next: step.next?.storeCursor)
    }

    /// Whether it is this server's turn to begin a round.
    private func beginRound(by deadline: NIODeadline) async throws(RedisFailure) -> Bool {
        let interval = configuration.sweepInterval.milliseconds
        guard interval > 0 else { return true }
        let key = keys.sweep
        var command = RESPCommand("SET")
        command.append(key)
        command.append("1" as StaticString)
        command.append("NX" as StaticString)
        command.append("PX" as StaticString)
        command.append(interval)
        let reply = try await client.send(
            command,
            to: RedisSlot(hashing: key),
            by: deadline,
            isRead: false,
            effect: .none
        )
        return reply != .null
    }

    private func sweepIndex(of subject: SubjectID, now: SessionInstant) async throws(SessionStoreError) {
        let entries = try await index(of: subject, now: now)
        let old = entries.filter { $0.addedAt + .seconds(60) <= now }
        // A hundred questions at a time travel together and leave room for requests.
        for start in stride(from: 0, to: old.count, by: 100) {
            let ids = old[start..<min(start + 100, old.count)].map(\.id)
            let gone = try await missing(of: ids, now: now)
            for id in gone { try await removeFromIndex(id, subject: subject) }
        }
    }

    /// Those of `ids` that have no living record.
    private func missing(of ids: [SessionID], now: SessionInstant) async throws(SessionStoreError) -> [SessionID] {
        let deadline = deadline
        let results = await withTaskGroup(of: (SessionID, Result<Bool, RedisFailure>).self) { group in
            for id in ids {
                group.addTask { (id, await self.isMissing(id, now: now, by: deadline)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var missing: [SessionID] = []
        for (id, result) in results {
            switch result {
            case .success(true): missing.append(id)
            case .success(false): break
            case .failure(let failure): throw SessionStoreError(failure, isRead: true)
            }
        }
        return missing
    }

    private func isMissing(
        _ id: SessionID,
        now: SessionInstant,
        by deadline: NIODeadline
    ) async -> Result<Bool, RedisFailure> {
        var command = RESPCommand("GETRANGE", capacity: 160)
        keys.appendRecord(id, to: &command)
        command.append(0)
        command.append(RedisStoredRecord.deadlineLength - 1)
        do throws(RedisFailure) {
            let slot = RedisKeys.slot(of: id)
            let reply = try await client.send(command, to: slot, by: deadline, isRead: true, effect: .none)
            guard case .bulk(let digits) = reply else { return .success(false) }
            // Bytes that are no deadline are a damaged record, and an operator's business.
            return .success(
                digits.readableBytes == 0 || RedisStoredRecord.deadline(digits).map { $0 <= now } ?? false
            )
        } catch {
            return .failure(error)
        }
    }
}
#endif
