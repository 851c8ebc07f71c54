#if MySQL
import CMariaDB
import SessionsSQL

/// A statement that the server knows by a number. Belongs to its connection, and is used on its thread only.
final class MySQLPreparedStatement {
    private let handle: UnsafeMutablePointer<MYSQL>
    private let statement: UnsafeMutablePointer<MYSQL_STMT>
    private let parameters: MySQLParameters
    private let columns: MySQLColumns?

    init(_ text: String, on handle: UnsafeMutablePointer<MYSQL>) throws(SQLFailure) {
        statement = try Self.prepare(text, on: handle)
        self.handle = handle
        parameters = MySQLParameters(count: Int(mysql_stmt_param_count(statement)))
        if let metadata = mysql_stmt_result_metadata(statement) {
            let fields = UnsafeBufferPointer(
                start: mysql_fetch_fields(metadata),
                count: Int(mysql_num_fields(metadata))
            )
            columns = MySQLColumns(fields)
            mysql_free_result(metadata)
        } else {
            columns = nil
        }
    }

    /// Has the server prepare a statement, which its taker closes.
    static func prepare(
        _ text: String,
        on handle: UnsafeMutablePointer<MYSQL>
    ) throws(SQLFailure) -> UnsafeMutablePointer<MYSQL_STMT> {
        guard let statement = mysql_stmt_init(handle) else {
            throw SQLFailure(.full, "there is no memory for a statement", closesConnection: true)
        }
        guard mysql_stmt_prepare(statement, text, UInt(text.utf8.count)) == 0 else {
            let failure = MySQLError(statement, of: handle).failure(.harmless)
            mysql_stmt_close(statement)
            throw failure
        }
        return statement
    }

    /// To be called after the connection was closed, which has told the server already.
    func free() { mysql_stmt_close(statement) }

    /// One round trip.
    /// - Parameter isDecisive: Whether it takes effect by itself, and not with a transaction.
    func execute(_ values: [SQLValue], isDecisive: Bool) throws(SQLFailure) -> SQLResult {
        guard values.count == parameters.count else {
            throw SQLFailure(.other, "a statement has \(parameters.count) parameters and not \(values.count)")
        }
        if parameters.set(values) {
            guard mysql_stmt_bind_param(statement, parameters.binds) == 0 else {
                throw failure(.harmless, closes: true)
            }
        }
        defer { parameters.shrink() }
        guard mysql_stmt_execute(statement) == 0 else { throw failure(isDecisive ? .decisive : .harmless) }
        guard let columns else { return SQLResult(affected: Int(clamping: mysql_stmt_affected_rows(statement))) }
        return SQLResult(rows: try rows(columns))
    }

    /// Reads all rows as they come, to the end: the next statement needs no further word to the server.
    private func rows(_ columns: MySQLColumns) throws(SQLFailure) -> [[SQLValue]] {
        var rows: [[SQLValue]] = []
        if columns.mustBind {
            guard mysql_stmt_bind_result(statement, columns.binds) == 0 else { throw failure(.harmless, closes: true) }
            columns.mustBind = false
        }
        while true {
            switch mysql_stmt_fetch(statement) {
            case 0, MYSQL_DATA_TRUNCATED: rows.append(try columns.row(of: statement))
            case MYSQL_NO_DATA:
                columns.grow()
                return rows
            default:
                // What else of the result is on its way, nobody knows.
                throw failure(.harmless, closes: true)
            }
        }
    }

    private func failure(_ phase: MySQLError.Phase, closes: Bool = false) -> SQLFailure {
        var failure = MySQLError(statement, of: handle).failure(phase)
        if closes { failure.closesConnection = true }
        return failure
    }
}
#endif
