import Sessions
import SessionsSQL
import Testing

@Suite("Failures as a store reports them")
struct SQLFailureTests {
    @Test("A write that may have taken effect is unknown, a read never")
    func unknown() {
        let lost = SQLFailure(.connection, code: "2013", "lost", mayHaveExecuted: true)
        #expect(lost.storeError("mysql", isRead: false).code == .outcomeUnknown)
        #expect(lost.storeError("mysql", isRead: true).code == .unavailable)
        let refused = SQLFailure(.connection, code: "2003", "refused")
        #expect(refused.storeError("mysql", isRead: false).code == .unavailable)
    }

    @Test("The message names the database and the code")
    func message() {
        let error = SQLFailure(.refused, code: "1045", "access denied").storeError(
            "mysql: app@db/sessions",
            isRead: true
        )
        #expect(error.message == "mysql: app@db/sessions: access denied (1045)")
    }

    @Test(
        "What has a code of its own keeps it",
        arguments: [
            (SQLFailure.Kind.tooLarge, "recordTooLarge"), (.shutDown, "shutDown"), (.cancelled, "cancelled"),
            (.misconfigured, "misconfigured"), (.full, "unavailable"), (.contention, "unavailable"),
            (.schema, "unavailable"), (.overloaded, "unavailable"),
        ]
    )
    func codes(_ kind: SQLFailure.Kind, _ code: String) {
        #expect(SQLFailure(kind, "x").storeError("x", isRead: false).code.description == code)
    }
}
