/// Removing what has expired, in small steps.
extension FileStorage {
    /// Where a step begins: a kind of entry and the least name to look at, so that a shard of any size can be done in
    /// parts, whatever comes and goes meanwhile.
    private struct Place {
        var kind: Kind
        var first: Digest32

        /// The beginning of a shard.
        init(kind: Kind, shard: Int) {
            self.kind = kind
            first = FileStoreLayout.firstDigest(ofShard: shard)
        }

        init(kind: Kind, first: Digest32) {
            self.kind = kind
            self.first = first
        }

        /// Reads what ``cursor`` gives, nothing else.
        init?(_ cursor: SessionStoreCursor) {
            let parts = cursor.rawValue.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let kind = Kind.allCases.first(where: { $0.name == parts[0] }),
                let first = Digest32(hex: parts[1])
            else { return nil }
            self.init(kind: kind, first: first)
        }

        var cursor: SessionStoreCursor { SessionStoreCursor(rawValue: "\(kind.name):\(first.hex)") }
        var shard: Int { FileStoreLayout.shard(of: first) }
        var beginsShard: Bool { first == FileStoreLayout.firstDigest(ofShard: shard) }
    }

    func sweep(from cursor: SessionStoreCursor?, limit: Int, now: SessionInstant) throws(FileFailure) -> SweepStep {
        try checkFolderIsInPlace()
        guard var place = cursor.map({ Place($0) }) ?? Place(kind: .records, shard: 0) else {
            return SweepStep(expired: [], next: nil)
        }
        if cursor == nil { try sweepRoot(now: now) }
        var budget = max(limit, 1)
        var expired: [SessionID] = []
        while true {
            if let rest = try sweepShard(from: place, budget: &budget, expired: &expired, now: now) {
                return SweepStep(expired: expired, next: Place(kind: place.kind, first: rest).cursor)
            }
            if place.shard + 1 < FileStoreLayout.shardCount {
                place = Place(kind: place.kind, shard: place.shard + 1)
            } else if let kind = Kind(rawValue: place.kind.rawValue + 1) {
                place = Place(kind: kind, shard: 0)
            } else {
                return SweepStep(expired: expired, next: nil)
            }
            guard budget > 0 else { return SweepStep(expired: expired, next: place.cursor) }
        }
    }

    /// Does as much of a shard as the budget allows.
    /// - Returns: Where to go on in this shard, or `nil` when it is done.
    private func sweepShard(
        from place: Place,
        budget: inout Int,
        expired: inout [SessionID],
        now: SessionInstant
    ) throws(FileFailure) -> Digest32? {
        let shard = place.shard
        guard let folder = try openShard(shard, of: place.kind) else { return nil }
        budget -= 1
        var digests: [Digest32] = []
        var leftovers: [String] = []
        try fileSystem.list(folder) { name in
            if let digest = FileStoreLayout.digest(shard: shard, entry: name) {
                if !Digest32.precedes(digest, place.first) { digests.append(digest) }
            } else if FileStoreLayout.isTemporary(name) {
                leftovers.append(String(decoding: name, as: UTF8.self))
            }
        }
        // Once in each round, when the shard is begun.
        if place.beginsShard {
            for name in leftovers { try removeLeftover(name, in: folder, now: now) }
        }
        digests.sort(by: Digest32.precedes)
        for digest in digests {
            guard budget > 0 else { return digest }
            budget -= 1
            let name = FileStoreLayout.entryName(of: digest)
            switch place.kind {
            case .records:
                if try sweepRecord(SessionID(digest: digest), name, in: folder, now: now) {
                    expired.append(SessionID(digest: digest))
                }
            case .subjects:
                try sweepSubject(name, in: folder, now: now)
            case .leases:
                try sweepLease(name, in: folder, now: now)
            }
        }
        return nil
    }

    /// Removes a record that has expired.
    ///
    /// The file's time says which ones to look at; under the lock the time is read again and the record itself is asked,
    /// so that one that is being touched or updated survives.
    /// - Returns: Whether a session was removed; forwarders are none.
    private func sweepRecord(
        _ id: SessionID,
        _ name: String,
        in folder: borrowing FileDescriptor,
        now: SessionInstant
    ) throws(FileFailure) -> Bool {
        guard let status = try entryStatus(name, in: folder), status.kind == .file, status.modified <= now else {
            return false
        }
        do throws(FileFailure) {
            let removed = try withLocked(id) { file, _, current throws(FileFailure) -> Bool in
                guard !current.record.isLive(at: now) else {
                    // A writer died before it could note the deadline: noted now, or every round would read the file.
                    if current.record.expiresAt > now { setExpiry(current.record.expiresAt, of: file) }
                    return false
                }
                try remove(id)
                return !current.record.isForwarder
            }
            return removed ?? false
        } catch .busy {
            // In use, so it can wait for the next round.
            return false
        } catch .store(let error) where error.code == .corruptRecord || error.code == .newerFormat {
            // Not ours to judge: it stays for the operator.
            return false
        } catch {
            throw error
        }
    }

    /// Removes what a process left half made beside the folders, once in each round.
    private func sweepRoot(now: SessionInstant) throws(FileFailure) {
        for name in try temporaryNames(in: root) { try removeLeftover(name, in: root, now: now) }
    }

    /// Removes a file that a process began and did not live to put in its place.
    ///
    /// Age alone would do, but a clock may jump: whoever is still at work holds the file's lock.
    func removeLeftover(
        _ name: String,
        in folder: borrowing FileDescriptor,
        now: SessionInstant
    ) throws(FileFailure) {
        guard let status = try entryStatus(name, in: folder), status.kind == .file,
            status.owner == user, status.changed + FileStoreLayout.leftoverAge < now
        else { return }
        do throws(FileFailure) {
            let file = try fileSystem.open(name, in: folder, for: .readWrite)
            try fileSystem.lock(file, exclusively: true)
            try fileSystem.unlink(name, in: folder)
            file.close()
        } catch {
            if case .busy = error { return }
            if error.isNotFound { return }
            throw error
        }
    }
}
