#if MySQL
import CMariaDB
import Sessions
import SessionsSQL

/// A connection to MySQL or MariaDB: prepared statements over the binary protocol, one round trip for each execution.
///
/// It lives on one thread, as ``SQLConnection`` says; what it holds is not for others.
final class MySQLConnection: SQLConnection {
    let handle: UnsafeMutablePointer<MYSQL>
    private let socket: WatchedSocket
    private let texts: SQLStatements
    private var statements: [MySQLPreparedStatement?]
    private var bulkStatements: [SQLStatement: MySQLBulkStatement] = [:]
    /// Whether the server executes a statement for many rows at once. MariaDB does, MySQL does not.
    private(set) var executesTogether: Bool
    private var isInTransaction = false
    /// The longest packet that the server takes, in bytes.
    var maximumPacket = 1 << 24

    /// Takes over a handle that is connected.
    init(_ handle: UnsafeMutablePointer<MYSQL>, _ texts: SQLStatements) {
        self.handle = handle
        self.texts = texts
        socket = WatchedSocket(mysql_get_socket(handle))
        statements = Array(repeating: nil, count: SQLStatement.allCases.count)
        executesTogether = mariadb_executes_in_bulk(handle)
    }

    // MARK: Statements

    func execute(_ statement: SQLStatement, _ values: [SQLValue]) throws(SQLFailure) -> SQLResult {
        guard Self.packetByteCount(values) <= maximumPacket else {
            // The server would hang up in the middle of it, and nobody could tell this from a lost connection.
            throw SQLFailure(
                .tooLarge,
                "the record is larger than a packet may be: raise the server's max_allowed_packet (\(maximumPacket))"
            )
        }
        let prepared: MySQLPreparedStatement
        if let known = statements[statement.rawValue] {
            prepared = known
        } else {
            prepared = try MySQLPreparedStatement(texts[statement], on: handle)
            statements[statement.rawValue] = prepared
        }
        return try prepared.execute(values, isDecisive: !isInTransaction && !statement.isRead)
    }

    private static func packetByteCount(_ values: [SQLValue]) -> Int {
        values.reduce(256) { $0 + 12 + ($1.bytes?.count ?? 0) }
    }

    func load(_ keys: [[UInt8]]) throws(SQLFailure) -> [[UInt8]: [SQLValue]] { try loadInOneStatement(keys) }

    /// Three round trips: begin, execute, commit.
    func executeTogether(_ statement: SQLStatement, _ lists: [[SQLValue]]) throws(SQLFailure) -> [Bool]? {
        guard let first = lists.first, lists.reduce(0, { $0 + Self.packetByteCount($1) }) <= maximumPacket else {
            return nil
        }
        let bulk: MySQLBulkStatement
        if let known = bulkStatements[statement] {
            bulk = known
        } else {
            // Whoever has locked one of the rows is waited for by the one who wants that row, and not by all of them.
            let text = "SET STATEMENT innodb_lock_wait_timeout = 0 FOR \(texts[statement])"
            do throws(SQLFailure) { bulk = try MySQLBulkStatement(text, like: first, on: handle) } catch {
                // A server, or a proxy, that promises what it does not keep.
                executesTogether = false
                throw error
            }
            bulkStatements[statement] = bulk
        }
        return try transaction { () throws(SQLFailure) in
            let isDone = try bulk.execute(lists) == lists.count
            // The server says how many, and not which ones.
            return (isDone ? lists.map { _ in true } : nil, commits: isDone)
        }
    }

    func begin() throws(SQLFailure) {
        try command("START TRANSACTION", .harmless)
        isInTransaction = true
    }

    func commit() throws(SQLFailure) {
        isInTransaction = false
        try command("COMMIT", .decisive)
    }

    func rollback() throws(SQLFailure) {
        isInTransaction = false
        try command("ROLLBACK", .harmless)
    }

    // MARK: Text

    /// Executes a statement that gives no rows, without preparing it.
    func command(_ text: String, _ phase: MySQLError.Phase) throws(SQLFailure) {
        _ = try query(text, phase)
    }

    /// Executes a statement without preparing it.
    /// - Returns: The rows as text; `nil` for NULL.
    @discardableResult
    func query(_ text: String, _ phase: MySQLError.Phase = .harmless) throws(SQLFailure) -> [[String?]] {
        guard mysql_real_query(handle, text, UInt(text.utf8.count)) == 0 else {
            throw MySQLError(handle).failure(phase)
        }
        guard let result = mysql_store_result(handle) else {
            guard mysql_field_count(handle) == 0 else { throw MySQLError(handle).failure(phase) }
            return []
        }
        defer { mysql_free_result(result) }
        let count = Int(mysql_num_fields(result))
        var rows: [[String?]] = []
        while let row = mysql_fetch_row(result) {
            let lengths = mysql_fetch_lengths(result)
            rows.append(
                (0..<count).map { column in
                    guard let start = row[column], let length = lengths?[column] else { return nil }
                    let bytes = UnsafeRawBufferPointer(start: start, count: Int(clamping: length))
                    return String(decoding: bytes, as: UTF8.self)
                }
            )
        }
        return rows
    }

    // MARK: Life

    var isUsable: Bool { socket.isQuiet }

    var interruption: any SQLInterruption { Interruption(socket: socket) }

    private struct Interruption: SQLInterruption {
        let socket: WatchedSocket
        func interrupt() { socket.interrupt() }
    }

    func close() {
        socket.forget()
        // The server forgets its statements with the connection. Freed afterwards, none is told of by itself, and none
        // makes the library read what a lost connection still owes.
        mysql_close(handle)
        for statement in statements { statement?.free() }
        for statement in bulkStatements.values { statement.free() }
        (statements, bulkStatements) = ([], [:])
    }
}
#endif
