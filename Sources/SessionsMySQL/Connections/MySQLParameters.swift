#if MySQL
import CMariaDB
import SessionsSQL

/// The memory from which a statement's parameters are sent: bound once, and filled for each execution.
///
/// The library keeps the addresses that it was given; so a parameter stays where it is until it needs more room.
final class MySQLParameters {
    let count: Int
    let binds: UnsafeMutablePointer<MYSQL_BIND>
    private let integers: UnsafeMutablePointer<Int64>
    private let lengths: UnsafeMutablePointer<UInt>
    private let nulls: UnsafeMutablePointer<my_bool>
    private var bytes: [UnsafeMutableRawBufferPointer?]
    private var mustBind = true
    private var isLarge = false

    /// What a parameter may keep between two executions.
    private static let keptByteCount = 64 * 1024

    init(count: Int) {
        self.count = count
        binds = .allocate(capacity: count)
        binds.initialize(repeating: MYSQL_BIND(), count: count)
        integers = .allocate(capacity: count)
        integers.initialize(repeating: 0, count: count)
        lengths = .allocate(capacity: count)
        lengths.initialize(repeating: 0, count: count)
        nulls = .allocate(capacity: count)
        nulls.initialize(repeating: 0, count: count)
        bytes = Array(repeating: nil, count: count)
        for index in 0..<count {
            binds[index].buffer_type = MYSQL_TYPE_LONGLONG
            binds[index].buffer = UnsafeMutableRawPointer(integers + index)
            binds[index].length = lengths + index
            binds[index].is_null = nulls + index
        }
    }

    deinit {
        for place in bytes { place?.deallocate() }
        binds.deallocate()
        integers.deallocate()
        lengths.deallocate()
        nulls.deallocate()
    }

    /// - Returns: Whether they must be bound (again).
    func set(_ values: [SQLValue]) -> Bool {
        for (index, value) in values.enumerated() {
            switch value {
            case .null:
                nulls[index] = 1
            case .integer(let integer):
                nulls[index] = 0
                integers[index] = integer
                if binds[index].buffer_type != MYSQL_TYPE_LONGLONG {
                    binds[index].buffer_type = MYSQL_TYPE_LONGLONG
                    binds[index].buffer = UnsafeMutableRawPointer(integers + index)
                    mustBind = true
                }
            case .bytes(let array):
                nulls[index] = 0
                lengths[index] = UInt(array.count)
                place(for: array.count, at: index).copyBytes(from: array)
            }
        }
        defer { mustBind = false }
        return mustBind
    }

    private func place(for byteCount: Int, at index: Int) -> UnsafeMutableRawBufferPointer {
        if let place = bytes[index], place.count >= byteCount, binds[index].buffer_type == MYSQL_TYPE_BLOB {
            return place
        }
        bytes[index]?.deallocate()
        // With some room to grow. Never empty, so that there is an address.
        let capacity = byteCount <= 32 ? 32 : byteCount + byteCount / 4
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 8)
        bytes[index] = place
        binds[index].buffer_type = MYSQL_TYPE_BLOB
        binds[index].buffer = place.baseAddress
        binds[index].buffer_length = UInt(capacity)
        mustBind = true
        if capacity > Self.keptByteCount { isLarge = true }
        return place
    }

    /// Gives back what a large record took.
    func shrink() {
        guard isLarge else { return }
        isLarge = false
        for index in 0..<count {
            guard let place = bytes[index], place.count > Self.keptByteCount else { continue }
            place.deallocate()
            bytes[index] = nil
            binds[index].buffer_type = MYSQL_TYPE_LONGLONG
            binds[index].buffer = UnsafeMutableRawPointer(integers + index)
            mustBind = true
        }
    }
}
#endif
