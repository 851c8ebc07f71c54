#if MySQL
import Logging
import Sessions

@testable import SessionsMySQL

/// Somebody with a session in which the own name stands. Its revision counts the updates.
struct TestUser: Sendable {
    let name: String
    let id: SessionID

    init(_ name: String, id bytes: [UInt8]? = nil) {
        self.name = name
        let bytes = bytes ?? (0..<32).map { _ in UInt8.random(in: 0 ... .max) }
        guard let id = SessionID(bytes: bytes) else { preconditionFailure("32 bytes are an id") }
        self.id = id
    }

    static var now: SessionInstant { SystemSessionClock().now }

    /// - Parameter text: A value of the session.
    func record(revision: UInt64 = 1, text: String = "") -> SessionRecord {
        let limits = SessionLimits(bytesPerValue: 1 << 30, bytesPerSession: 1 << 30)
        var values = SessionValues(now: Self.now, limits: limits)
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

extension MySQLSessionStore {
    func load(_ user: TestUser) async throws(SessionStoreError) -> SessionRecord? {
        try await load(user.id, now: TestUser.now)
    }

    func insert(_ user: TestUser) async throws(SessionStoreError) -> InsertOutcome {
        try await insert(user.record(), id: user.id)
    }

    /// Runs `body` with a store, and shuts it down.
    static func run<Value>(
        _ configuration: Configuration,
        _ body: (MySQLSessionStore) async throws -> Value
    ) async throws -> Value {
        let store = try await open(configuration)
        do {
            let value = try await body(store)
            await store.shutDown()
            return value
        } catch {
            await store.shutDown()
            throw error
        }
    }
}
#endif
