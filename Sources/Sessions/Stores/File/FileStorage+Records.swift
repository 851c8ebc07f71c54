/// Reading and writing single records.
extension FileStorage {
    /// How often an entry that was replaced between opening and locking is opened again.
    private static let reopenLimit = 1000
    /// How often a lock that another process holds for a few microseconds is tried before the thread is given back.
    private static let lockTries = 64

    // MARK: The five operations

    func load(_ id: SessionID, now: SessionInstant) throws(FileFailure) -> SessionRecord? {
        guard let current = try read(id) else {
            try checkFolderIsInPlace()
            return nil
        }
        return current.isLive(at: now) ? current : nil
    }

    func insert(_ record: SessionRecord, id: SessionID) throws(FileFailure) -> InsertOutcome {
        let encoded = try encode(record, id: id)
        let shard = FileStoreLayout.shard(of: id.digest)
        // Into a folder that was moved away nobody else would look.
        try checkFolderIsInPlace()
        try checkShard(shard, of: .records, making: true)
        let bytes = FileSlots.file(record: encoded, sequence: 1, expiresAt: record.expiresAt)
        let outcome: InsertOutcome
        do throws(FileFailure) {
            outcome = try publish(bytes, id: id, expiresAt: record.expiresAt, replacing: false)
        } catch {
            guard error.isNotFound else { throw error }
            try remakeShard(shard, of: .records)
            outcome = try publish(bytes, id: id, expiresAt: record.expiresAt, replacing: false)
        }
        return outcome
    }

