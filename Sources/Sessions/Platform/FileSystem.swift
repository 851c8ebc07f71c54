#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The file system calls of ``FileSessionStore``, relative to open folders, never following a symbolic link in the last
/// component, never leaking a descriptor into a child process.
struct FileSystem: Sendable {
    /// A seam for tests: sees every call before it is made, and may make it fail.
    typealias Hook = @Sendable (SystemCall) -> Fault?

    /// What a test may do to a call.
    enum Fault: Sendable {
        /// The call fails with this error number.
        case failure(Int32)
        /// A write writes at most so many bytes.
        case shortWrite(Int)
    }

    /// What `fstat` says, as far as it matters here.
    struct Status: Sendable {
        enum Kind: Sendable { case file, folder, other }

        var kind: Kind
        var permissions: UInt32
        var owner: UInt32
        var links: UInt64
        var size: Int
        var device: UInt64
        var inode: UInt64
        var accessed: SessionInstant
        var modified: SessionInstant
        var changed: SessionInstant

        /// Whether both are the same file or folder.
        func isSame(as other: Status) -> Bool { device == other.device && inode == other.inode }
    }

    enum Access { case read, readWrite, create, createExclusively }

    let hook: Hook?

    /// The user whose files these must be.
    static var user: UInt32 { geteuid() }

    /// The current folder.
    static var currentFolder: String? {
        guard let text = getcwd(nil, 0) else { return nil }
        defer { free(text) }
        return String(cString: text)
    }

    // MARK: Files

    /// Opens a file without waiting for the other end of a FIFO and without following a link.
    func open(
        _ path: UnsafePointer<CChar>,
        in folder: borrowing FileDescriptor,
        for access: Access
    ) throws(FileFailure) -> FileDescriptor {
        let flags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        let folder = folder.number
        return FileDescriptor(
            owning: try retrying(.open) {
                switch access {
                case .read: openat(folder, path, flags | O_RDONLY)
                case .readWrite: openat(folder, path, flags | O_RDWR)
                case .create: openat(folder, path, flags | O_RDWR | O_CREAT, 0o600)
                case .createExclusively: openat(folder, path, flags | O_RDWR | O_CREAT | O_EXCL, 0o600)
                }
            }
        )
    }

