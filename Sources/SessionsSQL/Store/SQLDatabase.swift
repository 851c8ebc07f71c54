package import Sessions

/// A database that holds sessions: what the SQL stores are made of.
public final class SQLDatabase: Sendable {
    /// Names kind, user, host and database in messages; never the password.
    package let name: String
    package let reads: SQLConnectionPool
    /// The same as `reads`, except where only one connection can write at a time.
    package let writes: SQLConnectionPool
    /// For what no request waits for: lists, counts and what sweeps look for. The same as `reads`, except where few
    /// connections are to be had.
    package let background: SQLConnectionPool
    let timeout: Duration
    /// Whether a renewal is one statement, ``SQLStatement/renew``, and not a transaction of several.
    let renewsInOneStatement: Bool

    /// How long a count or a list may take. It looks at many rows, and somebody has asked for that.
    package static let listingTimeout = Duration.seconds(30)

    /// Creates a database with one pool for everything.
    /// - Parameter timeout: The time within which every operation that requests wait for ends, with a result or an error.
    package convenience init(
        name: String,
        pool: SQLConnectionPool,
        timeout: Duration,
        renewsInOneStatement: Bool = false
    ) {
        self.init(
            name: name,
            reads: pool,
            writes: pool,
            background: pool,
            timeout: timeout,
            renewsInOneStatement: renewsInOneStatement
        )
    }

    /// - Parameter timeout: The time within which every operation that requests wait for ends, with a result or an error.
    package init(
        name: String,
        reads: SQLConnectionPool,
        writes: SQLConnectionPool,
        background: SQLConnectionPool,
        timeout: Duration,
        renewsInOneStatement: Bool = false
    ) {
        self.name = name
        self.reads = reads
        self.writes = writes
        self.background = background
        self.timeout = timeout
        self.renewsInOneStatement = renewsInOneStatement
    }

    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws(SQLFailure) -> Value
    ) async throws(SessionStoreError) -> Value {
        try await read(from: reads, timeout: timeout, body)
    }

    /// Reads many rows.
    func list<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws(SQLFailure) -> Value
    ) async throws(SessionStoreError) -> Value {
        try await read(from: background, timeout: max(timeout, Self.listingTimeout), body)
    }

    private func read<Value: Sendable>(
        from pool: SQLConnectionPool,
        timeout: Duration,
        _ body: @escaping @Sendable (any SQLConnection) throws(SQLFailure) -> Value
    ) async throws(SessionStoreError) -> Value {
        do throws(SQLFailure) {
            return try await pool.run(isRead: true, timeout: timeout, body)
        } catch {
            throw error.storeError(name, isRead: true)
        }
    }

    /// - Parameter together: As in ``SQLConnectionPool/run(isRead:timeout:together:_:)``.
    package func write<Value: Sendable>(
        together: (change: SQLChange, value: Value)? = nil,
        _ body: @escaping @Sendable (any SQLConnection) throws(SQLFailure) -> Value
    ) async throws(SessionStoreError) -> Value {
        do throws(SQLFailure) {
            return try await writes.run(isRead: false, timeout: timeout, together: together, body)
        } catch {
            throw error.storeError(name, isRead: false)
        }
    }

    /// An answer of the database that cannot be one.
    func unexpected(_ what: StaticString) -> SessionStoreError {
        SessionStoreError(.corruptRecord, "\(name): \(what)")
    }
}

// MARK: - Records

