/// How a record gets into a file.
extension FileStorage {
    func encode(_ record: SessionRecord, id: SessionID) throws(FileFailure) -> [UInt8] {
        let bytes = record.encoded(for: id)
        guard bytes.count <= FileSlots.maximumRecordByteCount else {
            throw .store(
                SessionStoreError(
                    .recordTooLarge,
                    "a record of \(bytes.count) bytes; a file holds \(FileSlots.maximumRecordByteCount)"
                )
            )
        }
        return bytes
    }

    /// Writes a record after the current one, with its lock held: into the other slot, or, if that is too small, into a
    /// larger file that takes this one's place.
    func write(
        _ record: SessionRecord,
        _ encoded: [UInt8],
        id: SessionID,
        to file: borrowing FileDescriptor,
        _ slots: FileSlots,
        after current: FileSlots.Current
    ) throws(FileFailure) {
        let sequence = current.sequence &+ 1
        guard FileSlots.headerByteCount + encoded.count <= slots.capacity else {
            let bytes = FileSlots.file(record: encoded, sequence: sequence, expiresAt: record.expiresAt)
            _ = try publish(bytes, id: id, expiresAt: record.expiresAt, replacing: true)
            return
        }
        let bytes = FileSlots.slot(
            record: encoded,
            sequence: sequence,
            expiresAt: record.expiresAt,
            capacity: slots.capacity
        )
        try overwrite(
            bytes,
            in: file,
            slots,
            after: current,
            expiresAt: record.expiresAt,
            // A forwarder has no values, and the slot before it must not keep them; nor may damage to the forwarder
            // ever make the old token good again.
            emptyingOther: record.isForwarder
        )
    }

    /// Overwrites the slot that does not count.
    ///
    /// The slot that does stays as it is, so an interruption loses nothing.
    func overwrite(
        _ bytes: [UInt8],
        in file: borrowing FileDescriptor,
        _ slots: FileSlots,
        after current: FileSlots.Current,
        expiresAt: SessionInstant,
        emptyingOther: Bool = false
    ) throws(FileFailure) {
        let offset = current.index == 0 ? slots.capacity : 0
        do throws(FileFailure) {
            try fileSystem.write(bytes, to: file, at: offset)
        } catch {
            // What arrived may by chance complete what was there; only an empty slot surely does not count.
            do throws(FileFailure) {
                try fileSystem.write(FileSlots.emptyHeader, to: file, at: offset)
            } catch {
                throw unknownOutcome(error)
            }
            throw error
        }
        do throws(FileFailure) {
            if isFlushed { try fileSystem.flush(file) }
            if emptyingOther {
                // A failure leaves what is needed after every other commit too: two slots, the newest of which counts.
                let rest = Array(repeating: UInt8(0), count: FileSlots.headerByteCount + current.range.count)
                try? fileSystem.write(rest, to: file, at: current.index == 0 ? 0 : slots.capacity)
            }
        } catch {
            throw unknownOutcome(error)
        }
        setExpiry(expiresAt, of: file)
    }

    /// Notes the idle deadline as the file's time, so that a sweep need not open files that live.
    ///
    /// It is a note only: the slot says what counts, and a sweep reads it before it removes anything. So a failure, or
    /// a crash before this step, costs a sweep one look. The access time is set later than the modification time, or
    /// the kernel would write a new one at each reading.
    func setExpiry(_ expiresAt: SessionInstant, of file: borrowing FileDescriptor) {
        try? fileSystem.setTimes(of: file, accessed: expiresAt + .seconds(1), modified: expiresAt)
    }

    /// The folder of a record's entry.
    private func recordShard(of id: SessionID) throws(FileFailure) -> FileDescriptor {
        try fileSystem.openFolder(FileStoreLayout.shardName(FileStoreLayout.shard(of: id.digest)), in: records)
    }

    /// Makes a file under a name of its own and puts it in a record's place: as a new entry, or, with the lock of the
    /// present one held, instead of it.
    ///
    /// Its own lock is held until it is in place for good, so that nobody builds on a name that a power cut could still
    /// take away, and no sweep takes it for a leftover.
    func publish(
        _ bytes: [UInt8],
        id: SessionID,
        expiresAt: SessionInstant,
        replacing: Bool
    ) throws(FileFailure) -> InsertOutcome {
        let shard = try recordShard(of: id)
        let name = FileStoreLayout.entryName(of: id.digest)
        let temporary = FileStoreLayout.temporaryName()
        let file = try fileSystem.open(temporary, in: shard, for: .createExclusively)
        do throws(FileFailure) {
            try fileSystem.setPermissions(0o600, of: file)
            try fileSystem.lock(file, exclusively: true)
            try fileSystem.write(bytes, to: file, at: 0)
            setExpiry(expiresAt, of: file)
            if isFlushed { try fileSystem.flush(file) }
        } catch {
            try? fileSystem.unlink(temporary, in: shard)
            throw error
        }
        do throws(FileFailure) {
            if replacing {
                try fileSystem.rename(temporary, to: name, in: shard)
            } else {
                try fileSystem.link(temporary, as: name, in: shard)
            }
        } catch {
            try? fileSystem.unlink(temporary, in: shard)
            if !replacing, error.isExisting { return .exists }
            throw commitFailure(error)
        }
        do throws(FileFailure) {
            if !replacing { try fileSystem.unlink(temporary, in: shard) }
            if isFlushed { try fileSystem.flushAll(shard) }
        } catch {
            throw unknownOutcome(error)
        }
        file.close()
        return .inserted
    }

    /// Does what is left to do for a record whose maker was killed after it had put it in place: takes away the name under
    /// which it was made. Called with the record's lock, which its maker would still hold if it lived.
    /// - Returns: Whether the file has one name now, so that it is a record.
    func finishPublishing(
        _ id: SessionID,
        _ file: borrowing FileDescriptor,
        _ status: FileSystem.Status
    ) throws(FileFailure) -> Bool {
        let shard = try recordShard(of: id)
        for name in try temporaryNames(in: shard) {
            guard let entry = try entryStatus(name, in: shard), entry.isSame(as: status) else { continue }
            do throws(FileFailure) {
                try fileSystem.unlink(name, in: shard)
            } catch {
                // Another reader, or a sweep, has done it.
                guard error.isNotFound else { throw error }
            }
        }
        // The name that stays may be as new, and is built on from here.
        if isFlushed { try fileSystem.flushAll(shard) }
        return try fileSystem.status(of: file).links == 1
    }

    /// Removes a record's entry, with its lock held.
    func remove(_ id: SessionID) throws(FileFailure) {
        let shard = try recordShard(of: id)
        do throws(FileFailure) {
            try fileSystem.unlink(FileStoreLayout.entryName(of: id.digest), in: shard)
        } catch {
            throw commitFailure(error)
        }
        guard isFlushed else { return }
        do throws(FileFailure) {
            // Without this a power cut would undo a logout.
            try fileSystem.flushAll(shard)
        } catch {
            throw unknownOutcome(error)
        }
    }
}
