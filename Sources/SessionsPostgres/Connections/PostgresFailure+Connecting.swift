#if PostgreSQL
import Sessions
import SessionsSQL

extension SQLFailure {
    /// From libpq's words about a connection that did not come about, in its verbose form:
    /// `connection to server at "…", port … failed: FATAL:  28P01: password authentication failed for user "…"`.
    ///
    /// There is a line for each address of a host, and lines of hints; the last error with a code counts, else the last
    /// line that tells of a failure.
    init(connecting text: UnsafePointer<CChar>?) {
        let lines = (text.map { String(cString: $0) } ?? "").utf8.prefix(4096).split(separator: UInt8(ascii: "\n"))
        for line in lines.reversed() {
            guard let mark = line.firstRange(of: ":  ".utf8) else { continue }
            let rest = line[mark.upperBound...]
            let state = rest.prefix(5)
            guard state.count == 5, state.allSatisfy({ HTTPSyntax.isAlphanumeric($0) }),
                rest.dropFirst(5).starts(with: ": ".utf8)
            else { continue }
            self = PostgresFailure.failure(
                state: String(decoding: state, as: UTF8.self),
                message: PostgresFailure.cleaned(String(decoding: rest.dropFirst(7), as: UTF8.self))
            )
            return
        }
        let failed = " failed: ".utf8
        let line = lines.last { $0.firstRange(of: failed) != nil }
        let tail = line.flatMap { line in line.firstRange(of: failed).map { line[$0.upperBound...] } } ?? lines.first
        let message = PostgresFailure.cleaned(String(decoding: tail ?? Substring("").utf8.prefix(0), as: UTF8.self))
        // Certificates, and a server without encryption. That one goes away while it encrypts ("SSL SYSCALL error") is
        // an outage like any other.
        let isRefused = ["certificate", "private key", "does not support SSL", " alert "].contains {
            message.utf8.firstRange(of: $0.utf8) != nil
        }
        let kind: Kind = isRefused ? .refused : message.contains("read-only") ? .readOnly : .connection
        self.init(kind, message, closesConnection: true)
    }
}
#endif