extension SQLDatabase {
    package func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        let rows: [[SQLValue]]
        do throws(SQLFailure) {
            rows = try await reads.load(id.bytes, timeout: timeout)
        } catch {
            throw error.storeError(name, isRead: true)
        }
        return try record(rows, id: id, now: now)
    }

    package func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        let change = SQLChange(.insert, Self.row(record, id: id), key: id.bytes)
        return try await write(together: (change, .inserted)) { connection throws(SQLFailure) in
            try Self.insert(change.statement, change.values, connection) ? .inserted : .exists
        }
    }

    /// One statement; a second one only tells why it found nothing.
    package func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        let change = SQLChange(.update, Self.change(record, id: id, ifStamp: stamp, now: now), key: id.bytes)
        let found = try await write(together: (change, .changed)) { connection throws(SQLFailure) in
            try Self.change(change, id: id, connection)
        }
        switch found {
        case .changed: return .updated
        case .unchanged(let rows):
            guard let current = try self.record(rows, id: id, now: now) else { return .missing }
            return .conflict(current)
        }
    }

    package func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        let values: [SQLValue] = [
            .instant(expiresAt), .integer(Self.slot(expiresAt)), .bytes(id.bytes), .stamp(stamp), .instant(now),
        ]
        return try await write(together: (SQLChange(.touch, values, key: id.bytes), true)) {
            connection throws(SQLFailure) in
            try connection.execute(.touch, values).affected > 0
        }
    }

    /// One statement; a second one only tells why it found nothing.
    package func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        let change = SQLChange(.delete, [.bytes(id.bytes), .stamp(stamp), .instant(now)], key: id.bytes)
        let found = try await write(together: (change, .changed)) { connection throws(SQLFailure) in
            try Self.change(change, id: id, connection)
        }
        switch found {
        case .changed: return .deleted
        case .unchanged(let rows):
            guard let current = try record(rows, id: id, now: now) else { return .missing }
            return .conflict(current)
        }
    }

    private enum Change: Sendable {
        case changed
        /// The condition did not hold. The row as it is, or none.
        case unchanged([[SQLValue]])
    }

    private static func change(
        _ change: SQLChange,
        id: SessionID,
        _ connection: any SQLConnection
    ) throws(SQLFailure) -> Change {
        guard try connection.execute(change.statement, change.values).affected == 0 else { return .changed }
        return .unchanged(try connection.execute(.load, [.bytes(id.bytes)]).rows)
    }

    /// - Returns: Whether there was no row with this key.
    static func insert(
        _ statement: SQLStatement,
        _ values: [SQLValue],
        _ connection: any SQLConnection
    ) throws(SQLFailure) -> Bool {
        do throws(SQLFailure) {
            return try connection.execute(statement, values).affected > 0
        } catch let error where error.kind == .duplicateKey {
            return false
        }
    }

    // MARK: Rows

    /// The columns of the table of records.
    static func row(_ record: SessionRecord, id: SessionID) -> [SQLValue] {
        [
            .bytes(id.bytes), .stamp(record.stamp), .instant(record.expiresAt), .integer(slot(record.expiresAt)),
            .integer(record.isForwarder ? 1 : 0), .bytes(record.encoded(for: id)),
        ]
    }

    static func change(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) -> [SQLValue] {
        [
            .stamp(record.stamp), .instant(record.expiresAt), .integer(slot(record.expiresAt)),
            .integer(record.isForwarder ? 1 : 0), .bytes(record.encoded(for: id)), .bytes(id.bytes), .stamp(stamp),
            .instant(now),
        ]
    }

    /// The 262 seconds in which an instant lies.
    ///
    /// The index that sweeps use is on this and not on the time of expiry, which every commit moves: most commits then
    /// leave the index alone.
    static func slot(_ instant: SessionInstant) -> Int64 { instant.millisecondsSince1970 >> 18 }

    func record(
        _ rows: [[SQLValue]],
        id: SessionID,
        now: SessionInstant
    ) throws(SessionStoreError) -> SessionRecord? {
        guard let row = rows.first else { return nil }
        let record = try record(row[...], id: id)
        return record.isLive(at: now) ? record : nil
    }

    /// From the columns `record, expires_at`.
    func record(_ columns: ArraySlice<SQLValue>, id: SessionID) throws(SessionStoreError) -> SessionRecord {
        guard columns.count == 2, let bytes = columns.first?.bytes, let expiresAt = columns.last?.integer else {
            throw unexpected("the row of a session has other columns than it should have")
        }
        return try SessionRecord(encoded: bytes, for: id, expiresAt: SessionInstant(millisecondsSince1970: expiresAt))
    }
}

extension SQLValue {
    static func instant(_ instant: SessionInstant) -> Self { .integer(instant.millisecondsSince1970) }
    static func stamp(_ stamp: SessionStamp) -> Self { .integer(Int64(bitPattern: stamp.rawValue)) }
}
