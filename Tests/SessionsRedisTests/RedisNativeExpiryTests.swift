#if Redis
import Sessions
import Testing

@testable import SessionsRedis

@Suite("When Redis drops a session by itself", .timeLimit(.minutes(1)))
struct RedisNativeExpiryTests {
    private let user = TestUser("ada")

    @Test("Never before its idle deadline, however often a commit or a touch has moved that")
    func followsTheDeadline() async throws {
        try await PrivateRedis.run { server in
            try await RedisSessionStore.run(server.configuration()) { store in
                func expectKept(until deadline: SessionInstant, _ what: Comment) async throws {
                    let end = try await server.execute("PEXPIRETIME", "\(store.configuration.keyPrefix):{\(user.id)}")
                    #expect(end == .integer(RedisSessionStore.nativeDeadline(deadline)), what)
                    #expect(RedisSessionStore.nativeDeadline(deadline) > deadline.millisecondsSince1970)
                }

                var record = user.record()
                #expect(try await store.insert(record, id: user.id) == .inserted)
                try await expectKept(until: record.expiresAt, "a new session")

                let stamp = record.stamp
                record = user.record(revision: 2)
                record.expiresAt = record.expiresAt + .seconds(600)
                #expect(try await store.update(record, id: user.id, ifStamp: stamp, now: TestUser.now) == .updated)
                try await expectKept(until: record.expiresAt, "a commit")

                let touched = record.expiresAt + .seconds(600)
                #expect(try await store.touch(user.id, ifStamp: record.stamp, expiresAt: touched, now: TestUser.now))
                try await expectKept(until: touched, "a touch")

                let later = touched + .seconds(600)
                store.touchLater(user.id, ifStamp: record.stamp, expiresAt: later, now: TestUser.now)
                try await eventually("it is touched") { try await store.load(user)?.expiresAt == later }
                try await expectKept(until: later, "a touch that nobody waits for")
            }
        }
    }
}
#endif
