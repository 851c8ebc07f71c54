/// Counting and listing records by reading folders.
extension FileStorage {
    func count(now: SessionInstant) throws(FileFailure) -> Int {
        try checkFolderIsInPlace()
        var count = 0
        for shard in 0..<FileStoreLayout.shardCount {
            guard let folder = try openShard(shard, of: .records) else { continue }
            for id in try recordIDs(inShard: shard, folder) {
                guard
                    let status = try entryStatus(FileStoreLayout.entryName(of: id.digest), in: folder),
                    status.kind == .file
                else { continue }
                // The time is exact but for the moment of a write; what looks expired is asked.
                if status.modified > now {
                    count += 1
                } else if try readable(id)?.isLive(at: now) == true {
                    count += 1
                }
            }
        }
        return count
    }

    /// The records after an id, by ascending id.
    func page(after id: SessionID?, limit: Int, now: SessionInstant) throws(FileFailure) -> SessionPage {
        try checkFolderIsInPlace()
        let limit = min(max(limit, 1), 1000)
        var entries: [SessionPage.Entry] = []
        for shard in (id.map { FileStoreLayout.shard(of: $0.digest) } ?? 0)..<FileStoreLayout.shardCount {
            guard let folder = try openShard(shard, of: .records) else { continue }
            for next in try recordIDs(inShard: shard, folder).sorted() {
                if let id, next <= id { continue }
                guard let record = try readable(next), record.isLive(at: now) else { continue }
                if entries.count == limit {
                    return SessionPage(entries: entries, next: entries.last.map { .init(after: $0.id) })
                }
                entries.append(.init(id: next, record: record))
            }
        }
        return SessionPage(entries: entries, next: nil)
    }

    /// A record for a list, which one file that cannot be read must not break.
    private func readable(_ id: SessionID) throws(FileFailure) -> SessionRecord? {
        do throws(FileFailure) {
            return try read(id)
        } catch .store(let error) where error.code == .corruptRecord || error.code == .newerFormat {
            return nil
        } catch {
            throw error
        }
    }

    /// A shard's folder, or `nil` if nothing was ever put there.
    func openShard(_ shard: Int, of kind: Kind) throws(FileFailure) -> FileDescriptor? {
        try checkShard(shard, of: kind, making: false)
        let name = FileStoreLayout.shardName(shard)
        return try ifFound { () throws(FileFailure) in
            switch kind {
            case .records: try fileSystem.openFolder(name, in: records)
            case .subjects: try fileSystem.openFolder(name, in: subjects)
            case .leases: try fileSystem.openFolder(name, in: leases)
            }
        }
    }

    /// What is opened, or `nil` if it is not there.
    func ifFound(_ open: () throws(FileFailure) -> FileDescriptor) throws(FileFailure) -> FileDescriptor? {
        do throws(FileFailure) {
            return try open()
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
    }

    /// The names of files that somebody makes, or began to make and did not live to put in their places.
    func temporaryNames(in folder: borrowing FileDescriptor) throws(FileFailure) -> [String] {
        var names: [String] = []
        try fileSystem.list(folder) { name in
            if FileStoreLayout.isTemporary(name) { names.append(String(decoding: name, as: UTF8.self)) }
        }
        return names
    }

    /// The status of an entry, or `nil` if it is gone.
    func entryStatus(
        _ name: String,
        in folder: borrowing FileDescriptor
    ) throws(FileFailure) -> FileSystem.Status? {
        do throws(FileFailure) {
            return try fileSystem.status(of: name, in: folder)
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
    }

    private func recordIDs(
        inShard shard: Int,
        _ folder: borrowing FileDescriptor
    ) throws(FileFailure) -> [SessionID] {
        var ids: [SessionID] = []
        try fileSystem.list(folder) { name in
            guard let digest = FileStoreLayout.digest(shard: shard, entry: name) else { return }
            ids.append(SessionID(digest: digest))
        }
        return ids
    }
}
