package import Sessions

/// The names of a store's tables, all of which begin with the same word.
package struct SQLTables: Hashable, Sendable {
    /// The table of the records. The others are called like it, with an ending.
    package let sessions: String
    package var subjects: String { sessions + "_subjects" }
    package var epochs: String { sessions + "_epochs" }
    package var leases: String { sessions + "_leases" }
    package var schema: String { sessions + "_schema" }
    /// Where changes are announced, for databases that can.
    package var channel: String { sessions + "_changes" }

    /// Creates the names.
    /// - Parameter name: 1 to 40 lower-case letters, digits and underscores, with a letter at the beginning: names are
    ///   part of a statement's text and cannot be bound, and some databases fold upper case.
    /// - Throws: `.misconfigured`.
    package init(_ name: String) throws(SessionStoreError) {
        let bytes = name.utf8
        let isLetter = { (byte: UInt8) in (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
        let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        guard bytes.count <= 40, let first = bytes.first, isLetter(first),
            bytes.allSatisfy({ isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") })
        else {
            throw SessionStoreError(
                .misconfigured,
                "the table's name is 1 to 40 lower-case letters, digits and underscores, and begins with a letter"
            )
        }
        sessions = name
    }
}
