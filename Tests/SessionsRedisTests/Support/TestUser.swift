#if Redis
import Logging
import NIOCore
import NIOPosix
import Sessions

@testable import SessionsRedis

/// Somebody with a session in which the own name stands. Its revision counts the updates.
struct TestUser: Sendable {
    let name: String
    let id: SessionID

    init(_ name: String) {
        self.name = name
        let bytes = (0..<32).map { _ in UInt8.random(in: 0 ... .max) }
        guard let id = SessionID(bytes: bytes) else { preconditionFailure("32 bytes are an id") }
        self.id = id
    }

    static var now: SessionInstant { SystemSessionClock().now }

    func record(revision: UInt64 = 1) -> SessionRecord {
        SessionRecord(
            stamp: SessionStamp(rawValue: .random(in: 0 ... .max)),
            revision: revision,
            createdAt: Self.now,
            absoluteDeadline: Self.now + .seconds(7200),
            idleTimeout: .seconds(3600),
            expiresAt: Self.now + .seconds(3600),
            subject: name,
            values: SessionValues(now: Self.now)
        )
    }

    /// The value under which a server has the record.
    func value(revision: UInt64 = 1) -> ByteBuffer {
        let record = record(revision: revision)
        let digits = String(record.expiresAt.millisecondsSince1970)
        let zeros = String(repeating: "0", count: RESPCommand.instantLength - digits.count)
        var buffer = ByteBuffer(string: zeros + digits)
        buffer.writeBytes(record.encoded(for: id))
        return buffer
    }
}

extension RedisSessionStore {
    func load(_ user: TestUser) async throws(SessionStoreError) -> SessionRecord? {
        try await load(user.id, now: TestUser.now)
    }

    func insert(_ user: TestUser) async throws(SessionStoreError) -> InsertOutcome {
        try await insert(user.record(), id: user.id)
    }

    /// Runs `body` with a store that has not asked the server for anything yet, and shuts it down.
    static func run<Value>(
        _ configuration: Configuration,
        _ body: (RedisSessionStore) async throws -> Value
    ) async throws -> Value {
        let store = try make(configuration, on: .singleton, logger: Logger(label: "test"))
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
