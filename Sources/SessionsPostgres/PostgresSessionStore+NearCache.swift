#if PostgreSQL
public import Sessions

/// The five methods, with the near cache where there is one: it is told before anything is sent, and again when it is known
/// what became of it.
extension PostgresSessionStore {
    /// The record of a session, or `nil` if there is none or it has expired. One statement; never from the near cache.
    public func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        guard let nearCache else { return try await database.load(id, now: now) }
        let ticket = nearCache.willLoad(id)
        do {
            let record = try await database.load(id, now: now)
            nearCache.loaded(id, record, ticket: ticket)
            return record
        } catch {
            nearCache.loaded(id, nil, ticket: ticket)
            throw error
        }
    }

    /// Adds a record under an id that has none; never overwrites. One statement.
    public func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        guard let nearCache else { return try await database.insert(record, id: id) }
        let ticket = nearCache.willCommit(id, record)
        do {
            let outcome = try await database.insert(record, id: id)
            if outcome == .inserted { nearCache.committed(id, record, ticket: ticket) } else { nearCache.forget(id) }
            return outcome
        } catch {
            nearCache.forget(id)
            throw error
        }
    }

    /// Replaces a record if it lives and its stamp is the expected one. One statement; a second one only tells why it found
    /// nothing.
    public func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        guard let nearCache else { return try await database.update(record, id: id, ifStamp: stamp, now: now) }
        let ticket = nearCache.willCommit(id, record)
        do {
            let outcome = try await database.update(record, id: id, ifStamp: stamp, now: now)
            if outcome == .updated { nearCache.committed(id, record, ticket: ticket) } else { nearCache.forget(id) }
            return outcome
        } catch {
            nearCache.forget(id)
            throw error
        }
    }

    /// Moves the idle deadline later, if the record lives and its stamp is the expected one. One statement.
    public func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        nearCache?.forget(id)
        defer { nearCache?.forget(id) }
        return try await database.touch(id, ifStamp: stamp, expiresAt: expiresAt, now: now)
    }

    /// Removes a record if it lives and its stamp is the expected one. One statement; a second one only tells why it found
    /// nothing.
    public func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        nearCache?.forget(id)
        defer { nearCache?.forget(id) }
        return try await database.delete(id, ifStamp: stamp, now: now)
    }

    /// Turns the old record into a forwarder and adds its successor, in one statement.
    public func renew(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        forwarder: SessionRecord,
        successor: SessionRecord,
        newID: SessionID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> RenewOutcome {
        nearCache?.forget(id)
        defer { nearCache?.forget(id) }
        let ticket = nearCache?.willCommit(newID, successor) ?? 0
        do {
            let outcome = try await database.renew(
                id,
                ifStamp: stamp,
                forwarder: forwarder,
                successor: successor,
                newID: newID,
                now: now
            )
            if outcome == .renewed {
                nearCache?.committed(newID, successor, ticket: ticket)
            } else {
                nearCache?.forget(newID)
            }
            return outcome
        } catch {
            nearCache?.forget(newID)
            throw error
        }
    }
}

extension PostgresSessionStore: ResidentSessionStore {
    /// The record of a session, if the near cache has it and it is fresh; never without a near cache.
    public func residentRecord(_ id: SessionID, now: SessionInstant) -> SessionRecord? {
        nearCache?.record(id, now: now)
    }
}

extension PostgresSessionStore {
    /// Closes all connections, once the calls that run or wait have come to their end. Whatever is asked of the store
    /// afterwards fails with `.shutDown`.
    ///
    /// A store that is dropped without it closes its connections as well, but nobody can wait for that.
    public func shutDown() async {
        await listener?.shutDown()
        await database.shutDown()
    }
}
#endif
