#if PostgreSQL
import SessionsSQL

/// How those that have a near cache and those that write to the same tables without one find out about each other.
///
/// A change that is not announced would be missed by every near cache, for good. Announcing costs, so stores without a near
/// cache do it only where somebody listens; and servers with and without one write to the same tables for a while whenever
/// it is turned on, server by server, or an operator's tool revokes sessions.
///
/// Two advisory locks, both shared, stand for the two: whoever listens holds the one, and a connection that writes without
/// announcing the other. Each takes its own first and then looks for the other's. So of two that come at the same time at
/// least one sees the other; a connection that sees a listener announces, and a listener that sees a silent connection
/// waits until it is gone, which is at the latest when its age is reached.
struct PostgresWriters: Sendable {
    private let key: Int32

    private enum Lock: Int32 {
        case listening = 1
        case silent = 2
    }

    init(_ tables: SQLTables) {
        // Half of the number that those who make the tables take: in the form with two halves it is another lock.
        key = Int32(truncatingIfNeeded: SQLSchema(dialect: .postgres, tables: tables).lockNumber >> 32)
    }

    /// For a connection that is about to be used for writing.
    /// - Returns: Whether somebody listens, so that changes must be announced.
    func mustAnnounce(on link: PostgresLink) throws(SQLFailure) -> Bool {
        try take(.silent, on: link)
        guard try isHeld(.listening, on: link) else { return false }
        try link.query("SELECT pg_advisory_unlock_shared(\(key), \(Lock.silent.rawValue))")
        return true
    }

    /// For a connection that listens.
    func beginListening(on link: PostgresLink) throws(SQLFailure) { try take(.listening, on: link) }

    /// Whether somebody writes without announcing.
    func areThereSilentOnes(on link: PostgresLink) throws(SQLFailure) -> Bool { try isHeld(.silent, on: link) }

    /// Until the connection ends.
    private func take(_ lock: Lock, on link: PostgresLink) throws(SQLFailure) {
        try link.query("SELECT pg_advisory_lock_shared(\(key), \(lock.rawValue))")
    }

    private func isHeld(_ lock: Lock, on link: PostgresLink) throws(SQLFailure) -> Bool {
        // Locks are named by unsigned numbers there.
        try link.query(
            """
            SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 \
            AND classid::bigint = \(UInt32(bitPattern: key)) AND objid::bigint = \(lock.rawValue) \
            AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
            """
        ).first?.first == "t"
    }
}
#endif
