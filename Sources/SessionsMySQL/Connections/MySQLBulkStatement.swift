#if MySQL
import CMariaDB
import SessionsSQL

/// A statement that the server knows by a number and executes for many rows at once: MariaDB's bulk execution, one packet
/// and one answer for all of them. Belongs to its connection, and is used on its thread only.
final class MySQLBulkStatement {
    private let handle: UnsafeMutablePointer<MYSQL>
    private let statement: UnsafeMutablePointer<MYSQL_STMT>
    private let parameters: MySQLBulkParameters

    /// - Parameter types: What each parameter is, as in one of the lists that are to be executed.
    init(_ text: String, like types: [SQLValue], on handle: UnsafeMutablePointer<MYSQL>) throws(SQLFailure) {
        statement = try MySQLPreparedStatement.prepare(text, on: handle)
        self.handle = handle
        parameters = MySQLBulkParameters(like: types)
    }

    /// To be called after the connection was closed, which has told the server already.
    func free() { mysql_stmt_close(statement) }

    /// One round trip, within a transaction: what is not committed has not happened.
    /// - Parameter lists: A list of values for each row, of the types that were given.
    /// - Returns: How many rows matched, or `nil` if a list is of other types; then nothing was sent.
    func execute(_ lists: [[SQLValue]]) throws(SQLFailure) -> Int? {
        guard parameters.set(lists) else { return nil }
        defer { parameters.shrink() }
        var count = UInt32(lists.count)
        guard mysql_stmt_attr_set(statement, STMT_ATTR_ARRAY_SIZE, &count) == 0,
            mysql_stmt_bind_param(statement, parameters.binds) == 0
        else {
            var failure = MySQLError(statement, of: handle).failure(.harmless)
            failure.closesConnection = true
            throw failure
        }
        guard mysql_stmt_execute(statement) == 0 else { throw MySQLError(statement, of: handle).failure(.harmless) }
        return Int(clamping: mysql_stmt_affected_rows(statement))
    }
}

/// The memory from which the parameters of a bulk execution are sent, column by column: for each parameter an array of
/// integers, or one of addresses and one of lengths.
private final class MySQLBulkParameters {
    let binds: UnsafeMutablePointer<MYSQL_BIND>
    private let isInteger: [Bool]
    /// All rows of the first parameter, then all of the second …
    private let integers: UnsafeMutablePointer<Int64>
    private let addresses: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private let lengths: UnsafeMutablePointer<UInt>
    /// The bytes, row by row.
    private var bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 * 1024, alignment: 8)

    private static let capacity = SQLChange.groupLimit
    /// What is kept between two executions.
    private static let keptByteCount = 64 * 1024

    init(like types: [SQLValue]) {
        isInteger = types.map { $0.integer != nil }
        let count = types.count
        binds = .allocate(capacity: count)
        binds.initialize(repeating: MYSQL_BIND(), count: count)
        integers = .allocate(capacity: count * Self.capacity)
        integers.initialize(repeating: 0, count: count * Self.capacity)
        addresses = .allocate(capacity: count * Self.capacity)
        addresses.initialize(repeating: nil, count: count * Self.capacity)
        lengths = .allocate(capacity: count * Self.capacity)
        lengths.initialize(repeating: 0, count: count * Self.capacity)
        for index in 0..<count {
            let start = index * Self.capacity
            if isInteger[index] {
                binds[index].buffer_type = MYSQL_TYPE_LONGLONG
                binds[index].buffer = UnsafeMutableRawPointer(integers + start)
            } else {
                binds[index].buffer_type = MYSQL_TYPE_BLOB
                binds[index].buffer = UnsafeMutableRawPointer(addresses + start)
                binds[index].length = lengths + start
            }
        }
    }

    deinit {
        bytes.deallocate()
        binds.deallocate()
        integers.deallocate()
        addresses.deallocate()
        lengths.deallocate()
    }

    /// - Returns: Whether they are of the right number and types.
    func set(_ lists: [[SQLValue]]) -> Bool {
        guard lists.count <= Self.capacity, lists.allSatisfy({ $0.count == isInteger.count }) else { return false }
        let byteCount = lists.reduce(0) { $0 + $1.reduce(0) { $0 + ($1.bytes?.count ?? 0) } }
        if bytes.count < byteCount {
            bytes.deallocate()
            bytes = .allocate(byteCount: byteCount + byteCount / 4, alignment: 8)
        }
        var free = bytes[...]
        for (row, list) in lists.enumerated() {
            for (column, value) in list.enumerated() {
                let place = column * Self.capacity + row
                switch value {
                case .integer(let integer) where isInteger[column]:
                    integers[place] = integer
                case .bytes(let array) where !isInteger[column]:
                    let target = UnsafeMutableRawBufferPointer(rebasing: free.prefix(array.count))
                    target.copyBytes(from: array)
                    free = free.dropFirst(array.count)
                    addresses[place] = target.baseAddress ?? bytes.baseAddress
                    lengths[place] = UInt(array.count)
                default:
                    return false
                }
            }
        }
        return true
    }

    /// Gives back what large records took.
    func shrink() {
        guard bytes.count > Self.keptByteCount else { return }
        bytes.deallocate()
        bytes = .allocate(byteCount: Self.keptByteCount, alignment: 8)
    }
}
#endif
