/// A write that is one statement for one row, and may share a transaction with others of its kind.
///
/// Each connection that commits has the server make the commit durable, and wakes one of its threads twice. Where many
/// writes come at the same time, most of their cost is that, and it is paid once for all that are committed together.
package struct SQLChange: Sendable {
    package let statement: SQLStatement
    package let values: [SQLValue]
    /// The row's primary key. Those that share a transaction are of different rows, in the order of their keys: so no two
    /// transactions wait for each other.
    package let key: [UInt8]

    /// How many share a transaction at most. Twice as many would save little more, and one that fails takes back all of them.
    package static let groupLimit = 16

    package init(_ statement: SQLStatement, _ values: [SQLValue], key: [UInt8]) {
        self.statement = statement
        self.values = values
        self.key = key
    }
}
