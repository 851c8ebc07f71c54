#if SQLite
import GRDB
import SessionsSQL

extension SQLFailure {
    /// Tells SQLite's errors apart, by their result codes (https://www.sqlite.org/rescode.html).
    ///
    /// A statement that fails has no effect, nor has a `COMMIT` that finds the database busy; after an input or output
    /// error nobody knows what is in the file.
    /// - Parameter isRead: Whether nothing can have taken effect anyhow.
    init(_ error: any Error, isRead: Bool) {
        guard let error = error as? DatabaseError else {
            self.init(.other, "SQLite: \(type(of: error))", mayHaveExecuted: !isRead, closesConnection: true)
            return
        }
        let code = "\(error.extendedResultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(.contention, code: code, "another connection has locked the database")
        case .SQLITE_INTERRUPT:
            self.init(.timeout, code: code, "not done in time", closesConnection: true)
        case .SQLITE_FULL:
            self.init(.full, code: code, "the disk or the database is full")
        case .SQLITE_TOOBIG:
            self.init(.tooLarge, code: code, "the record is larger than SQLite takes")
        case .SQLITE_READONLY:
            self.init(.permission, code: code, "the file or its folder may not be written", closesConnection: true)
        case .SQLITE_PERM, .SQLITE_AUTH:
            self.init(.permission, code: code, "the file may not be used", closesConnection: true)
        case .SQLITE_CANTOPEN:
            self.init(.connection, code: code, "the file, or those beside it, cannot be opened", closesConnection: true)
        case .SQLITE_NOTADB:
            self.init(.misconfigured, code: code, "the file is no SQLite database", closesConnection: true)
        case .SQLITE_CORRUPT:
            self.init(
                .other,
                code: code,
                "the database is damaged: see \"PRAGMA integrity_check\"",
                mayHaveExecuted: !isRead,
                closesConnection: true
            )
        case .SQLITE_IOERR:
            self.init(
                .other,
                code: code,
                "the file cannot be read or written",
                mayHaveExecuted: !isRead,
                closesConnection: true
            )
        case .SQLITE_ERROR where error.message?.hasPrefix("no such table") == true:
            self.init(.schema, code: code, "a table is missing: \(error.message ?? "")")
        case .SQLITE_ERROR, .SQLITE_SCHEMA, .SQLITE_MISMATCH, .SQLITE_CONSTRAINT:
            // The message names tables and columns and no values.
            self.init(.schema, code: code, error.message ?? "the tables are not as they should be")
        default:
            self.init(
                .other,
                code: code,
                "SQLite gives up",
                mayHaveExecuted: !isRead,
                closesConnection: true
            )
        }
    }
}
#endif
