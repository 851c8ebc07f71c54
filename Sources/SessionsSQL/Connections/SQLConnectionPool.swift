/// Connections to a database, each on a thread of its own, and the queue of the calls that want one.
///
/// Calls block, so they run on these threads and never on Swift's shared pool. A call is taken by a thread that is idle,
/// the one that was busy last first, so that no more connections are used than are needed; if there is none, and fewer
/// than the greatest number are there, another thread starts; otherwise the call waits its turn in a queue of bounded
/// length.
///
/// Every call ends by its deadline, with a result or an error: one that still waits then has surely not been executed. For
/// one that runs, the connection is shut, and thrown away: no other call can find this one's reply there. A read whose
/// caller has gone is read to its end and then forgotten, which keeps the connection good as well.
package final class SQLConnectionPool: Sendable {
    /// The pool's measures.
    package struct Limits: Sendable {
        /// The greatest number of connections.
        package var connections: Int
        /// How many statements that only read run at a time. Reads gain nothing by many connections: each of them is a thread
        /// of the server's that has to be woken. Commits do, where the server makes those that come together durable
        /// together.
        package var reads: Int
        /// How many transactions run at a time in which changes are done together, on connections that can do so.
        package var changes: Int
        /// The greatest number of calls that wait.
        package var waiting: Int
        /// How long after its beginning a connection is replaced, at the next opportunity.
        package var age: Duration
        /// How long a connection is kept without having been used.
        package var idle: Duration
        /// How often all connections are replaced because a server does not write any more, at most.
        package var replacement: Duration

        package init(
            connections: Int,
            reads: Int? = nil,
            changes: Int = 1,
            waiting: Int,
            age: Duration,
            idle: Duration,
            replacement: Duration = .seconds(1)
        ) {
            self.connections = connections
            self.reads = reads ?? connections
            self.changes = changes
            self.waiting = waiting
            self.age = age
            self.idle = idle
            self.replacement = replacement
        }
    }

    private let threads: SQLThreads

    /// Creates a pool; nothing is opened yet.
    /// - Parameter connect: Opens a connection within a bounded time. Called on a thread of the pool's.
    package init(
        limits: Limits,
        connect: @escaping @Sendable () throws(SQLFailure) -> any SQLConnection
    ) {
        threads = SQLThreads(limits: limits, connect: connect)
    }

    deinit { threads.stop() }

    /// Does something with a connection, and again with another one if the first was lost or had to give way, as long as
    /// it surely has not taken effect and there is time.
    /// - Parameters:
    ///   - isRead: Whether it only reads: then its caller may be cancelled at any time. A write is carried through.
    ///   - timeout: The time after which the call has ended.
    ///   - together: For a write that is one statement for one row: the change, and what to give when it was done together
    ///     with others that waited for a connection as well, and has changed its row. If one of those does not find its
    ///     row, or anything else goes wrong that surely takes back all of them, each of them is done by itself, as `body`
    ///     says.
    package func run<Value: Sendable>(
        isRead: Bool,
        timeout: Duration,
        together: (change: SQLChange, value: Value)? = nil,
        _ body: @escaping @Sendable (any SQLConnection) throws(SQLFailure) -> Value
    ) async throws(SQLFailure) -> Value {
        let call = SQLCall(isRead: isRead, change: together?.change, deadline: .now + timeout)
        guard !isRead else { return try await read(call, found: nil, body) }
        let threads = threads
        return try await withUnsafeContinuation { threads.submit(call, changed: together?.value, body, $0) }.get()
    }

    /// Loads the row with a certain key, together with others who want one at the same time and have to wait for a
    /// connection. If that fails, each does so by itself.
    /// - Returns: What ``SQLStatement/load`` gives.
    package func load(_ key: [UInt8], timeout: Duration) async throws(SQLFailure) -> [[SQLValue]] {
        let call = SQLCall(isRead: true, lookup: SQLLookup(key), deadline: .now + timeout)
        let alone: @Sendable (any SQLConnection) throws(SQLFailure) -> [[SQLValue]] = { connection throws(SQLFailure) in
            try connection.execute(.load, [.bytes(key)]).rows
        }
        return try await read(call, found: { row in row.map { [$0] } ?? [] }, alone)
    }

    private func read<Value: Sendable>(
        _ call: SQLCall,
        found: (@Sendable ([SQLValue]?) -> Value)?,
        _ body: @escaping @Sendable (any SQLConnection) throws(SQLFailure) -> Value
    ) async throws(SQLFailure) -> Value {
        let threads = threads
        let result = await withTaskCancellationHandler {
            await withUnsafeContinuation { threads.submit(call, found: found, body, $0) }
        } onCancel: {
            threads.cancel(call)
        }
        return try result.get()
    }

    /// Has something done with a connection that nobody waits for. It may not be done at all.
    package func begin(timeout: Duration, _ body: @escaping @Sendable (any SQLConnection) throws(SQLFailure) -> Void) {
        threads.submit(SQLCall(isRead: false, deadline: .now + timeout), body, nil)
    }

    /// How many connections there are, for tests.
    package var connectionCount: Int { threads.count }

    /// How many calls wait for one, for tests.
    package var waitingCount: Int { threads.waitingCount }

    /// Lets the calls that run or wait come to their end, takes no more, and closes all connections.
    package func shutDown() async { await threads.shutDown() }
}
