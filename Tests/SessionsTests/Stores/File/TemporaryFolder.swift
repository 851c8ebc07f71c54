@testable import Sessions

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A folder of a test's own, removed with everything in it at the end.
final class TemporaryFolder: Sendable {
    let path: String

    init() {
        var digits = String(SystemSessionRandom().next(), radix: 16)
        digits = String(repeating: "0", count: 16 - digits.count) + digits
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        path = "\(base)/swift-sessions-test-\(digits)"
        mkdir(path, 0o700)
    }

    deinit { Disk.removeAll(path) }

    /// A path in the folder.
    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}

/// What tests do to a disk behind a store's back.
enum Disk {
    static func removeAll(_ path: String) {
        for name in entries(path) {
            let entry = "\(path)/\(name)"
            if isFolder(entry) { removeAll(entry) } else { unlink(entry) }
        }
        rmdir(path)
    }

    static func entries(_ path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Every path below a folder, folders included.
    static func tree(_ path: String) -> [String] {
        entries(path).flatMap { name -> [String] in
            let entry = "\(path)/\(name)"
            return isFolder(entry) ? [entry] + tree(entry) : [entry]
        }
    }

    static func isFolder(_ path: String) -> Bool { status(path).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false }
    static func exists(_ path: String) -> Bool { status(path) != nil }
    static func mode(_ path: String) -> UInt32 { status(path).map { UInt32($0.st_mode & 0o7777) } ?? 0 }
    static func inode(_ path: String) -> UInt64 { status(path).map { UInt64($0.st_ino) } ?? 0 }
    static func links(_ path: String) -> Int { status(path).map { Int($0.st_nlink) } ?? 0 }

    /// The modification time in seconds since 1970.
    static func modified(_ path: String) -> Int64 {
        #if canImport(Darwin)
        status(path).map { Int64($0.st_mtimespec.tv_sec) } ?? 0
        #else
        status(path).map { Int64($0.st_mtim.tv_sec) } ?? 0
        #endif
    }

    private static func status(_ path: String) -> stat? {
        var value = stat()
        return lstat(path, &value) == 0 ? value : nil
    }

    static func makeFolder(_ path: String, mode: UInt32 = 0o700) {
        mkdir(path, mode_t(mode))
        chmod(path, mode_t(mode))
    }

    static func setMode(_ path: String, _ mode: UInt32) { chmod(path, mode_t(mode)) }
    static func makeLink(_ path: String, to target: String) { symlink(target, path) }
    static func makeHardLink(_ path: String, to target: String) { link(target, path) }
    static func makeFIFO(_ path: String) { mkfifo(path, 0o600) }
    static func move(_ path: String, to other: String) { rename(path, other) }
    static func remove(_ path: String) { unlink(path) }

    static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode_t(mode))
        _ = bytes.withUnsafeBytes { writeAll(file, $0) }
        close(file)
    }

    static func read(_ path: String) -> [UInt8] {
        let file = open(path, O_RDONLY)
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = readSome(file, &buffer)
            guard count > 0 else { return bytes }
            bytes += buffer.prefix(count)
        }
    }

    /// Gives a file the times of long ago.
    static func age(_ path: String) {
        // Not `timeval`, which the compiler knows from two modules when it optimises the whole module.
        var times = utimbuf(actime: 1_000_000_000, modtime: 1_000_000_000)
        utime(path, &times)
    }

    /// Holds a file's lock until the result is closed, as another process would.
    static func hold(_ path: String) -> Int32 {
        let file = open(path, O_RDWR)
        _ = flock(file, LOCK_EX | LOCK_NB)
        return file
    }

    static func release(_ file: Int32) { close(file) }

    /// Whose files a store of this process must refuse: somebody else's.
    static func foreignFolder(_ folder: TemporaryFolder) -> String {
        guard geteuid() == 0 else { return "/usr" }
        let path = folder("foreign")
        mkdir(path, 0o700)
        chown(path, 12345, 12345)
        return path
    }

    /// Runs `body` with another umask.
    ///
    /// That of the process; so it may only be one that harms no test beside it.
    static func withMask<R>(_ mask: UInt32, _ body: () async throws -> R) async rethrows -> R {
        let old = umask(mode_t(mask))
        defer { umask(old) }
        return try await body()
    }

    /// The descriptors of this process that are open below a folder.
    static func openDescriptors(below path: String) -> [String] {
        entries("/proc/self/fd").compactMap { name in
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = readlink("/proc/self/fd/\(name)", &buffer, buffer.count)
            guard count > 0 else { return nil }
            let target = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return target.hasPrefix(path) ? target : nil
        }
    }

    private static func writeAll(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        bytes.baseAddress.map { systemWrite(file, $0, bytes.count) } ?? 0
    }

    private static func readSome(_ file: Int32, _ buffer: inout [UInt8]) -> Int {
        buffer.withUnsafeMutableBytes { $0.baseAddress.map { systemRead(file, $0, 65536) } ?? 0 }
    }
}

// Outside of the type, whose methods have the same names.
private func systemWrite(_ file: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int { write(file, bytes, count) }
private func systemRead(_ file: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(file, bytes, count)
}

/// Records and ids for the tests of the file store.
enum Sample {
    static let start = SystemSessionClock().now

    static func id() -> SessionID {
        var digest = Digest32()
        withUnsafeMutableBytes(of: &digest) { SystemSessionRandom().fill($0) }
        return SessionID(digest: digest)
    }

    static func subject() -> SubjectID { SubjectID(digest: id().digest) }

    /// A record whose size `subject` and `client` decide; `revision` is what tests count in.
    static func record(
        stamp: UInt64,
        revision: UInt64 = 1,
        expiresAt: SessionInstant = start + .seconds(3600),
        kind: SessionRecord.Kind = .session(predecessor: nil),
        subject: String = ""
    ) -> SessionRecord {
        SessionRecord(
            stamp: SessionStamp(rawValue: stamp),
            revision: revision,
            createdAt: start,
            absoluteDeadline: start + .seconds(86400),
            idleTimeout: .seconds(3600),
            expiresAt: expiresAt,
            kind: kind,
            subject: subject,
            values: SessionValues(now: start)
        )
    }

    /// Where a store keeps a record.
    static func path(of id: SessionID, in folder: String) -> String {
        "\(folder)/records/\(id.description.prefix(2))/\(id.description.dropFirst(2))"
    }
}
