#if SQLite
import SessionsSQL
import Synchronization

/// Sees to it that what commits append to the write-ahead log gets into the database's file.
///
/// SQLite lets the commit that makes the log a thousand pages long do this, with two flushes, which take tens of
/// milliseconds on many devices. Here a connection of its own does it, and nobody waits.
final class SQLiteCheckpoints: Sendable {
    private struct State {
        /// The pool's connections hold this.
        weak var pool: SQLConnectionPool?
        var rows = 0
        /// When the checkpoint that was begun last is over, or has never been one.
        var isRunningUntil = ContinuousClock.now
    }

    /// After how many rows: each takes a page or two.
    private static let interval = 250
    /// The length of the log, in pages of 4 KiB (8 MiB in all), from which on writers have to wait once, so that it can begin anew. Under
    /// a load without a pause nothing else would end its growth.
    private static let limit = 2048
    private static let timeout = Duration.seconds(30)

    private let state = Mutex(State())

    /// - Parameter pool: Who does it. Nothing is done before this was called.
    func use(_ pool: SQLConnectionPool) { state.withLock { $0.pool = pool } }

    /// A commit has changed some rows.
    func changed(rows: Int) {
        let pool: SQLConnectionPool? = state.withLock { state in
            state.rows += rows
            guard state.rows >= Self.interval, state.isRunningUntil <= .now, let pool = state.pool else { return nil }
            state.rows = 0
            state.isRunningUntil = .now + Self.timeout
            return pool
        }
        pool?.begin(timeout: Self.timeout) { connection throws(SQLFailure) in
            defer { self.state.withLock { $0.isRunningUntil = .now } }
            guard let connection = connection as? SQLiteConnection else { return }
            if try connection.checkpoint(isThorough: false) > Self.limit {
                _ = try connection.checkpoint(isThorough: true)
            }
        }
    }
}
#endif
