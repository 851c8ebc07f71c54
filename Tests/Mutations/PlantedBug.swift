#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The bug that this process has, if any: what `Scripts/mutations` guards the changes of `Tests/Mutations` with.
///
/// It is no part of the library. The script adds it to a copy of the sources, to each module that has a bug.
enum PlantedBug {
    private static let name = getenv("SESSIONS_PLANTED_BUG").map { String(cString: $0) }

    /// Whether the process has the bug of this name.
    static func isOn(_ bug: String) -> Bool { name == bug }
}
