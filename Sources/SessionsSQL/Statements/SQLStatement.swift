/// The statements that the stores are made of. Each is prepared once per connection, when it is first used.
package enum SQLStatement: Int, CaseIterable, Sendable {
    // Records
    case load, loadTogether, insert, update, touch, delete
    /// Both halves of a renewal. Only for dialects in which a statement changes rows and gives them to an insert.
    case renew
    case count, page
    case sweepCandidates, sweepRecords, sweepEntriesOfRecords
    // Subjects
    case insertEntry, removeEntry, entries, epoch, raiseEpoch
    case sweepEntries, sweepEpochs
    // Leases
    case insertLease, takeLease, releaseLease, sweepLeases
    // Schema
    case schemaVersion

    /// Whether it changes nothing, so that it may be asked again whatever became of the first time.
    package var isRead: Bool {
        switch self {
        case .load, .loadTogether, .count, .page, .sweepCandidates, .entries, .epoch, .schemaVersion: true
        default: false
        }
    }

    /// Whether it gives rows.
    package var givesRows: Bool { isRead }
}

/// How many rows one statement of a sweep takes at most: few enough that nobody waits long for their locks.
package let sqlSweepLimit = 64

/// The texts of the statements for one dialect and one set of tables.
package struct SQLStatements: Sendable {
    package let dialect: SQLDialect
    package let tables: SQLTables
    private let texts: [String]

    package init(dialect: SQLDialect, tables: SQLTables) {
        self.dialect = dialect
        self.tables = tables
        texts = SQLStatement.allCases.map { dialect.numbered(Self.text($0, dialect, tables)) }
    }

    /// The text of a statement, with the dialect's marks for parameters.
    package subscript(_ statement: SQLStatement) -> String { texts[statement.rawValue] }

    /// The text with `?` for each parameter, in the order of `SQLRecords`.
    private static func text(
        _ statement: SQLStatement,
        _ dialect: SQLDialect,
        _ tables: SQLTables
    ) -> String {
        let sessions = tables.sessions
        let subjects = tables.subjects
        let epochs = tables.epochs
        let leases = tables.leases
        let isMySQL = dialect == .mysql
        // A row that is there already is no error but an outcome: MySQL reports it as one all the same, and `SQLRecords`
        // knows.
        let keeping = isMySQL ? "" : " ON CONFLICT DO NOTHING"
        let list = Array(repeating: "?", count: sqlSweepLimit).joined(separator: ", ")
        switch statement {
        case .load:
            return "SELECT record, expires_at FROM \(sessions) WHERE id = ?"
        case .loadTogether:
            let keys = Array(repeating: "?", count: SQLLookup.groupLimit).joined(separator: ", ")
            return "SELECT id, record, expires_at FROM \(sessions) WHERE id IN (\(keys))"
        case .insert:
            return """
                INSERT INTO \(sessions) (id, stamp, expires_at, expiry_slot, forwarder, record) \
                VALUES (?, ?, ?, ?, ?, ?)\(keeping)
                """
        case .update:
            return """
                UPDATE \(sessions) SET stamp = ?, expires_at = ?, expiry_slot = ?, forwarder = ?, record = ? \
                WHERE id = ? AND stamp = ? AND expires_at > ?
                """
        case .touch:
            return """
                UPDATE \(sessions) SET expires_at = \(dialect.greatest)(expires_at, ?), \
                expiry_slot = \(dialect.greatest)(expiry_slot, ?) \
                WHERE id = ? AND stamp = ? AND expires_at > ?
                """
        case .renew:
            // If the new id is taken, nothing of the statement happens.
            return """
                WITH renewed AS (UPDATE \(sessions) SET stamp = ?, expires_at = ?, expiry_slot = ?, forwarder = ?, record = ? \
                WHERE id = ? AND stamp = ? AND expires_at > ? RETURNING 1) \
                INSERT INTO \(sessions) (id, stamp, expires_at, expiry_slot, forwarder, record) \
                SELECT ?, ?, ?, ?, ?, ? FROM renewed
                """
        case .delete:
            return "DELETE FROM \(sessions) WHERE id = ? AND stamp = ? AND expires_at > ?"
        case .count:
            return "SELECT COUNT(*) FROM \(sessions) WHERE expires_at > ?"
        case .page:
            return """
                SELECT id, record, expires_at FROM \(sessions) WHERE id > ? AND expires_at > ? ORDER BY id LIMIT ?
                """
        case .sweepCandidates:
            return """
                SELECT id, forwarder FROM \(sessions) WHERE expiry_slot < ? AND expires_at <= ? \
                ORDER BY expiry_slot LIMIT ?
                """
        case .sweepRecords:
            return "DELETE FROM \(sessions) WHERE expires_at <= ? AND id IN (\(list))"
        case .sweepEntriesOfRecords:
            return "DELETE FROM \(subjects) WHERE id IN (\(list))"
        case .insertEntry:
            return """
                INSERT INTO \(subjects) (subject, id, deadline, added_at) VALUES (?, ?, ?, ?)\(keeping)
                """
        case .removeEntry:
            return "DELETE FROM \(subjects) WHERE subject = ? AND id = ?"
        case .entries:
            return "SELECT id, added_at FROM \(subjects) WHERE subject = ? AND deadline > ?"
        case .epoch:
            return "SELECT epoch FROM \(epochs) WHERE subject = ?"
        case .raiseEpoch:
            return isMySQL
                ? """
                INSERT INTO \(epochs) (subject, epoch, raised_at) VALUES (?, ?, ?) \
                ON DUPLICATE KEY UPDATE epoch = VALUES(epoch), raised_at = VALUES(raised_at)
                """
                : """
                INSERT INTO \(epochs) (subject, epoch, raised_at) VALUES (?, ?, ?) \
                ON CONFLICT (subject) DO UPDATE SET epoch = excluded.epoch, raised_at = excluded.raised_at
                """
        case .sweepEntries:
            return pruning(subjects, key: "subject, id", where: "deadline <= ?", dialect)
        case .sweepEpochs:
            return pruning(epochs, key: "subject", where: "raised_at <= ?", dialect)
        case .insertLease:
            return "INSERT INTO \(leases) (id, holder, expires_at) VALUES (?, ?, ?)\(keeping)"
        case .takeLease:
            return """
                UPDATE \(leases) SET holder = ?, expires_at = ? WHERE id = ? AND (holder = ? OR expires_at <= ?)
                """
        case .releaseLease:
            return "DELETE FROM \(leases) WHERE id = ? AND holder = ?"
        case .sweepLeases:
            return pruning(leases, key: "id", where: "expires_at <= ?", dialect)
        case .schemaVersion:
            return "SELECT version FROM \(tables.schema)"
        }
    }

    /// A delete of at most ``sqlSweepLimit`` rows.
    private static func pruning(
        _ table: String,
        key: String,
        where condition: String,
        _ dialect: SQLDialect
    ) -> String {
        dialect == .mysql
            ? "DELETE FROM \(table) WHERE \(condition) LIMIT \(sqlSweepLimit)"
            : """
            DELETE FROM \(table) WHERE (\(key)) IN (SELECT \(key) FROM \(table) WHERE \(condition) LIMIT \(sqlSweepLimit))
            """
    }
}
