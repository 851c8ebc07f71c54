#if PostgreSQL
import CPostgres
import SessionsSQL

/// What is bound to a statement, in the binary form: all bytes in one buffer, which the next statement uses again.
struct PostgresValues {
    private var bytes: [UInt8] = []
    /// Where each value begins; `nil` for none.
    private var offsets: [Int?] = []
    private var lengths: [CInt] = []
    private var types: [Oid] = []
    private var formats: [CInt] = []

    mutating func replace(with values: [SQLValue]) {
        bytes.removeAll(keepingCapacity: bytes.capacity < 1 << 20)
        offsets.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        types.removeAll(keepingCapacity: true)
        for value in values {
            switch value {
            case .null:
                offsets.append(nil)
                lengths.append(0)
                types.append(0)
            case .integer(let number):
                offsets.append(bytes.count)
                lengths.append(8)
                types.append(PostgresResult.TypeNumber.int8)
                withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
            case .bytes(let value):
                offsets.append(bytes.count)
                lengths.append(CInt(clamping: value.count))
                types.append(PostgresResult.TypeNumber.bytea)
                bytes.append(contentsOf: value)
            }
        }
        formats = [CInt](repeating: 1, count: values.count)
        // An empty value is a pointer to somewhere as well; none at all would be NULL.
        bytes.append(0)
    }

    /// Gives what libpq wants: the number, the types, where the values are, how long they are, and that they are binary.
    func withPointers<Value>(
        _ body: (
            CInt, UnsafePointer<Oid>?, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<CInt>?, UnsafePointer<CInt>?
        ) -> Value
    ) -> Value {
        bytes.withUnsafeBytes { buffer in
            let start = buffer.bindMemory(to: CChar.self).baseAddress
            let pointers = offsets.map { offset in offset.flatMap { offset in start.map { $0 + offset } } }
            return pointers.withUnsafeBufferPointer { pointers in
                body(CInt(offsets.count), types, pointers.baseAddress, lengths, formats)
            }
        }
    }
}
#endif
