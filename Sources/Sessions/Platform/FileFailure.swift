#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The system calls that ``FileSystem`` makes; raw values are their names in messages.
enum SystemCall: String, Sendable {
    case open = "open"
    case status = "fstat"
    case statusAt = "fstatat"
    case read = "pread"
    case write = "pwrite"
    case setTimes = "futimens"
    case changeMode = "fchmod"
    case lock = "flock"
    case link = "link"
    case rename = "rename"
    case unlink = "unlink"
    case makeFolder = "mkdir"
    case removeFolder = "rmdir"
    case flush = "fdatasync"
    case flushFolder = "fsync"
    case list = "readdir"
}

/// What can go wrong below a file store's surface; mapped to a ``SessionStoreError`` in one place.
enum FileFailure: Error {
    /// A system call failed with this error number, and nothing that anybody can see has changed.
    case system(SystemCall, Int32)
    /// Somebody else holds the lock, and nothing has changed: worth another try.
    case busy
    /// Anything that is a store's error already.
    case store(SessionStoreError)

    private var errorNumber: Int32? {
        guard case .system(_, let number) = self else { return nil }
        return number
    }

    /// There is no such file, or no longer: `ESTALE` is what a network file system says of a file that was removed.
    var isNotFound: Bool { errorNumber == ENOENT || errorNumber == ESTALE }

    /// There is such a file already.
    var isExisting: Bool { errorNumber == EEXIST }

    /// A folder still has entries.
    var isNotEmpty: Bool { errorNumber == ENOTEMPTY || errorNumber == EEXIST }

    /// The name belongs to something that no record can be: a symbolic link, a socket, a device without a driver, a
    /// folder that was to be written.
    var isForeignKind: Bool {
        errorNumber == ELOOP || errorNumber == EMLINK || errorNumber == ENXIO || errorNumber == ENODEV
            || errorNumber == EISDIR || errorNumber == ENOTDIR
    }

    /// A component of a path is a symbolic link or no folder.
    var isLinkOrNoFolder: Bool { errorNumber == ELOOP || errorNumber == EMLINK || errorNumber == ENOTDIR }

    /// The permissions do not allow it.
    var isForbidden: Bool { errorNumber == EACCES || errorNumber == EPERM || errorNumber == EROFS }

    /// The device or the server of a network file system failed: a change may have happened all the same.
    var isDeviceFailure: Bool { errorNumber == EIO || errorNumber == ESTALE || errorNumber == ETIMEDOUT }

    /// The failure in words, without a file's name.
    var text: String {
        switch self {
        case .system(let call, let number): "\(call.rawValue): \(Self.text(of: number))"
        case .busy: "locked by another process"
        case .store(let error): error.message
        }
    }

    static func text(of number: Int32) -> String {
        // `strerror` is not safe between threads; this is. 128 bytes hold every message of the supported systems.
        var buffer = [CChar](repeating: 0, count: 128)
        guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