    func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) throws(FileFailure) -> UpdateOutcome {
        let encoded = try encode(record, id: id)
        let outcome = try withLocked(id) { file, slots, current throws(FileFailure) -> UpdateOutcome in
            guard current.record.isLive(at: now) else { return .missing }
            guard current.record.stamp == stamp else { return .conflict(current.record) }
            try write(record, encoded, id: id, to: file, slots, after: current)
            return .updated
        }
        guard let outcome else {
            try checkFolderIsInPlace()
            return .missing
        }
        return outcome
    }

    func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) throws(FileFailure) -> Bool {
        let outcome = try withLocked(id) { file, slots, current throws(FileFailure) -> Bool in
            guard current.record.isLive(at: now), current.record.stamp == stamp else { return false }
            guard expiresAt > current.record.expiresAt else { return true }
            // The same bytes with a later deadline, into the other slot: interrupted, it leaves the earlier deadline,
            // and never a record that looks expired because writing has set the file's time to the present.
            let bytes = FileSlots.slot(
                record: slots.bytes[current.range],
                sequence: current.sequence &+ 1,
                expiresAt: expiresAt,
                capacity: slots.capacity
            )
            try overwrite(bytes, in: file, slots, after: current, expiresAt: expiresAt)
            return true
        }
        guard let outcome else {
            try checkFolderIsInPlace()
            return false
        }
        return outcome
    }

    func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) throws(FileFailure) -> DeleteOutcome {
        let outcome = try withLocked(id) { _, _, current throws(FileFailure) -> DeleteOutcome in
            guard current.record.isLive(at: now) else { return .missing }
            guard current.record.stamp == stamp else { return .conflict(current.record) }
            try remove(id)
            return .deleted
        }
        guard let outcome else {
            try checkFolderIsInPlace()
            return .missing
        }
        return outcome
    }

    /// Both or neither: the successor is there before the old record becomes a forwarder, which is what commits.
    ///
    /// A crash in between leaves a successor whose token nobody has.
    func renew(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        forwarder: SessionRecord,
        successor: SessionRecord,
        newID: SessionID,
        now: SessionInstant
    ) throws(FileFailure) -> RenewOutcome {
        let encoded = try encode(forwarder, id: id)
        let outcome = try withLocked(id) { file, slots, current throws(FileFailure) -> RenewOutcome in
            guard current.record.isLive(at: now) else { return .missing }
            guard current.record.stamp == stamp else { return .conflict(current.record) }
            guard newID != id, try insert(successor, id: newID) == .inserted else { return .exists }
            do throws(FileFailure) {
                try write(forwarder, encoded, id: id, to: file, slots, after: current)
            } catch {
                // With an unknown outcome the forwarder may count, and then the successor is the session.
                if case .store(let error) = error, error.mayHaveExecuted { throw .store(error) }
                try? remove(newID)
                throw error
            }
            return .renewed
        }
        guard let outcome else {
            try checkFolderIsInPlace()
            return .missing
        }
        return outcome
    }

    // MARK: Reading

    /// The record as it is, expired or not; `nil` if there is no file.
    ///
    /// Without a lock, unless what is found looks as if somebody were writing it. A writer never touches the slot that
    /// counts, so what is found intact was the record at some moment of this call.
    func read(_ id: SessionID) throws(FileFailure) -> SessionRecord? {
        try checkShard(FileStoreLayout.shard(of: id.digest), of: .records, making: false)
        guard let file = try open(id, for: .read) else { return nil }
        let status = try fileSystem.status(of: file)
        if try isRecord(status, id: id) {
            let slots = FileSlots(try fileSystem.read(file, count: status.size))
            if slots.isIntact {
                do throws(SessionStoreError) {
                    return try slots.current(for: id, onlyNewest: true).record
                } catch {
                    guard error.code == .corruptRecord else { throw .store(error) }
                }
            }
        }
        file.close()
        return try withLocked(id, exclusively: false) { _, _, current throws(FileFailure) in current.record }
    }

    /// Opens a record's file; `nil` if there is none.
    func open(_ id: SessionID, for access: FileSystem.Access) throws(FileFailure) -> FileDescriptor? {
        do throws(FileFailure) {
            return try FileStoreLayout.withPath(of: id.digest) { path throws(FileFailure) in
                try fileSystem.open(path, in: records, for: access)
            }
        } catch {
            if error.isNotFound { return nil }
            if error.isForeignKind { throw foreign(id) }
            if error.isForbidden, try status(of: id)?.owner != user { throw foreign(id) }
            throw error
        }
    }

    private func status(of id: SessionID) throws(FileFailure) -> FileSystem.Status? {
        do throws(FileFailure) {
            return try FileStoreLayout.withPath(of: id.digest) { path throws(FileFailure) in
                try fileSystem.status(of: path, in: records)
            }
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
    }

    /// Whether a file is a record's: ours, a regular one, of one name.
    ///
    /// A second name is there for a moment while a record is being made, and stays if its maker is killed then; with
    /// `false` the caller looks again under the lock, which its maker holds.
    private func isRecord(_ status: FileSystem.Status, id: SessionID) throws(FileFailure) -> Bool {
        guard status.kind == .file, status.owner == user,
            status.size <= FileSlots.maximumFileByteCount
        else { throw foreign(id) }
        return status.links == 1
    }

    private func foreign(_ id: SessionID) -> FileFailure {
        .store(
            SessionStoreError(
                .corruptRecord,
                "what is in the place of session \(id) in \(path)/records is not a file that this store made"
            )
        )
    }

    // MARK: The lock

    /// Opens a record's file, takes its lock and reads it; `nil` if there is none.
    ///
    /// The lock is that of the record's own file, so it waits for nobody but those who use the same record. A file that
    /// was removed or replaced meanwhile has no name any more, and is opened again.
    func withLocked<Result>(
        _ id: SessionID,
        exclusively: Bool = true,
        _ body: (borrowing FileDescriptor, FileSlots, FileSlots.Current) throws(FileFailure) -> Result
    ) throws(FileFailure) -> Result? {
        try checkShard(FileStoreLayout.shard(of: id.digest), of: .records, making: false)
        for _ in 0..<Self.reopenLimit {
            guard let file = try open(id, for: exclusively ? .readWrite : .read) else { return nil }
            try lock(file, exclusively: exclusively)
            let status = try fileSystem.status(of: file)
            if status.links == 0 { continue }
            if try !isRecord(status, id: id), try !finishPublishing(id, file, status) { throw foreign(id) }
            let slots = FileSlots(try fileSystem.read(file, count: status.size))
            let current: FileSlots.Current
            do throws(SessionStoreError) {
                current = try slots.current(for: id, onlyNewest: false)
            } catch {
                throw .store(error)
            }
            let result = try body(file, slots, current)
            // Here and not earlier: closing gives the lock back.
            file.close()
            return result
        }
        throw .busy
    }

    /// Takes a lock, trying for some microseconds.
    func lock(_ file: borrowing FileDescriptor, exclusively: Bool) throws(FileFailure) {
        for _ in 0..<Self.lockTries {
            do throws(FileFailure) {
                return try fileSystem.lock(file, exclusively: exclusively)
            } catch {
                guard case .busy = error else { throw error }
                FileSystem.yield()
            }
        }
        throw .busy
    }
}
