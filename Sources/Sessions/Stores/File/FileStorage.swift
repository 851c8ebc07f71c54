import Synchronization

/// What a ``FileSessionStore`` does on its threads: everything here blocks, nothing here is asynchronous.
final class FileStorage: Sendable {
    let fileSystem: FileSystem
    let path: String
    let root: FileDescriptor
    let records: FileDescriptor
    let subjects: FileDescriptor
    let leases: FileDescriptor
    /// Which folder was opened.
    private let rootStatus: FileSystem.Status
    /// Whose the folder is, and every file in it must be.
    let user: UInt32
    /// Whether every acknowledged write is on the device.
    let isFlushed: Bool

    private let checkedShards = Mutex<[Bool]>(Array(repeating: false, count: 3 * FileStoreLayout.shardCount))

    /// The three kinds of things that are kept, each in a folder of its own.
    enum Kind: Int, CaseIterable {
        case records, subjects, leases

        var name: String {
            switch self {
            case .records: "records"
            case .subjects: "subjects"
            case .leases: "leases"
            }
        }
    }

    /// Opens the folder, makes what is missing, and refuses what is not safe.
    init(path: String, isFlushed: Bool, hook: FileSystem.Hook?) throws(SessionStoreError) {
        let fileSystem = FileSystem(hook: hook)
        let path = try Self.absolute(path)
        root = try Self.openRoot(path, fileSystem, isFlushed: isFlushed)
        do throws(FileFailure) {
            try Self.checkMarker(root, path, fileSystem, isFlushed: isFlushed)
            records = try Self.openKind(.records, in: root, path, fileSystem)
            subjects = try Self.openKind(.subjects, in: root, path, fileSystem)
            leases = try Self.openKind(.leases, in: root, path, fileSystem)
            if isFlushed { try fileSystem.flushAll(root) }
            rootStatus = try fileSystem.status(of: root)
        } catch {
            throw Self.storeError(error, path: path, ifForbidden: .misconfigured)
        }
        self.fileSystem = fileSystem
        self.path = path
        user = FileSystem.user
        self.isFlushed = isFlushed
    }

    /// Makes a store's error of what went wrong below; the one place where that happens.
    func storeError(_ failure: FileFailure) -> SessionStoreError {
        Self.storeError(failure, path: path, ifForbidden: .unavailable)
    }

    static func storeError(
        _ failure: FileFailure,
        path: String,
        ifForbidden: SessionStoreError.Code
    ) -> SessionStoreError {
        switch failure {
        case .store(let error): error
        case .busy, .system:
            SessionStoreError(
                failure.isForbidden ? ifForbidden : .unavailable,
                "the session folder \(path) failed: \(failure.text)",
                cause: failure
            )
        }
    }

    /// The error of a step after which nobody knows whether the write counts.
    func unknownOutcome(_ failure: FileFailure) -> FileFailure {
        .store(
            SessionStoreError(
                .outcomeUnknown,
                "the session folder \(path) failed while a write was being carried through: \(failure.text)",
                cause: failure
            )
        )
    }

    /// The error of the step that commits: a device that fails may have done its work all the same.
    func commitFailure(_ failure: FileFailure) -> FileFailure {
        failure.isDeviceFailure ? unknownOutcome(failure) : failure
    }

    func folder(of kind: Kind, _ body: (borrowing FileDescriptor) throws(FileFailure) -> Void) throws(FileFailure) {
        switch kind {
        case .records: try body(records)
        case .subjects: try body(subjects)
        case .leases: try body(leases)
        }
    }

    // MARK: Shards

    /// Looks once at a shard's folder, so that a link that somebody put in its place is not followed.
    ///
    /// One that is not there is made if `making`; otherwise whoever needs it finds out.
    func checkShard(_ shard: Int, of kind: Kind, making: Bool) throws(FileFailure) {
        let position = kind.rawValue * FileStoreLayout.shardCount + shard
        if checkedShards.withLock({ $0[position] }) { return }
        try folder(of: kind) { folder throws(FileFailure) in
            let name = FileStoreLayout.shardName(shard)
            if making, try fileSystem.makeFolder(name, in: folder), isFlushed { try fileSystem.flushAll(folder) }
            let status: FileSystem.Status
            do throws(FileFailure) {
                status = try fileSystem.status(of: name, in: folder)
            } catch {
                if error.isNotFound { return }
                throw error
            }
            guard status.kind == .folder, status.owner == user, status.permissions & 0o022 == 0 else {
                throw .store(
                    SessionStoreError(
                        .misconfigured,
                        """
                        \(path)/\(kind.name)/\(name) is not a folder that belongs to this user alone: somebody else \
                        has put it there; remove it
                        """
                    )
                )
            }
            checkedShards.withLock { $0[position] = true }
        }
    }

    /// Makes a shard's folder again after somebody has removed it.
    func remakeShard(_ shard: Int, of kind: Kind) throws(FileFailure) {
        checkedShards.withLock { $0[kind.rawValue * FileStoreLayout.shardCount + shard] = false }
        try checkShard(shard, of: kind, making: true)
    }

    // MARK: The folder as a whole

    /// Throws if the folder was removed, renamed or replaced since the store was opened.
    ///
    /// Before a missing file counts as a missing session, this must have been asked: a lost folder is an outage, not a
    /// mass logout.
    func checkFolderIsInPlace() throws(FileFailure) {
        let named: FileSystem.Status
        do throws(FileFailure) {
            named = try fileSystem.status(path: path)
        } catch {
            guard error.isNotFound else { throw error }
            throw .store(SessionStoreError(.unavailable, "the session folder \(path) was removed; restart the server"))
        }
        // The number of a folder that is held open is given to no other one.
        guard named.isSame(as: rootStatus), try fileSystem.status(of: records).links > 0 else {
            throw .store(
                SessionStoreError(.unavailable, "the session folder \(path) was replaced; restart the server")
            )
        }
    }

    /// Writes and removes a file, as an insert does.
    func checkHealth() throws(FileFailure) {
        try checkFolderIsInPlace()
        let status = try fileSystem.status(of: root)
        guard status.owner == user, status.permissions & 0o022 == 0 else {
            throw .store(Self.exposedFolderError(path))
        }
        let name = FileStoreLayout.temporaryName()
        let file = try fileSystem.open(name, in: root, for: .createExclusively)
        do throws(FileFailure) {
            try fileSystem.write([0], to: file, at: 0)
            if isFlushed { try fileSystem.flush(file) }
        } catch {
            try? fileSystem.unlink(name, in: root)
            throw error
        }
        try fileSystem.unlink(name, in: root)
    }
}
