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
#endif
