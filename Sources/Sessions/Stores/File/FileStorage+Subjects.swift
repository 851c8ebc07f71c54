/// The index of each subject: a folder of empty files, and the epoch.
///
/// Every step is taken under the lock of the subject's `epoch` file. An entry's file carries its absolute deadline as
/// modification time and the time when it was made as access time; nobody ever reads its content.
extension FileStorage {
    func addToIndex(
        _ id: SessionID,
        subject: SubjectID,
        absoluteDeadline: SessionInstant,
        now: SessionInstant
    ) throws(FileFailure) -> SubjectEpoch {
        try withSubject(subject, now: now) { folder, epochFile throws(FileFailure) -> SubjectEpoch in
            let file: FileDescriptor
            let epoch = try readEpoch(epochFile)
            do throws(FileFailure) {
                file = try fileSystem.open(id.description, in: folder, for: .createExclusively)
            } catch {
                guard error.isExisting else { throw error }
                return epoch
            }
            do throws(FileFailure) {
                try fileSystem.setPermissions(0o600, of: file)
                try fileSystem.setTimes(of: file, accessed: now, modified: absoluteDeadline)
                if isFlushed {
                    try fileSystem.flushAll(file)
                    try fileSystem.flushAll(folder)
                }
            } catch {
                try? fileSystem.unlink(id.description, in: folder)
                throw error
            }
            return epoch
        }
    }

    func removeFromIndex(_ id: SessionID, subject: SubjectID) throws(FileFailure) {
        try withExistingSubject(subject) { folder, _ throws(FileFailure) in
            do throws(FileFailure) {
                try fileSystem.unlink(id.description, in: folder)
            } catch {
                guard error.isNotFound else { throw error }
            }
            guard isFlushed else { return }
            do throws(FileFailure) {
                try fileSystem.flushAll(folder)
            } catch {
                throw unknownOutcome(error)
            }
        }
    }

    func epoch(of subject: SubjectID) throws(FileFailure) -> SubjectEpoch {
        let epoch = try withExistingSubject(subject) { _, epochFile throws(FileFailure) in try readEpoch(epochFile) }
        if let epoch { return epoch }
        try checkFolderIsInPlace()
        return .initial
    }

    func raiseEpoch(of subject: SubjectID, now: SessionInstant) throws(FileFailure) -> [SubjectIndexEntry] {
        try withSubject(subject, now: now) { folder, epochFile throws(FileFailure) -> [SubjectIndexEntry] in
            let entries = try entries(in: folder, now: now)
            // A random mark: a counter would begin anew, and repeat, once a sweep has removed the file.
            var mark: UInt64 = 0
            while mark == 0 { mark = SystemSessionRandom().next() }
            var bytes: [UInt8] = []
            bytes.append(littleEndian: mark)
            bytes.append(littleEndian: ~mark)
            do throws(FileFailure) {
                try fileSystem.write(bytes, to: epochFile, at: 0)
                try fileSystem.setTimes(of: epochFile, accessed: now + .seconds(1), modified: now)
                if isFlushed { try fileSystem.flushAll(epochFile) }
            } catch {
                throw unknownOutcome(error)
            }
            return entries
        }
    }

    func index(of subject: SubjectID, now: SessionInstant) throws(FileFailure) -> [SubjectIndexEntry] {
        let found = try withExistingSubject(subject) { folder, _ throws(FileFailure) in
            try entries(in: folder, now: now)
        }
        if let found { return found }
        try checkFolderIsInPlace()
        return []
    }

    // MARK: Steps under the lock

    /// The entries whose absolute deadline is ahead; the others are removed.
    private func entries(
        in folder: borrowing FileDescriptor,
        now: SessionInstant
    ) throws(FileFailure) -> [SubjectIndexEntry] {
        var ids: [SessionID] = []
        try fileSystem.list(folder) { name in
            if let digest = FileStoreLayout.digest(entry: name) { ids.append(SessionID(digest: digest)) }
        }
        var entries: [SubjectIndexEntry] = []
        for id in ids.sorted() {
            guard let status = try entryStatus(id.description, in: folder), status.kind == .file else { continue }
            if status.modified <= now {
                try? fileSystem.unlink(id.description, in: folder)
            } else {
                entries.append(SubjectIndexEntry(id: id, addedAt: status.accessed))
            }
        }
        return entries
    }

