#if SQLite
import Foundation
import GRDB
import Sessions
import SessionsSQL
import Synchronization

/// One connection to the database's file, on the thread that uses it.
///
/// GRDB runs everything on a queue of the connection's own; since one thread alone uses that, it never waits for the
/// queue, and the queue never takes another thread.
final class SQLiteConnection: SQLConnection {
    private let queue: DatabaseQueue
    private let statements: SQLStatements
    private let path: String
    private let file: FileIdentity
    private let checkpoints: SQLiteCheckpoints
    private var prepared: [Statement?]
    private var isInTransaction = false

    /// Opens the file, which must be there.
    /// - Throws: `.connection` if it is not; `.contention` if others keep it locked for longer than `timeout`.
    init(
        path: String,
        statements: SQLStatements,
        durability: SQLiteSessionStore.Durability,
        checkpoints: SQLiteCheckpoints,
        timeout: Duration
    ) throws(SQLFailure) {
        guard let file = FileIdentity(path: path) else {
            throw SQLFailure(.connection, "the file is missing")
        }
        var configuration = Configuration()
        configuration.label = "swift-sessions"
        configuration.journalMode = .wal
        configuration.foreignKeysEnabled = false
        // A transaction goes on from one call to the next, on the same thread.
        configuration.allowsUnsafeTransactions = true
        let wait = SQLiteBusyWait(timeout: timeout)
        configuration.busyMode = .callback { wait.goesOn(attempt: $0) }
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = \(durability == .flushed ? "FULL" : "NORMAL")")
            // Otherwise some commit or other would have to wait for it: see `SQLiteCheckpoints`.
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 0")
        }
        // Another one than SQLite's, which counts anew for each statement.
        let opening = SQLiteBusyWait(timeout: timeout)
        queue = try Self.queue(path: path, configuration) { opening.goesOn(attempt: $0) }
        self.path = path
        self.file = file
        self.statements = statements
        self.checkpoints = checkpoints
        prepared = Array(repeating: nil, count: SQLStatement.allCases.count)
    }

    /// Opens the file, however often it takes: to change its mode a read becomes a write, and SQLite lets nobody wait for
    /// those who write, or who open the file for the first time as well.
    /// - Parameter wait: Waits a little, and says whether to try again; gets the number of times that it was asked before.
    /// - Throws: `.contention` if it says no.
    static func queue(
        path: String,
        _ configuration: Configuration,
        wait: (_ attempt: Int) -> Bool
    ) throws(SQLFailure) -> DatabaseQueue {
        var attempt = 0
        while true {
            do {
                return try DatabaseQueue(path: path, configuration: configuration)
            } catch {
                let failure = SQLFailure(error, isRead: true)
                guard failure.kind == .contention, wait(attempt) else { throw failure }
                attempt += 1
            }
        }
    }

    func execute(_ statement: SQLStatement, _ values: [SQLValue]) throws(SQLFailure) -> SQLResult {
        let result = try result(of: statement, values)
        if !statement.isRead { checkpoints.changed(rows: result.affected) }
        return result
    }

    private func result(of statement: SQLStatement, _ values: [SQLValue]) throws(SQLFailure) -> SQLResult {
        do throws(SQLFailure) {
            return try perform(isRead: statement.isRead || isInTransaction) { database in
                let prepared = try self.prepared(statement, database)
                prepared.setUncheckedArguments(StatementArguments(values.map(DatabaseValue.init)))
                guard statement.givesRows else {
                    try prepared.execute()
                    return SQLResult(affected: database.changesCount)
                }
                var result = SQLResult()
                let rows = try Row.fetchCursor(prepared)
                while let row = try rows.next() {
                    result.rows.append((0..<row.count).map { SQLValue(row, at: $0) })
                }
                return result
            }
        } catch {
            // SQLite reports an error once more when a statement is made ready for the next time, and GRDB takes that for
            // impossible and ends the process.
            prepared[statement.rawValue] = nil
            throw error
        }
    }

    private func prepared(_ statement: SQLStatement, _ database: Database) throws -> Statement {
        if let known = prepared[statement.rawValue] { return known }
        let made = try database.makeStatement(sql: statements[statement])
        prepared[statement.rawValue] = made
        return made
    }

    var executesTogether: Bool { true }

    /// One lock, one entry of the log, and one flush where commits are flushed.
    func executeTogether(_ statement: SQLStatement, _ lists: [[SQLValue]]) throws(SQLFailure) -> [Bool]? {
        try transaction { () throws(SQLFailure) in
            var found: [Bool] = []
            for values in lists { found.append(try execute(statement, values).affected == 1) }
            return (found, commits: true)
        }
    }

    func begin() throws(SQLFailure) {
        // With the write lock from the beginning: a transaction that begins by reading cannot always become a writer.
        try perform(isRead: true) { database in try database.execute(sql: "BEGIN IMMEDIATE") }
        isInTransaction = true
    }

    func commit() throws(SQLFailure) {
        isInTransaction = false
        try perform(isRead: false) { database in try database.execute(sql: "COMMIT") }
    }

    func rollback() throws(SQLFailure) {
        isInTransaction = false
        try perform(isRead: true) { database in
            // Some errors have done it already.
            if database.isInsideTransaction { try database.execute(sql: "ROLLBACK") }
        }
    }

    /// Executes what is no prepared statement: the schema's.
    func execute(_ text: String) throws(SQLFailure) {
        try perform(isRead: false) { database in try database.execute(sql: text) }
    }

    /// The database's answer to a question of one column.
    func integer(_ text: String) throws(SQLFailure) -> Int64? {
        try perform(isRead: true) { database in try Int64.fetchOne(database, sql: text) }
    }

    /// The database's answer to a question of one column.
    func text(_ text: String) throws(SQLFailure) -> String? {
        try perform(isRead: true) { database in try String.fetchOne(database, sql: text) }
    }

    /// Moves what was written since the last time from the log into the database's file.
    /// - Parameter isThorough: Whether to wait until nobody uses the log, so that it can begin anew, and have writers wait
    ///   meanwhile.
    /// - Returns: How many pages the log has.
    func checkpoint(isThorough: Bool) throws(SQLFailure) -> Int {
        try perform(isRead: true) { try $0.checkpoint(isThorough ? .restart : .passive).walFrameCount }
    }

    private func perform<Value>(
        isRead: Bool,
        _ body: (Database) throws -> Value
    ) throws(SQLFailure) -> Value {
        do {
            return try queue.unsafeReentrantWrite(body)
        } catch {
            throw SQLFailure(error, isRead: isRead)
        }
    }

    /// Whether the file at the path is still the one that is open: what is written to one that was removed is lost.
    var isUsable: Bool { FileIdentity(path: path)?.isSame(as: file) ?? false }

    var interruption: any SQLInterruption { Interruption(queue: queue) }

    func close() {
        prepared = []
        // Whatever is wrong with it, it is not used any more.
        Self.closing.withLock { _ in try? queue.close() }
    }

    /// One at a time: of two that close at once each finds the other still there, and the log is left behind that the last
    /// one takes with it.
    private static let closing = Mutex(())

    private struct Interruption: SQLInterruption {
        let queue: DatabaseQueue
        func interrupt() { queue.interrupt() }
    }
}

extension DatabaseValue {
    init(_ value: SQLValue) {
        switch value {
        case .null: self = .null
        case .integer(let number): self = number.databaseValue
        case .bytes(let bytes): self = Data(bytes).databaseValue
        }
    }
}

extension SQLValue {
    init(_ row: Row, at index: Int) {
        switch (row[index] as DatabaseValue).storage {
        case .int64(let number): self = .integer(number)
        case .blob(let data): self = .bytes(Array(data))
        default: self = .null
        }
    }
}
#endif
