#if Redis
/// An array, a map or their like, of which some elements are still to come.
struct RESPAggregate: Sendable {
    enum Kind: Sendable {
        case array
        case map
        case push
        /// Says something about the value behind it, which no session store asks for.
        case attribute
    }

    private let kind: Kind
    private(set) var missing: Int
    /// Keys and values of a map in turn.
    private(set) var elements: [RESPValue] = []

    init(_ kind: Kind, count: Int) {
        self.kind = kind
        missing = count
    }

    /// Makes room for the elements, but not for more than `byteCount` bytes can hold, nor for so many that a server
    /// which claims a great count would take memory with a few bytes.
    mutating func reserveCapacity(forBytes byteCount: Int) {
        guard kind != .attribute else { return }
        elements.reserveCapacity(min(missing, byteCount / Self.minimumElementLength, 64))
    }

    /// `_` with its end of line.
    private static let minimumElementLength = 3

    /// Takes the next element. There must be one missing.
    @inline(__always)
    mutating func add(_ element: RESPValue) {
        missing -= 1
        if kind != .attribute { elements.append(element) }
    }

    /// What the elements make up once none is missing, or `nil` for an attribute.
    func value() throws(RESPDecoder.Malformed) -> RESPValue? {
        switch kind {
        case .array: .array(elements)
        case .push: .push(elements)
        case .map: .map(try entries())
        case .attribute: nil
        }
    }

    private func entries() throws(RESPDecoder.Malformed) -> [RESPValue: RESPValue] {
        var entries = [RESPValue: RESPValue](minimumCapacity: elements.count / 2)
        for index in stride(from: 0, to: elements.count - 1, by: 2) {
            let key = elements[index]
            guard key.canBeKey else { throw RESPDecoder.Malformed("a key that no server uses") }
            // Of keys that occur twice the last counts.
            entries[key] = elements[index + 1]
        }
        return entries
    }
}

extension RESPValue {
    /// Whether this may be the key of a map. Hashing must be cheap, and the key equal to itself: a map of many NaN would
    /// take time with the square of their number.
    fileprivate var canBeKey: Bool {
        switch self {
        case .simple, .integer, .boolean, .bulk: true
        case .double(let number): !number.isNaN
        case .error, .array, .map, .push, .null: false
        }
    }
}
#endif