    /// Opens a folder that is no symbolic link.
    func openFolder(
        _ path: UnsafePointer<CChar>,
        in folder: borrowing FileDescriptor
    ) throws(FileFailure) -> FileDescriptor {
        let folder = folder.number
        return FileDescriptor(
            owning: try retrying(.open) { openat(folder, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        )
    }

    /// Opens a folder by its path.
    ///
    /// Its last component must be no symbolic link; those before may be.
    func openFolder(path: String) throws(FileFailure) -> FileDescriptor {
        FileDescriptor(
            owning: try retrying(.open) {
                // The global function, not this type's method.
                openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            }
        )
    }

    func status(of file: borrowing FileDescriptor) throws(FileFailure) -> Status {
        var value = stat()
        let number = file.number
        try retrying(.status) { fstat(number, &value) }
        return Status(value)
    }

    /// The status of an entry, links not followed.
    func status(of path: UnsafePointer<CChar>, in folder: borrowing FileDescriptor) throws(FileFailure) -> Status {
        var value = stat()
        let number = folder.number
        try retrying(.statusAt) { fstatat(number, path, &value, AT_SYMLINK_NOFOLLOW) }
        return Status(value)
    }

    /// The status of a path, links not followed in its last component.
    func status(path: String) throws(FileFailure) -> Status {
        var value = stat()
        try retrying(.statusAt) { lstat(path, &value) }
        return Status(value)
    }

    /// Reads up to `count` bytes from the start of a file.
    func read(_ file: borrowing FileDescriptor, count: Int) throws(FileFailure) -> [UInt8] {
        try check(.read)
        let number = file.number
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count, let base = buffer.baseAddress {
                let result = pread(number, base + filled, count - filled, off_t(filled))
                if result > 0 {
                    filled += result
                } else if result == 0 {
                    break
                } else if errno != EINTR {
                    failure = errno
                    break
                }
            }
        }
        guard failure == 0 else { throw .system(.read, failure) }
        return bytes
    }

    /// Writes all bytes at `offset`.
    ///
    /// After a failure some of them may be written.
    func write(_ bytes: [UInt8], to file: borrowing FileDescriptor, at offset: Int) throws(FileFailure) {
        let number = file.number
        var written = 0
        while written < bytes.count {
            var limit = bytes.count - written
            if let hook, let fault = hook(.write) {
                switch fault {
                case .failure(let code): throw .system(.write, code)
                case .shortWrite(let count): limit = min(limit, max(1, count))
                }
            }
            let result = bytes.withUnsafeBytes { buffer in
                buffer.baseAddress.map { pwrite(number, $0 + written, limit, off_t(offset + written)) } ?? 0
            }
            if result > 0 {
                written += result
            } else if result == 0 {
                throw .system(.write, EIO)
            } else if errno != EINTR {
                throw .system(.write, errno)
            }
        }
    }

    /// Sets a file's times, to the millisecond.
    func setTimes(
        of file: borrowing FileDescriptor,
        accessed: SessionInstant,
        modified: SessionInstant
    ) throws(FileFailure) {
        let number = file.number
        var times = (timespec(accessed), timespec(modified))
        try retrying(.setTimes) {
            withUnsafePointer(to: &times) {
                $0.withMemoryRebound(to: timespec.self, capacity: 2) { futimens(number, $0) }
            }
        }
    }

    /// Sets a file's permissions, whatever the process's umask made of them at creation.
    func setPermissions(_ permissions: UInt32, of file: borrowing FileDescriptor) throws(FileFailure) {
        let number = file.number
        try retrying(.changeMode) { fchmod(number, mode_t(permissions)) }
    }

    /// Takes the file's `flock` lock, or throws `.busy` at once: waiting is not a thread's business.
    func lock(_ file: borrowing FileDescriptor, exclusively: Bool) throws(FileFailure) {
        let number = file.number
        do throws(FileFailure) {
            try retrying(.lock) { flock(number, (exclusively ? LOCK_EX : LOCK_SH) | LOCK_NB) }
        } catch .system(.lock, EWOULDBLOCK) {
            throw .busy
        }
    }

    /// Lets other threads run for a moment, between two tries to get a lock.
    static func yield() {
        sched_yield()
    }

    // MARK: Entries of folders

    /// Gives a file a second name; fails if there is an entry of that name.
    func link(
        _ old: UnsafePointer<CChar>,
        as new: UnsafePointer<CChar>,
        in folder: borrowing FileDescriptor
    ) throws(FileFailure) {
        let number = folder.number
        try retrying(.link) { linkat(number, old, number, new, 0) }
    }

    /// Renames an entry over another one, in one step.
    func rename(
        _ old: UnsafePointer<CChar>,
        to new: UnsafePointer<CChar>,
        in folder: borrowing FileDescriptor
    ) throws(FileFailure) {
        let number = folder.number
        try retrying(.rename) { renameat(number, old, number, new) }
    }

    func unlink(_ path: UnsafePointer<CChar>, in folder: borrowing FileDescriptor) throws(FileFailure) {
        let number = folder.number
        try retrying(.unlink) { unlinkat(number, path, 0) }
    }

    /// Makes a folder with mode 0700, whatever the umask.
    /// - Returns: Whether it was not there before.
    func makeFolder(_ path: UnsafePointer<CChar>, in folder: borrowing FileDescriptor) throws(FileFailure) -> Bool {
        let number = folder.number
        do throws(FileFailure) {
            try retrying(.makeFolder) { mkdirat(number, path, 0o700) }
        } catch {
            guard error.isExisting else { throw error }
            return false
        }
        try retrying(.changeMode) { fchmodat(number, path, 0o700, 0) }
        return true
    }

    /// Makes a folder with mode 0700 by its path, whatever the umask.
    func makeFolder(path: String) throws(FileFailure) {
        do throws(FileFailure) {
            try retrying(.makeFolder) { mkdir(path, 0o700) }
        } catch {
            guard error.isExisting else { throw error }
            return
        }
        try retrying(.changeMode) { chmod(path, 0o700) }
    }

    func removeFolder(_ path: UnsafePointer<CChar>, in folder: borrowing FileDescriptor) throws(FileFailure) {
        let number = folder.number
        try retrying(.removeFolder) { unlinkat(number, path, AT_REMOVEDIR) }
    }

    /// Calls `body` with the bytes of each entry's name.
    func list(_ folder: borrowing FileDescriptor, _ body: (UnsafeRawBufferPointer) -> Void) throws(FileFailure) {
        try check(.list)
        // Opened again, because reading moves the position that all users of one open folder share.
        let number = try openFolder(".", in: folder).relinquish()
        guard let stream = fdopendir(number) else {
            let failure = errno
            _ = close(number)
            throw .system(.list, failure)
        }
        defer { closedir(stream) }
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw .system(.list, errno) }
                return
            }
            withUnsafeBytes(of: &entry.pointee.d_name) { name in
                body(UnsafeRawBufferPointer(rebasing: name.prefix { $0 != 0 }))
            }
        }
    }

    // MARK: Durability

    /// Waits until a file's bytes, and what is needed to find them, are on the device.
    func flush(_ file: borrowing FileDescriptor) throws(FileFailure) {
        let number = file.number
        #if canImport(Darwin)
        // `fsync` there stops at the drive's cache. Where the file system cannot do more, it has to do.
        do throws(FileFailure) {
            try retrying(.flush) { fcntl(number, F_FULLFSYNC) }
        } catch .system(.flush, ENOTSUP) {
            try retrying(.flush) { fsync(number) }
        }
        #else
        try retrying(.flush) { fdatasync(number) }
        #endif
    }

    /// Waits until a folder's entries, or a file's times too, are on the device.
    func flushAll(_ file: borrowing FileDescriptor) throws(FileFailure) {
        let number = file.number
        #if canImport(Darwin)
        do throws(FileFailure) {
            try retrying(.flushFolder) { fcntl(number, F_FULLFSYNC) }
        } catch .system(.flushFolder, ENOTSUP) {
            try retrying(.flushFolder) { fsync(number) }
        }
        #else
        try retrying(.flushFolder) { fsync(number) }
        #endif
    }

    // MARK: Seam

    private func check(_ call: SystemCall) throws(FileFailure) {
        if let hook, case .failure(let code) = hook(call) { throw .system(call, code) }
    }

    @discardableResult
    private func retrying(_ call: SystemCall, _ body: () -> Int32) throws(FileFailure) -> Int32 {
        try check(call)
        while true {
            let result = body()
            if result != -1 { return result }
            let failure = errno
            guard failure == EINTR else { throw .system(call, failure) }
        }
    }
}

