/// What tells the databases' SQL apart.
package enum SQLDialect: Hashable, Sendable {
    case mysql, postgres, sqlite

    /// A column of exactly 32 bytes: a digest.
    var digestType: String {
        switch self {
        case .mysql: "BINARY(32)"
        case .postgres: "BYTEA"
        case .sqlite: "BLOB"
        }
    }

    /// A column for a record, up to 16 MiB.
    var recordType: String {
        switch self {
        case .mysql: "MEDIUMBLOB"
        case .postgres: "BYTEA"
        case .sqlite: "BLOB"
        }
    }

    /// The greater one of two numbers.
    var greatest: String { self == .sqlite ? "MAX" : "GREATEST" }

    /// What follows a table's columns.
    var tableOptions: String {
        switch self {
        // InnoDB whatever the server's default is: MyISAM has no transactions and locks the table (D20, D21).
        case .mysql: " ENGINE=InnoDB DEFAULT CHARACTER SET=binary"
        // Room on each page for the new version of a row, so that an update, which changes no indexed column, leaves the
        // indexes alone (heap-only tuples).
        case .postgres: " WITH (fillfactor = 70)"
        // The rows are kept in the primary key's tree.
        case .sqlite: " WITHOUT ROWID, STRICT"
        }
    }

    /// The text with the dialect's own marks for parameters in place of `?`.
    func numbered(_ text: String) -> String {
        guard self == .postgres else { return text }
        var result = ""
        var number = 0
        for character in text {
            if character == "?" {
                number += 1
                result += "$\(number)"
            } else {
                result.append(character)
            }
        }
        return result
    }
}
