#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Which file is at a path, and who may do what with it.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    package let owner: UInt32
    package let permissions: UInt32
    package let isFolder: Bool
    package let isFile: Bool

    /// - Returns: `nil` if there is nothing, or it cannot be told. Follows symbolic links.
    package init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(truncatingIfNeeded: status.st_ino)
        owner = status.st_uid
        permissions = UInt32(status.st_mode) & 0o7777
        isFolder = UInt32(status.st_mode) & UInt32(S_IFMT) == UInt32(S_IFDIR)
        isFile = UInt32(status.st_mode) & UInt32(S_IFMT) == UInt32(S_IFREG)
    }

    /// Whether it is the same file.
    package func isSame(as other: FileIdentity) -> Bool { device == other.device && inode == other.inode }

    /// The user that the process runs as.
    package static var user: UInt32 { geteuid() }

    /// The folder that relative paths begin at, or `nil` if it is gone.
    package static var currentFolder: String? { FileSystem.currentFolder }

    /// Makes an empty file that nobody but its owner may read, whatever the umask, if there is none.
    /// - Returns: 0, or the system's number for what went wrong. A file that is there is no error.
    package static func makePrivateFile(path: String) -> Int32 {
        let descriptor = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, mode_t(0o600))
        guard descriptor >= 0 else { return errno == EEXIST ? 0 : errno }
        defer { close(descriptor) }
        return fchmod(descriptor, mode_t(0o600)) == 0 ? 0 : errno
    }

    /// The system's text for a number.
    package static func text(ofError number: Int32) -> String { String(cString: strerror(number)) }
}