    /// The epoch, or the initial one of a file that nothing was written to.
    private func readEpoch(_ file: borrowing FileDescriptor) throws(FileFailure) -> SubjectEpoch {
        let bytes = try fileSystem.read(file, count: 16)
        guard bytes.count == 16 else { return .initial }
        let (mark, inverse) = bytes.withUnsafeBytes {
            (
                UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        guard mark == ~inverse else {
            throw .store(SessionStoreError(.corruptRecord, "the epoch of a subject in \(path)/subjects is damaged"))
        }
        return SubjectEpoch(rawValue: mark)
    }

    // MARK: The lock

    /// Opens a subject's folder and takes its lock, making both if they are missing.
    private func withSubject<Result>(
        _ subject: SubjectID,
        now: SessionInstant,
        _ body: (borrowing FileDescriptor, borrowing FileDescriptor) throws(FileFailure) -> Result
    ) throws(FileFailure) -> Result {
        let shard = FileStoreLayout.shard(of: subject.digest)
        let name = FileStoreLayout.entryName(of: subject.digest)
        try checkFolderIsInPlace()
        try checkShard(shard, of: .subjects, making: true)
        for _ in 0..<100 {
            if let result = try withLockedSubject(subject, body) { return result }
            do throws(FileFailure) {
                let parent = try fileSystem.openFolder(FileStoreLayout.shardName(shard), in: subjects)
                _ = try fileSystem.makeFolder(name, in: parent)
                let folder = try fileSystem.openFolder(name, in: parent)
                let file = try fileSystem.open(FileStoreLayout.epoch, in: folder, for: .createExclusively)
                try fileSystem.setPermissions(0o600, of: file)
                try fileSystem.setTimes(of: file, accessed: now + .seconds(1), modified: now)
                if isFlushed {
                    try fileSystem.flushAll(file)
                    try fileSystem.flushAll(folder)
                    try fileSystem.flushAll(parent)
                }
            } catch {
                // Somebody else has made it, or a sweep has just removed the empty folder.
                if error.isExisting { continue }
                guard error.isNotFound else { throw error }
                try remakeShard(shard, of: .subjects)
            }
        }
        throw .busy
    }

    /// Opens a subject's folder and takes its lock; `nil` if there is none.
    @discardableResult
    private func withExistingSubject<Result>(
        _ subject: SubjectID,
        _ body: (borrowing FileDescriptor, borrowing FileDescriptor) throws(FileFailure) -> Result
    ) throws(FileFailure) -> Result? {
        try checkShard(FileStoreLayout.shard(of: subject.digest), of: .subjects, making: false)
        return try withLockedSubject(subject, body)
    }

    private func withLockedSubject<Result>(
        _ subject: SubjectID,
        _ body: (borrowing FileDescriptor, borrowing FileDescriptor) throws(FileFailure) -> Result
    ) throws(FileFailure) -> Result? {
        let found = try ifFound { () throws(FileFailure) in
            try FileStoreLayout.withPath(of: subject.digest) { path throws(FileFailure) in
                try fileSystem.openFolder(path, in: subjects)
            }
        }
        guard let folder = found else { return nil }
        let foundEpoch = try ifFound { () throws(FileFailure) in
            try fileSystem.open(FileStoreLayout.epoch, in: folder, for: .readWrite)
        }
        guard let epochFile = foundEpoch else { return nil }
        try lock(epochFile, exclusively: true)
        // Removed by a sweep between opening and locking: as if it had never been there.
        if try fileSystem.status(of: epochFile).links == 0 { return nil }
        let result = try body(folder, epochFile)
        epochFile.close()
        folder.close()
        return result
    }

    // MARK: Sweeping

    /// Removes the entries of a subject whose absolute deadline has passed, and the folder once it is empty and no
    /// sign-in can be under way that has read its epoch.
    func sweepSubject(
        _ name: String,
        in parent: borrowing FileDescriptor,
        now: SessionInstant
    ) throws(FileFailure) {
        do throws(FileFailure) {
            let folder = try fileSystem.openFolder(name, in: parent)
            do throws(FileFailure) {
                let epochFile = try fileSystem.open(FileStoreLayout.epoch, in: folder, for: .readWrite)
                try lock(epochFile, exclusively: true)
                let status = try fileSystem.status(of: epochFile)
                let isEmpty = try entries(in: folder, now: now).isEmpty
                guard isEmpty, status.links > 0, status.modified + FileStoreLayout.epochAge < now else { return }
                try fileSystem.unlink(FileStoreLayout.epoch, in: folder)
                try? fileSystem.removeFolder(name, in: parent)
                epochFile.close()
            } catch {
                // A process died between making the folder and its epoch, or between removing the two.
                guard error.isNotFound else { throw error }
                try fileSystem.removeFolder(name, in: parent)
            }
        } catch {
            if case .busy = error { return }
            if error.isNotFound || error.isNotEmpty || error.isLinkOrNoFolder { return }
            throw error
        }
    }
}
