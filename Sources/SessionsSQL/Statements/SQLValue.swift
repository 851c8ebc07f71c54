/// What is bound to a statement, and what a row is made of: integers and bytes. No text, so no collation, no character
/// set and no time zone.
package enum SQLValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case bytes([UInt8])

    /// The number, or `nil` if it is none.
    package var integer: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// The bytes, or `nil` if it is none.
    package var bytes: [UInt8]? {
        if case .bytes(let value) = self { value } else { nil }
    }
}

/// What a statement gave.
package struct SQLResult: Sendable {
    /// The rows of a query.
    package var rows: [[SQLValue]]
    /// How many rows an insert, update or delete has matched. MySQL counts only those that it has changed unless the
    /// connection asks for more (`CLIENT_FOUND_ROWS`).
    package var affected: Int

    package init(rows: [[SQLValue]] = [], affected: Int = 0) {
        self.rows = rows
        self.affected = affected
    }
}
