/// Sessions in a folder: no service to run, safe between processes, kept over restarts.
///
/// ```swift
/// let sessions = try SessionManager(store: FileSessionStore(path: "sessions"))
/// ```
///
/// Any number of processes on one machine may use one folder. Each record is a file of its own with two checksummed
/// slots; a commit takes the lock (`flock`) of that file, compares the stamp and overwrites the older slot, so that the
/// newest complete commit is there whatever interrupts it, and no session ever waits for another one's file. What is
/// acknowledged survives as ``Durability`` says.
///
/// The folder must be on a local file system that keeps times to the millisecond, such as ext4, XFS, Btrfs or APFS. It
/// is made with mode 0700, its files with 0600, whatever the umask. File names are digests; a file that this store did
/// not make is never read as a session, overwritten or removed.
///
/// Blocking calls run on threads of the store's own. They start at the first use and end with the store.
public final class FileSessionStore: Sendable {
    /// Which acknowledged writes survive what.
    public struct Durability: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String { case none, flushed }
        private let wrapped: Wrapped

        /// An acknowledged write survives the death of the process at any moment (`kill -9`, a crash), since the
        /// operating system has it.
        ///
        /// It need not survive a power cut or a crash of the operating system: the last seconds may be lost, a logout
        /// among them. The default.
        public static var none: Self { .init(wrapped: .none) }

        /// An acknowledged write also survives a power cut, so far as the device keeps what it says it has: the slot is
        /// flushed (`fdatasync`) and, where an entry is made, replaced or removed, so is the folder (`fsync`).
        ///
        /// A commit takes as long as the device needs, some milliseconds on many.
        ///
        /// A touch, which only moves the idle deadline, is flushed too. Leases are not.
        public static var flushed: Self { .init(wrapped: .flushed) }

        /// The level's name.
        public var description: String { wrapped.rawValue }
    }

    /// The folder, as an absolute path.
    public var path: String { storage.path }

    /// Which acknowledged writes survive what.
    public let durability: Durability

    private let storage: FileStorage
    private let lockTimeout: Duration
    /// For what requests wait for.
    let executor: BlockingExecutor
    /// For what walks through folders, so that no request waits for that.
    let background = BlockingExecutor(maximumThreadCount: 1)

    /// Opens a folder of sessions, and makes it if it is missing.
    ///
    /// Opening looks at the folder at once, so that a wrong path shows at the start and not at the first request.
    /// - Parameters:
    ///   - path: The folder. What is missing of the path is made, with mode 0700. It must be a folder and no symbolic
    ///     link, belong to the user that the process runs as, and nobody else may have the right to write to it
    ///     (CVE-2019-16354, CVE-2026-40973).
    ///   - durability: Which acknowledged writes survive what.
    ///   - lockTimeout: How long an operation waits for another process that holds the lock of the same session's file;
    ///     processes hold it for microseconds, with ``Durability/flushed`` for as long as the device needs. After that
    ///     it throws `.unavailable`. 5 seconds unless given.
    /// - Throws: ``SessionStoreError`` with the code `.misconfigured` for a folder that does not satisfy this,
    ///   `.newerFormat` for one that a later version of the library has laid out, `.unavailable` when the system cannot
    ///   tell.
    public convenience init(
        path: String,
        durability: Durability = .none,
        lockTimeout: Duration = .seconds(5)
    ) throws(SessionStoreError) {
        try self.init(path: path, durability: durability, lockTimeout: lockTimeout, hook: nil)
    }

    init(
        path: String,
        durability: Durability,
        lockTimeout: Duration,
        threadCount: Int? = nil,
        hook: FileSystem.Hook?
    ) throws(SessionStoreError) {
        storage = try FileStorage(path: path, isFlushed: durability == .flushed, hook: hook)
        self.durability = durability
        self.lockTimeout = lockTimeout
        // With the page cache two threads keep up with many cores' requests; threads that wait for a device do not
        // use a core, and devices serve several at a time.
        executor = BlockingExecutor(maximumThreadCount: threadCount ?? (durability == .flushed ? 16 : 4))
    }

    /// Runs one operation on a thread, again and again while another process holds the lock that it needs.
    func perform<Success: Sendable>(
        on executor: BlockingExecutor,
        isRead: Bool = false,
        _ work: @escaping @Sendable (FileStorage) throws(FileFailure) -> Success
    ) async throws(SessionStoreError) -> Success {
        // Not `@Sendable () throws(SessionStoreError)` in one closure: only the storage travels to the thread.
        let storage = storage
        var giveUp: ContinuousClock.Instant?
        var pause = Duration.microseconds(500)
        while true {
            do throws(FileFailure) {
                return try await executor.run { () throws(FileFailure) in try work(storage) }
            } catch .busy {
                let now = ContinuousClock.now
                let end = giveUp ?? now + lockTimeout
                giveUp = end
                guard now < end else {
                    throw SessionStoreError(
                        .unavailable,
                        "another process holds the lock of a session's file in \(path) for more than \(lockTimeout)"
                    )
                }
                if isRead {
                    guard !Task.isCancelled else { throw Self.cancelled }
                    try? await Task.sleep(for: pause)
                } else {
                    // Writes are carried through, so a cancelled task waits like any other one: cancelling the waiting
                    // task does not reach a new one.
                    let pause = pause
                    await Task { try? await Task.sleep(for: pause) }.value
                }
                // Somewhere between half of the next pause and all of it, so that those who wait do not march in step.
                pause = min(pause * 2, .milliseconds(20))
                pause = pause * Double.random(in: 0.5...1)
            } catch {
                throw storage.storeError(error)
            }
        }
    }

    private static var cancelled: SessionStoreError {
        SessionStoreError(.cancelled, "the task was cancelled before the session was read")
    }
}

extension FileSessionStore: SessionStore {
    /// Reads a record; takes no lock unless a writer is at work on it.
    public func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        guard !Task.isCancelled else { throw Self.cancelled }
        return try await perform(on: executor, isRead: true) { storage throws(FileFailure) in
            try storage.load(id, now: now)
        }
    }

    /// Adds a record: a file of its own, made under another name and then linked.
    public func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        try await perform(on: executor) { storage throws(FileFailure) in try storage.insert(record, id: id) }
    }

    /// Overwrites the older slot of the record's file, with its lock held, if the stamp is the expected one.
    public func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        try await perform(on: executor) { storage throws(FileFailure) in
            try storage.update(record, id: id, ifStamp: stamp, now: now)
        }
    }

    /// Moves the idle deadline; the record's bytes stay as they are.
    public func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        try await perform(on: executor) { storage throws(FileFailure) in
            try storage.touch(id, ifStamp: stamp, expiresAt: expiresAt, now: now)
        }
    }

    /// Removes the record's file, with its lock held, if the stamp is the expected one.
    public func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        try await perform(on: executor) { storage throws(FileFailure) in
            try storage.delete(id, ifStamp: stamp, now: now)
        }
    }
}
