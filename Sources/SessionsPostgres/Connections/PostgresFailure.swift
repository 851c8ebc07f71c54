#if PostgreSQL
import CPostgres
import Sessions
import SessionsSQL

/// What the server's errors mean, by their `SQLSTATE`.
///
/// An error that comes instead of a statement's completion says that the statement was taken back; that is the difference
/// between `.unavailable` and `.outcomeUnknown`. Where the connection ends without a word, or the server ends it after it
/// has completed the statement and before it has said that all is well, nobody knows.
///
/// | code | is | closes |
/// |---|---|---|
/// | 08xxx, 57P01, 57P02, 57P03, 57P05, 25P03 | ``SQLFailure/Kind/connection``: another one is tried | yes |
/// | 0A000 (a cached plan's result type), 26000, 42P05 | the same: the tables were altered, or a pooler has put another server behind the connection | yes |
/// | 25006 | ``SQLFailure/Kind/readOnly``: another connection looks for the primary | yes |
/// | 40xxx, 55P03, 55006 | ``SQLFailure/Kind/contention``: tried again at once | |
/// | 57014 | ``SQLFailure/Kind/timeout``: the server's own limit, a little before ours | |
/// | 53300 | ``SQLFailure/Kind/tooManyConnections`` | |
/// | 53100, 53200, 53400 | ``SQLFailure/Kind/full`` | |
/// | 28xxx, 3D000 | ``SQLFailure/Kind/refused`` | |
/// | 3F000, 42P01, 42703, 42804, 42883, 42P10, 23502, 23514 | ``SQLFailure/Kind/schema`` | |
/// | 42501 | ``SQLFailure/Kind/permission`` | |
/// | 23505 | ``SQLFailure/Kind/duplicateKey`` | |
/// | 22001, 54xxx | ``SQLFailure/Kind/tooLarge`` | |
/// | 25P01, 25P02 | ``SQLFailure/Kind/other``: the connection is in another state than it should be | yes |
/// | all others | ``SQLFailure/Kind/other`` | if the server says so (`FATAL`) |
enum PostgresFailure {
    /// - Parameters:
    ///   - state: The `SQLSTATE`.
    ///   - message: The server's first line, cleaned.
    ///   - isFatal: Whether the server ends the connection.
    static func failure(state: String, message: String, isFatal: Bool = false) -> SQLFailure {
        let (kind, closes) = meaning(state, message)
        return SQLFailure(kind, code: state, text(state) ?? message, closesConnection: closes || isFatal)
    }

    private static func meaning(_ state: String, _ message: String) -> (SQLFailure.Kind, closes: Bool) {
        switch state {
        case "57P01", "57P02", "57P03", "57P05", "25P03", "26000", "42P05": (.connection, true)
        // Whoever has a newer server has this code for more things, most of which do not go away.
        case "0A000": message.utf8.firstRange(of: "cached plan".utf8) != nil ? (.connection, true) : (.other, false)
        case "25006": (.readOnly, true)
        case "55P03", "55006": (.contention, false)
        case "57014": (.timeout, false)
        case "53300": (.tooManyConnections, false)
        case "53100", "53200", "53400": (.full, false)
        case "3D000": (.refused, false)
        case "3F000", "42P01", "42703", "42804", "42883", "42P10", "23502", "23514": (.schema, false)
        case "42501": (.permission, false)
        case "23505": (.duplicateKey, false)
        case "22001": (.tooLarge, false)
        case "25P01", "25P02": (.other, true)
        default:
            switch state.prefix(2) {
            case "08": (.connection, true)
            case "28": (.refused, false)
            case "40": (.contention, false)
            case "54": (.tooLarge, false)
            default: (.other, false)
            }
        }
    }

    /// What to tell in place of the server's words, which are in any language, where it is clear what has happened.
    private static func text(_ state: String) -> String? {
        switch state {
        case "25006": "the server does not write: it is a replica, or was made to be one"
        case "53100": "the server's disk is full"
        case "53200": "the server has no memory left"
        case "53300": "the server takes no more connections"
        case "57014": "the server has given the statement up, since its time was over"
        case "57P01": "the server, or its administrator, has ended the connection"
        case "57P03": "the server is starting, or stopping"
        default: nil
        }
    }

    /// A server's text for a log: the first line, without control characters, of bounded length.
    static func cleaned(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "no message" }
        var bytes: [UInt8] = []
        var next = text
        while next.pointee != 0, bytes.count < 200 {
            let byte = UInt8(bitPattern: next.pointee)
            if byte == 0x0A, !bytes.isEmpty { break }
            if byte >= 0x20, byte != 0x7F { bytes.append(byte) }
            next += 1
        }
        return bytes.isEmpty ? "no message" : String(decoding: bytes, as: UTF8.self)
    }

    static func cleaned(_ text: String) -> String { text.withCString { cleaned($0) } }
}

extension SQLFailure {
    /// From a result that is an error. `mayHaveExecuted` is for the caller to set.
    init(_ result: OpaquePointer?) {
        guard let state = PQresultErrorField(result, CInt(UInt8(ascii: "C"))).map({ PostgresFailure.cleaned($0) })
        else {
            // The library's own: the connection is gone, or the server has sent what it should not.
            self.init(
                .connection,
                PostgresFailure.cleaned(PQresultErrorMessage(result)),
                closesConnection: true
            )
            return
        }
        // Neither DETAIL nor HINT, where values are.
        let message = PostgresFailure.cleaned(PQresultErrorField(result, CInt(UInt8(ascii: "M"))))
        let severity = PostgresFailure.cleaned(PQresultErrorField(result, CInt(UInt8(ascii: "V"))))
        self = PostgresFailure.failure(
            state: state,
            message: message,
            isFatal: severity == "FATAL" || severity == "PANIC"
        )
    }
}
#endif
