#if PostgreSQL
import Sessions

@testable import SessionsPostgres

/// Somebody with a session in which the own name stands. Its revision counts the updates.
struct TestUser: Sendable {
    let name: String
    let id: SessionID

    init(_ name: String) {
        self.init(name, idBytes: (0..<32).map { _ in UInt8.random(in: 0 ... .max) })
    }

    init(_ name: String, idBytes: [UInt8]) {
        self.name = name
        guard let id = SessionID(bytes: idBytes) else { preconditionFailure("32 bytes are an id") }
        self.id = id
    }

    static var now: SessionInstant { SystemSessionClock().now }

    func record(revision: UInt64 = 1, text: String = "value") -> SessionRecord {
        var values = SessionValues(now: Self.now)
        values[SessionKey<String>("text")] = text
        return SessionRecord(
            stamp: SessionStamp(rawValue: .random(in: 0 ... .max)),
            revision: revision,
            createdAt: Self.now,
            absoluteDeadline: Self.now + .seconds(7200),
            idleTimeout: .seconds(3600),
            expiresAt: Self.now + .seconds(3600),
            subject: name,
            values: values
        )
    }
}

extension PostgresSessionStore {
    func load(_ user: TestUser) async throws(SessionStoreError) -> SessionRecord? {
        try await load(user.id, now: TestUser.now)
    }

    func insert(_ user: TestUser) async throws(SessionStoreError) -> InsertOutcome {
        try await insert(user.record(), id: user.id)
    }

    func cached(_ user: TestUser) -> SessionRecord? { residentRecord(user.id, now: TestUser.now) }
}
#endif
