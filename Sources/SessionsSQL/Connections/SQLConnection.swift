/// One connection to a database. It lives on one thread, which a pool gives it, and blocks that thread.
///
/// A call that fails with a ``SQLFailure/closesConnection`` is the last one: the pool closes the connection.
package protocol SQLConnection {
    /// Executes a statement, prepared at its first use.
    ///
    /// For a statement outside a transaction, `mayHaveExecuted` of what is thrown says whether it may have taken effect;
    /// inside one it is always `false`, since what is not committed is rolled back.
    /// - Parameter values: As many as the statement has parameters.
    func execute(_ statement: SQLStatement, _ values: [SQLValue]) throws(SQLFailure) -> SQLResult

    /// Loads the rows with certain keys.
    /// - Parameter keys: At most ``SQLLookup/groupLimit``.
    /// - Returns: By its key, what ``SQLStatement/load`` gives of each row that there is.
    func load(_ keys: [[UInt8]]) throws(SQLFailure) -> [[UInt8]: [SQLValue]]

    /// Whether ``executeTogether(_:_:)`` is there.
    var executesTogether: Bool { get }

    /// Executes a statement once for each list of values, in a transaction of its own, which waits for rows that others
    /// have locked for a moment at most.
    /// - Returns: For each list whether it has matched a row, or `nil` if nothing has been done. Nor has anything if an
    ///   error is thrown that surely has not taken effect.
    func executeTogether(_ statement: SQLStatement, _ lists: [[SQLValue]]) throws(SQLFailure) -> [Bool]?

    /// Begins a transaction, for writing.
    func begin() throws(SQLFailure)

    /// Commits it. If the answer does not come, `mayHaveExecuted` is `true`.
    func commit() throws(SQLFailure)

    /// Takes back what the transaction has done.
    func rollback() throws(SQLFailure)

    /// Looks, without asking the server, whether the other side has closed an idle connection or has sent something that
    /// nobody asked for. Both mean that it is not to be used.
    var isUsable: Bool { get }

    /// Ends a call that another thread waits for, and makes the connection useless.
    var interruption: any SQLInterruption { get }

    /// Closes the connection. Called once, the last of all.
    func close()
}

extension SQLConnection {
    package var executesTogether: Bool { false }

    package func executeTogether(_ statement: SQLStatement, _ lists: [[SQLValue]]) throws(SQLFailure) -> [Bool]? { nil }

    /// Does something in a transaction.
    /// - Parameter body: Gives a value and whether to commit. If not, or if it throws, the transaction is taken back.
    package func transaction<Value>(
        _ body: () throws(SQLFailure) -> (value: Value, commits: Bool)
    ) throws(SQLFailure) -> Value {
        try begin()
        do throws(SQLFailure) {
            let result = try body()
            if result.commits { try commit() } else { try rollback() }
            return result.value
        } catch {
            guard !error.closesConnection else { throw error }
            do throws(SQLFailure) { try rollback() } catch let rollback {
                // Nothing is committed, but the connection is in a state that nobody knows.
                var failure = error
                failure.closesConnection = true
                failure.message += "; \(rollback.message)"
                throw failure
            }
            throw error
        }
    }
}

/// Ends what a connection waits for. Called by any thread, at any time, even after the connection was closed.
package protocol SQLInterruption: Sendable {
    func interrupt()
}
