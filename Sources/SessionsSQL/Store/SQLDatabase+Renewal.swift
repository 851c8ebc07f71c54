package import Sessions

extension SQLDatabase {
    /// Both in one transaction, the conditional change first.
    package func renew(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        forwarder: SessionRecord,
        successor: SessionRecord,
        newID: SessionID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> RenewOutcome {
        let change = Self.change(forwarder, id: id, ifStamp: stamp, now: now)
        let row = Self.row(successor, id: newID)
        let renew = renewsInOneStatement ? Self.renewAtOnce : Self.renewInSteps
        let found = try await write { connection throws(SQLFailure) in try renew(connection, id, change, row) }
        switch found {
        case .renewed: return .renewed
        case .exists: return .exists
        case .unchanged(let rows):
            guard let current = try record(rows, id: id, now: now) else { return .missing }
            return .conflict(current)
        }
    }

    @Sendable
    private static func renewAtOnce(
        _ connection: any SQLConnection,
        _ id: SessionID,
        _ change: [SQLValue],
        _ row: [SQLValue]
    ) throws(SQLFailure) -> Renewal {
        do throws(SQLFailure) {
            guard try connection.execute(.renew, change + row).affected == 0 else { return .renewed }
        } catch let error where error.kind == .duplicateKey {
            return .exists
        }
        return .unchanged(try connection.execute(.load, [.bytes(id.bytes)]).rows)
    }

    @Sendable
    private static func renewInSteps(
        _ connection: any SQLConnection,
        _ id: SessionID,
        _ change: [SQLValue],
        _ row: [SQLValue]
    ) throws(SQLFailure) -> Renewal {
        try connection.transaction { () throws(SQLFailure) in
            guard try connection.execute(.update, change).affected > 0 else {
                return (.unchanged(try connection.execute(.load, [.bytes(id.bytes)]).rows), commits: false)
            }
            return try insert(.insert, row, connection) ? (.renewed, commits: true) : (.exists, commits: false)
        }
    }

    private enum Renewal: Sendable {
        case renewed, exists
        case unchanged([[SQLValue]])
    }
}
