#if SQLite
import Logging
import Sessions

/// The rules for the database's file.
enum SQLiteFile {
    /// Checks a path, and makes an empty private file where there is none.
    /// - Returns: The path in a form that still means the same when the process has changed its current folder.
    /// - Throws: `.misconfigured`.
    static func prepare(_ path: String, logger: Logger) throws(SessionStoreError) -> String {
        let path = try absolute(path)
        let number = FileIdentity.makePrivateFile(path: path)
        guard number == 0 else {
            throw error("\(path) cannot be made: \(FileIdentity.text(ofError: number))")
        }
        guard let file = FileIdentity(path: path) else { throw error("\(path) cannot be looked at") }
        guard file.isFile else { throw error("\(path) is no file: give the path of the database's file") }
        // Others could plant sessions, or read everybody's values.
        guard file.permissions & 0o022 == 0 else {
            throw error("others may write to \(path): give it to this user alone (chmod 600)")
        }
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        if let parent = FileIdentity(path: folder.isEmpty ? "/" : folder), parent.permissions & 0o002 != 0,
            parent.permissions & 0o1000 == 0
        {
            throw error(
                "others may write to the folder of \(path), and could replace it: use a folder of this user's own"
            )
        }
        if file.permissions & 0o044 != 0 {
            logger.warning(
                "others may read the sessions: give the file to this user alone (chmod 600)",
                metadata: ["path": "\(path)"]
            )
        }
        return path
    }

    private static func absolute(_ path: String) throws(SessionStoreError) -> String {
        guard !path.isEmpty else { throw error("the path of the database is empty; give one, such as sessions.sqlite") }
        guard path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw error("the path of the database contains a control character")
        }
        guard path != ":memory:" else {
            throw error("a database in memory would be another one for each connection: use the store \"memory:\"")
        }
        // SQLite would take such a path for an address with parameters of its own, such as mode and vfs.
        guard !path.utf8.starts(with: "file:".utf8) else {
            throw error("the path of the database begins with \"file:\": leave that out")
        }
        guard !path.hasSuffix("/") else { throw error("\(path) is a folder: give the path of the database's file") }
        guard !path.hasPrefix("/") else { return path }
        guard let current = FileIdentity.currentFolder else {
            throw error("the path of the database is relative and there is no current folder; give an absolute path")
        }
        return current + "/" + path
    }

    private static func error(_ problem: String) -> SessionStoreError {
        SessionStoreError(.misconfigured, "sqlite: \(problem)")
    }
}
#endif
