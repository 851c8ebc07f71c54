#if PostgreSQL
import Sessions
import SessionsSQL

/// Looks at what an unencrypted server asks for before libpq answers it.
///
/// libpq, up to version 15, sends the password as it is to whoever asks for that, and computes as many rounds of SCRAM as it
/// is told to: two thousand million of them keep a thread busy for an hour, and no deadline ends that. Neither is what the
/// server that one means would do; but on a connection without TLS, anybody in between can ask for both. So the request is
/// read before libpq reads it (`MSG_PEEK`). Where the connection is encrypted this cannot be done, and need not, since the
/// server has shown its certificate.
struct PostgresAuthenticationGuard {
    /// The most rounds of SCRAM: hundreds of times what servers ask for, and less than a second's work.
    static let maximumIterations = 1_000_000
    /// The most bytes of a request. What servers send has less than 200.
    private static let maximumLength = 4096

    private enum Verdict {
        case harmless
        /// The request is not all there.
        case incomplete
        case refused(SQLFailure)
    }

    let socket: PostgresSocket
    /// Whether a password may be sent as it is: on a local socket.
    let allowsCleartext: Bool

    /// Waits until the server's next request is there, and looks at it.
    func check(by deadline: ContinuousClock.Instant) throws(SQLFailure) {
        while true {
            switch Self.verdict(socket.peek(atMost: 2 * Self.maximumLength), allowsCleartext: allowsCleartext) {
            case .harmless: return
            case .refused(let failure): throw failure
            case .incomplete:
                guard deadline > .now else { throw SQLFailure(.connection, "no answer in time") }
                // A request comes in one piece but from a server that wants this.
                SystemThread.sleep(microseconds: 1000)
            }
        }
    }

    private static func verdict(_ bytes: [UInt8], allowsCleartext: Bool) -> Verdict {
        var rest = bytes[...]
        while let type = rest.first {
            // An error, which is for libpq to report; and what comes after the authentication.
            guard type == UInt8(ascii: "R") else { return .harmless }
            guard rest.count >= 9 else { return .incomplete }
            let length = Int(number(rest.dropFirst(1)))
            guard (8...maximumLength).contains(length) else {
                return .refused(SQLFailure(.connection, "the server does not keep to the protocol"))
            }
            let body = rest.dropFirst(9).prefix(length - 8)
            switch number(rest.dropFirst(5)) {
            // Done; MD5; SASL: the mechanisms, and the server's last word.
            case 0, 5, 10, 12: break
            case 3:
                guard allowsCleartext else {
                    return .refused(
                        SQLFailure(
                            .refused,
                            "the server asks for the password as it is, and the connection is not encrypted: use TLS"
                        )
                    )
                }
            case 11:
                guard body.count == length - 8 else { return .incomplete }
                guard let iterations = iterations(body), iterations <= maximumIterations else {
                    return .refused(SQLFailure(.connection, "the server asks for too many rounds of SCRAM"))
                }
            default:
                return .refused(
                    SQLFailure(.refused, "the server asks for a way to sign in that is neither SCRAM nor a password")
                )
            }
            rest = rest.dropFirst(length + 1)
        }
        return .harmless
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// From `r=NONCE,s=SALT,i=NUMBER`.
    private static func iterations(_ message: ArraySlice<UInt8>) -> Int? {
        for attribute in message.split(separator: UInt8(ascii: ",")) where attribute.starts(with: "i=".utf8) {
            let digits = attribute.dropFirst(2)
            guard (1...10).contains(digits.count), digits.allSatisfy(HTTPSyntax.isDigit) else { return nil }
            return Int(String(decoding: digits, as: UTF8.self))
        }
        return nil
    }
}
#endif
