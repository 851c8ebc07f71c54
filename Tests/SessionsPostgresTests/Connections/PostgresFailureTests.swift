#if PostgreSQL
import SessionsSQL
import Testing

@testable import SessionsPostgres

@Suite("What SQLSTATEs mean")
struct PostgresFailureTests {
    @Test(
        "Codes that no test can bring about at will",
        arguments: [
            ("08006", SQLFailure.Kind.connection, true), ("08P01", .connection, true), ("57P02", .connection, true),
            ("57P03", .connection, true), ("57P05", .connection, true), ("25P03", .connection, true),
            ("53100", .full, false), ("53200", .full, false), ("53400", .full, false),
            ("53300", .tooManyConnections, false), ("28P01", .refused, false), ("28000", .refused, false),
            ("3D000", .refused, false), ("3F000", .schema, false), ("42804", .schema, false),
            ("54000", .tooLarge, false),
            ("22001", .tooLarge, false), ("40003", .contention, false), ("25P02", .other, true),
            ("XX000", .other, false),
        ]
    )
    func codes(_ code: String, _ kind: SQLFailure.Kind, _ closes: Bool) {
        let failure = PostgresFailure.failure(state: code, message: "text")
        #expect(failure.kind == kind && failure.closesConnection == closes && failure.code == code)
        #expect(PostgresFailure.failure(state: code, message: "text", isFatal: true).closesConnection)
    }

    @Test("Of 0A000 only the one that a new connection helps against is tried again")
    func featureNotSupported() {
        let plan = PostgresFailure.failure(state: "0A000", message: "cached plan must not change result type")
        #expect(plan.kind == .connection && plan.closesConnection)
        let other = PostgresFailure.failure(state: "0A000", message: "not supported")
        #expect(other.kind == .other && !other.closesConnection)
    }

    @Test("A server's text is one line of bounded length without control characters")
    func cleaned() {
        #expect(PostgresFailure.cleaned("one\u{1B}[31m\ttwo\nDETAIL: three") == "one[31mtwo")
        #expect(PostgresFailure.cleaned(String(repeating: "x", count: 10_000)).count == 200)
        #expect(PostgresFailure.cleaned("") == "no message")
    }

    @Test("libpq's words about a connection that did not come about")
    func connecting() {
        func failure(_ text: String) -> SQLFailure { text.withCString { SQLFailure(connecting: $0) } }
        let refused = failure(
            """
            connection to server at "localhost" (::1), port 5432 failed: Connection refused
            \tIs the server running on that host and accepting TCP/IP connections?
            connection to server at "localhost" (127.0.0.1), port 5432 failed: FATAL:  28P01: password authentication failed for user "app"
            LOCATION:  auth_failed, auth.c:335
            """
        )
        #expect(refused.kind == .refused && refused.code == "28P01")
        #expect(refused.message == "password authentication failed for user \"app\"")
        let nobody = failure(
            "connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n\tIs the server running?"
        )
        #expect(nobody.kind == .connection && nobody.message == "Connection refused")
        #expect(failure("connection to server at \"h\", port 1 failed: session is read-only").kind == .readOnly)
        #expect(
            failure("connection to server at \"h\", port 1 failed: SSL error: certificate verify failed").kind
                == .refused
        )
        for words in ["SSL SYSCALL error: EOF detected", "SSL error: unexpected eof while reading"] {
            #expect(failure("connection to server at \"h\", port 1 failed: \(words)").kind == .connection)
        }
        for words in ["server does not support SSL, but SSL was required", "SSL error: tlsv1 alert unknown ca"] {
            #expect(failure("connection to server at \"h\", port 1 failed: \(words)").kind == .refused)
        }
        #expect(failure("").kind == .connection)
    }
}
#endif
