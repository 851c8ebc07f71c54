#if Redis
import NIOCore

/// One reply of a server, in version 3 of its protocol (RESP3).
///
/// Only what a session store meets has a case of its own; attributes are read and dropped.
enum RESPValue: Hashable, Sendable {
    /// `+OK`, and also `=txt:…` and big numbers, whose text stands for itself.
    case simple(String)
    /// `-ERR …` and `!21\r\n…`: the server's own words, code first.
    case error(String)
    /// `:1`
    case integer(Int64)
    /// `,3.14`
    case double(Double)
    /// `#t`
    case boolean(Bool)
    /// `$3\r\nfoo`: a slice of what was read, copied by whoever keeps it.
    case bulk(ByteBuffer)
    /// `*`, and sets (`~`).
    case array([RESPValue])
    /// `%`
    case map([RESPValue: RESPValue])
    /// `>`: sent without being asked for.
    case push([RESPValue])
    /// `_`, `$-1`, `*-1`
    case null
}

extension RESPValue {
    /// Some of the kinds of values, as those that a command's reply may have.
    struct Kinds: OptionSet, Sendable {
        let rawValue: UInt16

        static let simple = Kinds(rawValue: 1 << 0)
        static let error = Kinds(rawValue: 1 << 1)
        static let integer = Kinds(rawValue: 1 << 2)
        static let double = Kinds(rawValue: 1 << 3)
        static let boolean = Kinds(rawValue: 1 << 4)
        static let bulk = Kinds(rawValue: 1 << 5)
        static let array = Kinds(rawValue: 1 << 6)
        static let map = Kinds(rawValue: 1 << 7)
        static let push = Kinds(rawValue: 1 << 8)
        static let null = Kinds(rawValue: 1 << 9)
        static let any = Kinds(rawValue: .max)
    }

    var kind: Kinds {
        switch self {
        case .simple: .simple
        case .error: .error
        case .integer: .integer
        case .double: .double
        case .boolean: .boolean
        case .bulk: .bulk
        case .array: .array
        case .map: .map
        case .push: .push
        case .null: .null
        }
    }
}
#endif
