#if MySQL
import CMariaDB
import SessionsSQL

/// The memory into which a statement's rows are read: bound once, larger when records turn out to be.
final class MySQLColumns {
    let count: Int
    let binds: UnsafeMutablePointer<MYSQL_BIND>
    private let integers: UnsafeMutablePointer<Int64>
    private let lengths: UnsafeMutablePointer<UInt>
    private let nulls: UnsafeMutablePointer<my_bool>
    private var bytes: [UnsafeMutableRawBufferPointer?]
    private var wanted: [Int]
    var mustBind = true

    /// The room for a record to begin with.
    private static let recordByteCount = 4096
    /// What a column may keep between two executions; a larger value is read by itself, with a second copy.
    private static let keptByteCount = 64 * 1024
    /// The longest value that is read, as long as a record's column: what is longer is none of ours.
    private static let maximumByteCount = 1 << 24

    init(_ fields: UnsafeBufferPointer<MYSQL_FIELD>) {
        count = fields.count
        binds = .allocate(capacity: count)
        binds.initialize(repeating: MYSQL_BIND(), count: count)
        integers = .allocate(capacity: count)
        integers.initialize(repeating: 0, count: count)
        lengths = .allocate(capacity: count)
        lengths.initialize(repeating: 0, count: count)
        nulls = .allocate(capacity: count)
        nulls.initialize(repeating: 0, count: count)
        bytes = Array(repeating: nil, count: count)
        wanted = Array(repeating: 0, count: count)
        for (index, field) in fields.enumerated() {
            binds[index].length = lengths + index
            binds[index].is_null = nulls + index
            if Self.integerTypes.contains(field.type.rawValue) {
                binds[index].buffer_type = MYSQL_TYPE_LONGLONG
                binds[index].buffer = UnsafeMutableRawPointer(integers + index)
                binds[index].buffer_length = UInt(MemoryLayout<Int64>.size)
            } else {
                let byteCount = min(max(Int(clamping: field.length), 32), Self.recordByteCount)
                place(byteCount, at: index)
            }
        }
    }

    deinit {
        for place in bytes { place?.deallocate() }
        binds.deallocate()
        integers.deallocate()
        lengths.deallocate()
        nulls.deallocate()
    }

    private static let integerTypes: Set<UInt32> = [
        MYSQL_TYPE_TINY.rawValue, MYSQL_TYPE_SHORT.rawValue, MYSQL_TYPE_INT24.rawValue, MYSQL_TYPE_LONG.rawValue,
        MYSQL_TYPE_LONGLONG.rawValue,
    ]

    private func place(_ byteCount: Int, at index: Int) {
        bytes[index]?.deallocate()
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 8)
        bytes[index] = place
        binds[index].buffer_type = MYSQL_TYPE_BLOB
        binds[index].buffer = place.baseAddress
        binds[index].buffer_length = UInt(byteCount)
        mustBind = true
    }

    /// The row that was fetched last.
    func row(of statement: UnsafeMutablePointer<MYSQL_STMT>) throws(SQLFailure) -> [SQLValue] {
        var row: [SQLValue] = []
        row.reserveCapacity(count)
        for index in 0..<count {
            if nulls[index] != 0 {
                row.append(.null)
            } else if let place = bytes[index] {
                let length = Int(clamping: lengths[index])
                if length <= place.count {
                    row.append(.bytes(Array(UnsafeRawBufferPointer(rebasing: place[..<length]))))
                } else {
                    row.append(.bytes(try long(index, length, of: statement)))
                    wanted[index] = max(wanted[index], length)
                }
            } else {
                row.append(.integer(integers[index]))
            }
        }
        return row
    }

    /// A value that is longer than the room for it.
    private func long(
        _ index: Int,
        _ length: Int,
        of statement: UnsafeMutablePointer<MYSQL_STMT>
    ) throws(SQLFailure) -> [UInt8] {
        guard length <= Self.maximumByteCount else {
            throw SQLFailure(.connection, "the server sent a value that is too long to be one", closesConnection: true)
        }
        var status: CInt = 0
        let value = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            var bind = MYSQL_BIND()
            var (actual, isNull): (UInt, my_bool) = (0, 0)
            bind.buffer_type = MYSQL_TYPE_BLOB
            bind.buffer = UnsafeMutableRawPointer(buffer.baseAddress)
            bind.buffer_length = UInt(length)
            withUnsafeMutablePointer(to: &actual) { actual in
                withUnsafeMutablePointer(to: &isNull) { isNull in
                    bind.length = actual
                    bind.is_null = isNull
                    status = mysql_stmt_fetch_column(statement, &bind, UInt32(index), 0)
                }
            }
            count = status == 0 ? min(length, Int(clamping: actual)) : 0
        }
        guard status == 0 else {
            throw SQLFailure(.connection, "a long value could not be read", closesConnection: true)
        }
        return value
    }

    /// Makes room for values as long as those of this time, within bounds.
    func grow() {
        for index in 0..<count where wanted[index] > 0 {
            let wish = wanted[index] + wanted[index] / 4
            wanted[index] = 0
            guard let place = bytes[index], wish > place.count, place.count < Self.keptByteCount else { continue }
            self.place(min(wish, Self.keptByteCount), at: index)
        }
    }
}
#endif
