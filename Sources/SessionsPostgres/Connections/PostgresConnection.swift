#if PostgreSQL
import CPostgres
import Sessions
import SessionsSQL

/// A connection to PostgreSQL.
///
/// Every statement is one round trip: at its first use it is prepared and executed together, afterwards executed by its
/// name, which is the same on all connections. Values and results are binary.
final class PostgresConnection: SQLConnection {
    let link: PostgresLink
    let statements: SQLStatements
    /// Whether statements keep their names from one call to the next: not behind a pooler that changes servers.
    let preparesStatements: Bool
    private let checkUse: () -> Bool
    var prepared = [Bool](repeating: false, count: SQLStatement.allCases.count)
    var isWaitPrepared = false
    private var isInTransaction = false
    var parameters = PostgresValues()

    /// - Parameters:
    ///   - isOfUse: Asked before each call.
    init(
        _ link: PostgresLink,
        statements: SQLStatements,
        preparesStatements: Bool,
        isOfUse: @escaping () -> Bool = { true }
    ) {
        self.link = link
        self.statements = statements
        self.preparesStatements = preparesStatements
        checkUse = isOfUse
    }

    var isUsable: Bool { link.socket.isQuiet && checkUse() }

    var interruption: any SQLInterruption { Interruption(socket: link.socket) }

    private struct Interruption: SQLInterruption {
        let socket: WatchedSocket
        func interrupt() { socket.interrupt() }
    }

    func close() { link.close() }

    // MARK: Statements

    func execute(_ statement: SQLStatement, _ values: [SQLValue]) throws(SQLFailure) -> SQLResult {
        switch statement {
        case .count, .page, .sweepCandidates:
            try withTimeForLists { () throws(SQLFailure) in try executeOnce(statement, values) }
        default: try executeOnce(statement, values)
        }
    }

    static func name(of statement: SQLStatement) -> String { "s\(statement.rawValue)" }

    func load(_ keys: [[UInt8]]) throws(SQLFailure) -> [[UInt8]: [SQLValue]] { try loadInOneStatement(keys) }

    /// Lists may take longer than what requests wait for, and so the server must let them.
    private func withTimeForLists<Value>(_ body: () throws(SQLFailure) -> Value) throws(SQLFailure) -> Value {
        guard preparesStatements else { return try body() }
        try link.query("SET statement_timeout = \(SQLDatabase.listingTimeout.milliseconds)")
        let result: Result<Value, SQLFailure>
        do throws(SQLFailure) { result = .success(try body()) } catch { result = .failure(error) }
        if case .failure(let failure) = result, failure.closesConnection { throw failure }
        do throws(SQLFailure) {
            // What the connection began with.
            try link.query("RESET statement_timeout")
        } catch {
            var failure = error
            failure.mayHaveExecuted = false
            failure.closesConnection = true
            throw failure
        }
        return try result.get()
    }

    private func executeOnce(_ statement: SQLStatement, _ values: [SQLValue]) throws(SQLFailure) -> SQLResult {
        parameters.replace(with: values)
        let isFirst = preparesStatements && !prepared[statement.rawValue]
        try send(statement, isFirst: isFirst)
        let answer = link.answer(isPipeline: isFirst, byteLimit: statement == .page ? 1 << 28 : 1 << 26)
        if isFirst, PQexitPipelineMode(link.connection) == 0, answer.failure == nil {
            throw unknown(statement, "the server's answer does not end")
        }
        // The preparation comes first, and stays when what follows fails.
        if isFirst, answer.completedCount > 0 { prepared[statement.rawValue] = true }
        if var failure = answer.failure {
            // With the preparation.
            let wasCompleted = answer.completedCount > (isFirst ? 1 : 0)
            // Taken back if the server has said so instead of saying that it is complete; nobody knows if it said
            // nothing, or ended the connection after that, since a transaction of one statement is committed then.
            failure.mayHaveExecuted =
                answer.wasSent && failure.closesConnection && !isInTransaction && !statement.isRead
                && (failure.code.isEmpty || wasCompleted)
            throw failure
        }
        guard let result = answer.result else { throw unknown(statement, "the server has answered nothing") }
        return SQLResult(rows: try result.rows(), affected: result.affected)
    }

    func unknown(_ statement: SQLStatement, _ message: String) -> SQLFailure {
        SQLFailure(
            .connection,
            message,
            mayHaveExecuted: !isInTransaction && !statement.isRead,
            closesConnection: true
        )
    }

    private func send(_ statement: SQLStatement, isFirst: Bool) throws(SQLFailure) {
        let connection = link.connection
        let text = statements[statement]
        let name = Self.name(of: statement)
        let isTaken: Bool
        if !preparesStatements {
            isTaken = parameters.withPointers { count, types, values, lengths, formats in
                PQsendQueryParams(connection, text, count, types, values, lengths, formats, 1) == 1
            }
        } else if isFirst {
            guard PQenterPipelineMode(connection) == 1 else { throw link.lost() }
            isTaken = parameters.withPointers { count, types, values, lengths, formats in
                PQsendPrepare(connection, name, text, count, types) == 1
                    && PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1) == 1
                    && PQpipelineSync(connection) == 1
            }
        } else {
            isTaken = parameters.withPointers { count, _, values, lengths, formats in
                PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1) == 1
            }
        }
        // What is not complete is not executed: the mark at the end is missing, behind which it is committed.
        guard isTaken else { throw link.lost() }
    }

    // MARK: Transactions

    /// Whatever the database's default is: the statements are made for this isolation, where each sees what was committed
    /// before it, and whoever waited for a row looks at it again.
    func begin() throws(SQLFailure) {
        do throws(SQLFailure) {
            _ = try link.command("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        } catch {
            var failure = error
            failure.mayHaveExecuted = false
            throw failure
        }
        isInTransaction = true
    }

    func commit() throws(SQLFailure) {
        isInTransaction = false
        let tag = try link.command("COMMIT")
        // The answer to the end of a transaction in which something has failed.
        guard tag == "COMMIT" else { throw SQLFailure(.other, "the server has rolled the transaction back") }
    }

    func rollback() throws(SQLFailure) {
        isInTransaction = false
        do throws(SQLFailure) {
            _ = try link.command("ROLLBACK")
        } catch {
            var failure = error
            failure.mayHaveExecuted = false
            failure.closesConnection = true
            throw failure
        }
    }
}
#endif
