/// Leases: small files that say who has a session to itself, and until when.
///
/// Never flushed: a power cut ends every lease, and correctness does not rest on them.
extension FileStorage {
    private struct Lease {
        static let byteCount = 24
        var holder: UInt64
        var expiresAt: SessionInstant

        init(holder: UInt64, expiresAt: SessionInstant) {
            self.holder = holder
            self.expiresAt = expiresAt
        }

        /// `nil` for a file that nothing, or only a part, was written to: a free lease.
        init?(_ bytes: [UInt8]) {
            guard bytes.count == Self.byteCount else { return nil }
            let words = bytes.withUnsafeBytes { buffer in
                (0..<3).map { UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
            }
            guard words[2] == Self.check(words[0], words[1]) else { return nil }
            holder = words[0]
            expiresAt = SessionInstant(millisecondsSince1970: Int64(bitPattern: words[1]))
        }

        var bytes: [UInt8] {
            let time = UInt64(bitPattern: expiresAt.millisecondsSince1970)
            var bytes: [UInt8] = []
            bytes.append(littleEndian: holder)
            bytes.append(littleEndian: time)
            bytes.append(littleEndian: Self.check(holder, time))
            return bytes
        }

        private static func check(_ holder: UInt64, _ time: UInt64) -> UInt64 {
            ~(holder ^ (time << 32 | time >> 32))
        }
    }

    func acquireLease(
        on id: SessionID,
        holder: UInt64,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) throws(FileFailure) -> Bool {
        let shard = FileStoreLayout.shard(of: id.digest)
        try checkShard(shard, of: .leases, making: true)
        for _ in 0..<100 {
            let file: FileDescriptor
            do throws(FileFailure) {
                file = try openLease(id, for: .create)
            } catch {
                guard error.isNotFound else { throw error }
                try checkFolderIsInPlace()
                try remakeShard(shard, of: .leases)
                continue
            }
            try lock(file, exclusively: true)
            let status = try fileSystem.status(of: file)
            // Given back between opening and locking: a new file is the lease now.
            if status.links == 0 { continue }
            if let lease = Lease(try fileSystem.read(file, count: Lease.byteCount)), lease.holder != holder,
                lease.expiresAt > now
            {
                return false
            }
            if status.permissions != 0o600 { try fileSystem.setPermissions(0o600, of: file) }
            try fileSystem.write(Lease(holder: holder, expiresAt: expiresAt).bytes, to: file, at: 0)
            setExpiry(expiresAt, of: file)
            file.close()
            return true
        }
        throw .busy
    }

    func releaseLease(on id: SessionID, holder: UInt64) throws(FileFailure) {
        do throws(FileFailure) {
            try checkShard(FileStoreLayout.shard(of: id.digest), of: .leases, making: false)
            let file = try openLease(id, for: .readWrite)
            try lock(file, exclusively: true)
            if try fileSystem.status(of: file).links == 0 { return }
            guard let lease = Lease(try fileSystem.read(file, count: Lease.byteCount)), lease.holder == holder else {
                return
            }
            try FileStoreLayout.withPath(of: id.digest) { path throws(FileFailure) in
                try fileSystem.unlink(path, in: leases)
            }
            file.close()
        } catch {
            guard error.isNotFound else { throw error }
        }
    }

    private func openLease(_ id: SessionID, for access: FileSystem.Access) throws(FileFailure) -> FileDescriptor {
        try FileStoreLayout.withPath(of: id.digest) { path throws(FileFailure) in
            try fileSystem.open(path, in: leases, for: access)
        }
    }

    /// Removes a lease whose time is over and that nobody gave back.
    func sweepLease(_ name: String, in folder: borrowing FileDescriptor, now: SessionInstant) throws(FileFailure) {
        guard let status = try entryStatus(name, in: folder), status.kind == .file, status.modified <= now else {
            return
        }
        do throws(FileFailure) {
            let file = try fileSystem.open(name, in: folder, for: .readWrite)
            try lock(file, exclusively: true)
            if try fileSystem.status(of: file).links == 0 { return }
            if let lease = Lease(try fileSystem.read(file, count: Lease.byteCount)), lease.expiresAt > now { return }
            try fileSystem.unlink(name, in: folder)
            file.close()
        } catch {
            if case .busy = error { return }
            guard error.isNotFound else { throw error }
        }
    }
}
