#if PostgreSQL
import CPostgres
import SessionsSQL

/// A `PGresult`, cleared when nobody has it any more.
final class PostgresResult {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit { PQclear(pointer) }

    var status: ExecStatusType { PQresultStatus(pointer) }

    /// The statement's tag, such as `COMMIT` or `UPDATE 1`.
    var tag: String { PQcmdStatus(pointer).map { String(cString: $0) } ?? "" }

    /// How many rows were inserted, changed, deleted or read.
    var affected: Int { PQcmdTuples(pointer).flatMap { Int(String(cString: $0)) } ?? 0 }

    /// The rows of an answer in text.
    var texts: [[String?]] {
        (0..<PQntuples(pointer)).map { row in
            (0..<PQnfields(pointer)).map { column in
                PQgetisnull(pointer, row, column) != 0
                    ? nil : PQgetvalue(pointer, row, column).map { String(cString: $0) }
            }
        }
    }

    /// The types' numbers, which never change.
    enum TypeNumber {
        static let bytea: Oid = 17
        static let int8: Oid = 20
        static let void: Oid = 2278
    }

    /// The rows of an answer in binary form.
    /// - Throws: `.schema` if a column has another type than numbers and bytes have.
    func rows() throws(SQLFailure) -> [[SQLValue]] {
        let columnCount = PQnfields(pointer)
        let rowCount = PQntuples(pointer)
        var rows: [[SQLValue]] = []
        rows.reserveCapacity(Int(rowCount))
        for row in 0..<rowCount {
            var values: [SQLValue] = []
            values.reserveCapacity(Int(columnCount))
            for column in 0..<columnCount { values.append(try value(row, column)) }
            rows.append(values)
        }
        return rows
    }

    private func value(_ row: CInt, _ column: CInt) throws(SQLFailure) -> SQLValue {
        let type = PQftype(pointer, column)
        // What `pg_notify` gives.
        if PQgetisnull(pointer, row, column) != 0 || type == TypeNumber.void { return .null }
        let bytes = UnsafeRawBufferPointer(
            start: PQgetvalue(pointer, row, column),
            count: Int(PQgetlength(pointer, row, column))
        )
        guard PQfformat(pointer, column) == 1 else { throw Self.unexpected }
        switch type {
        case TypeNumber.bytea:
            return .bytes([UInt8](bytes))
        case TypeNumber.int8 where bytes.count == 8:
            return .integer(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
        default:
            throw Self.unexpected
        }
    }

    private static var unexpected: SQLFailure {
        SQLFailure(.schema, "a column has another type than the store's tables have")
    }
}
#endif
