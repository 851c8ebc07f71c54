#if Redis
import NIOCore
public import Sessions

extension RedisSessionStore: SubjectIndexingSessionStore {
    /// Adds an entry, or keeps the one that is there, and reads the epoch, in one step. Prunes up to a hundred entries
    /// whose absolute deadline has passed.
    public func addToIndex(
        _ id: SessionID,
        subject: SubjectID,
        absoluteDeadline: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SubjectEpoch {
        let reply = try await runOnIndex(.addToIndex, of: subject) { command in
            command.append(now)
            command.append(id)
            command.append(absoluteDeadline)
        }
        return try Self.epoch(reply)
    }

    /// Removes an entry; nothing happens where there is none.
    public func removeFromIndex(_ id: SessionID, subject: SubjectID) async throws(SessionStoreError) {
        _ = try await runOnIndex(.removeFromIndex, of: subject) { $0.append(id) }
    }

    /// The subject's epoch.
    public func epoch(of subject: SubjectID) async throws(SessionStoreError) -> SubjectEpoch {
        var command = RESPCommand("HGET")
        command.expected = [.bulk, .null]
        keys.appendSubjectAdditions(subject, to: &command)
        command.append("epoch" as StaticString)
        let reply: RESPValue
        do throws(RedisFailure) {
            let slot = RedisKeys.slot(of: subject)
            reply = try await client.send(command, to: slot, by: deadline, isRead: true, effect: .none)
        } catch {
            throw SessionStoreError(error, isRead: true)
        }
        return try Self.epoch(reply)
    }

    /// Raises the epoch and reads the entries, in one step.
    public func raiseEpoch(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try Self.entries(await runOnIndex(.raiseEpoch, of: subject) { $0.append(now) })
    }

    /// The subject's entries.
    public func index(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try Self.entries(await runOnIndex(.index, of: subject) { $0.append(now) })
    }

    private func runOnIndex(
        _ script: RedisScript,
        of subject: SubjectID,
        _ append: (inout RESPCommand) -> Void
    ) async throws(SessionStoreError) -> RESPValue {
        try await run(script, on: RedisKeys.slot(of: subject), capacity: 512) { command in
            command.append(2)
            keys.appendSubject(subject, to: &command)
            keys.appendSubjectAdditions(subject, to: &command)
            append(&command)
        }
    }

    private static func epoch(_ reply: RESPValue) throws(SessionStoreError) -> SubjectEpoch {
        switch reply {
        case .null: return .initial
        case .bulk(let digits):
            guard let epoch = UInt64(String(buffer: digits)) else { throw unexpected("epoch") }
            return SubjectEpoch(rawValue: epoch)
        default: throw unexpected("epoch")
        }
    }

    /// From the ids, and a list of ids and the moments of their addition in turns.
    private static func entries(_ reply: RESPValue) throws(SessionStoreError) -> [SubjectIndexEntry] {
        guard case .array(let parts) = reply, parts.count == 2, case .array(let ids) = parts[0],
            case .array(let pairs) = parts[1]
        else { throw unexpected("index") }
        var additions: [ByteBuffer: SessionInstant] = [:]
        for position in stride(from: 0, to: pairs.count - 1, by: 2) {
            guard case .bulk(let name) = pairs[position], case .bulk(let digits) = pairs[position + 1],
                let milliseconds = Int64(String(buffer: digits))
            else { continue }
            additions[name] = SessionInstant(millisecondsSince1970: milliseconds)
        }
        return ids.compactMap { id in
            guard case .bulk(let text) = id, let session = SessionID(String(buffer: text)) else { return nil }
            // Without a moment, as if it had been there for ever.
            return SubjectIndexEntry(id: session, addedAt: additions[text] ?? .init(millisecondsSince1970: 0))
        }
    }
}

extension RedisSessionStore: LeasingSessionStore {
    /// Takes the lease of a session if it is free, or its holder's time is over, or `holder` has it.
    public func acquireLease(
        on id: SessionID,
        holder: UInt64,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        let reply = try await run(.acquireLease, on: RedisKeys.slot(of: id)) { command in
            command.append(1)
            keys.appendLease(id, to: &command)
            command.append("\(holder)")
            command.append(now)
            command.append(expiresAt)
            command.append(Self.nativeDeadline(expiresAt))
        }
        return reply == .integer(1)
    }

    /// Gives a lease back; nothing happens if `holder` does not have it.
    public func releaseLease(on id: SessionID, holder: UInt64) async throws(SessionStoreError) {
        _ = try await run(.releaseLease, on: RedisKeys.slot(of: id)) { command in
            command.append(1)
            keys.appendLease(id, to: &command)
            command.append("\(holder)")
        }
    }
}
#endif