extension FileSystem.Status {
    fileprivate init(_ value: stat) {
        switch value.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .folder
        default: kind = .other
        }
        permissions = UInt32(value.st_mode & 0o7777)
        owner = value.st_uid
        links = UInt64(value.st_nlink)
        size = Int(value.st_size)
        device = UInt64(truncatingIfNeeded: value.st_dev)
        inode = UInt64(truncatingIfNeeded: value.st_ino)
        #if canImport(Darwin)
        accessed = SessionInstant(value.st_atimespec)
        modified = SessionInstant(value.st_mtimespec)
        changed = SessionInstant(value.st_ctimespec)
        #else
        accessed = SessionInstant(value.st_atim)
        modified = SessionInstant(value.st_mtim)
        changed = SessionInstant(value.st_ctim)
        #endif
    }
}

extension SessionInstant {
    fileprivate init(_ time: timespec) {
        let (seconds, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1000)
        let milliseconds = seconds.addingReportingOverflow(Int64(time.tv_nsec) / 1_000_000)
        self.init(
            millisecondsSince1970: overflow || milliseconds.overflow
                ? (time.tv_sec < 0 ? .min : .max) : milliseconds.partialValue
        )
    }
}

extension timespec {
    fileprivate init(_ instant: SessionInstant) {
        // Floored, so that the nanoseconds are never negative before 1970.
        var (seconds, rest) = instant.millisecondsSince1970.quotientAndRemainder(dividingBy: 1000)
        if rest < 0 {
            seconds -= 1
            rest += 1000
        }
        self.init(tv_sec: time_t(seconds), tv_nsec: Int(rest) * 1_000_000)
    }
}
