/// A read of the row with a certain key, which may be done together with others of its kind.
///
/// A statement costs a server the way to it and back: a thread that is woken, a packet read, a plan, a packet written. To
/// find another row by its key costs little beside that. So where many reads come at the same time, those that wait are one
/// statement.
package struct SQLLookup: Sendable {
    package let key: [UInt8]

    /// How many are done together at most, and for how many keys ``SQLStatement/loadTogether`` has room.
    package static let groupLimit = 8

    package init(_ key: [UInt8]) {
        self.key = key
    }
}

extension SQLConnection {
    package func load(_ keys: [[UInt8]]) throws(SQLFailure) -> [[UInt8]: [SQLValue]] {
        var found: [[UInt8]: [SQLValue]] = [:]
        for key in keys { found[key] = try execute(.load, [.bytes(key)]).rows.first }
        return found
    }

    /// Loads several rows with one statement, ``SQLStatement/loadTogether``.
    package func loadInOneStatement(_ keys: [[UInt8]]) throws(SQLFailure) -> [[UInt8]: [SQLValue]] {
        // What is left of the room is filled with the last key.
        let filled = keys + Array(repeating: keys.last ?? [], count: max(0, SQLLookup.groupLimit - keys.count))
        var found: [[UInt8]: [SQLValue]] = [:]
        for row in try execute(.loadTogether, filled.map(SQLValue.bytes)).rows {
            // Which row is whose, its key says and nothing else.
            guard let key = row.first?.bytes else {
                throw SQLFailure(.schema, "the id of a session is not made of bytes")
            }
            found[key] = Array(row.dropFirst())
        }
        return found
    }
}
