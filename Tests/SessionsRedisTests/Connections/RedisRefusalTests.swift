#if Redis
import NIOCore
import Sessions
import Testing

@testable import SessionsRedis

/// N5 and N9: what a server refuses, and what becomes of the sessions.
@Suite("A Redis server that refuses", .timeLimit(.minutes(2)))
struct RedisRefusalTests {
    private func update(_ user: TestUser, _ store: RedisSessionStore) async throws -> UpdateOutcome {
        guard let record = try await store.load(user) else { return .missing }
        return try await store.update(
            user.record(revision: record.revision + 1),
            id: user.id,
            ifStamp: record.stamp,
            now: TestUser.now
        )
    }

    @Test("N9: a server that has forgotten the scripts is not noticed")
    func scripts() async throws {
        let user = TestUser("a")
        try await PrivateRedis.run { server in
            try await RedisSessionStore.run(server.configuration()) { store in
                _ = try await store.insert(user)
                for _ in 0..<5 {
                    #expect(try await update(user, store) == .updated)
                    try await server.execute("SCRIPT", "FLUSH")
                }
                #expect(try await store.load(user)?.revision == 6)
            }
        }
    }

    @Test("N5, OOM: with the memory full, reading goes on, writing is refused, and sessions stay")
    func full() async throws {
        let user = TestUser("a")
        try await PrivateRedis.run { server in
            try await RedisSessionStore.run(server.configuration()) { store in
                _ = try await store.insert(user)
                #expect(try await update(user, store) == .updated)
                try await server.execute("CONFIG", "SET", "maxmemory", "1")
                for _ in 0..<3 {
                    let error = await failure { try await update(user, store) }
                    #expect(error?.code == .unavailable)
                    #expect(error?.message.contains("memory is full") == true)
                    #expect(await failureCode { try await store.insert(TestUser("b")) } == .unavailable)
                    #expect(try await store.load(user)?.revision == 2)
                }
                try await server.execute("CONFIG", "SET", "maxmemory", "0")
                #expect(try await update(user, store) == .updated)
                #expect(try await store.load(user)?.revision == 3)
            }
        }
    }

    @Test("N5, READONLY: a server that has become a replica takes no writes, and says so")
    func replica() async throws {
        let user = TestUser("a")
        try await PrivateRedis.run { server in
            try await RedisSessionStore.run(server.configuration()) { store in
                _ = try await store.insert(user)
                // Nobody listens there.
                try await server.execute("REPLICAOF", "127.0.0.1", "1")
                for _ in 0..<3 {
                    let error = await failure { try await update(user, store) }
                    #expect(error?.code == .unavailable)
                    #expect(error?.message.contains("replica") == true)
                    #expect(try await store.load(user)?.subject == "a")
                }
                try await server.execute("REPLICAOF", "NO", "ONE")
                #expect(try await update(user, store) == .updated)
            }
        }
    }

    @Test(
        "N5: a refusal has a kind of error and a message of ours, and leaves the connection as it is",
        arguments: [
            ("LOADING Redis is loading the dataset in memory", .unavailable, "loading"),
            ("MISCONF Redis is configured to save RDB snapshots: 5ecret", .unavailable, "disk"),
            ("BUSY Redis is busy running a script. 5ecret", .unavailable, "script"),
            ("READONLY 5ecret", .unavailable, "replica"), ("OOM 5ecret", .unavailable, "memory"),
            ("MASTERDOWN 5ecret", .unavailable, "primary"), ("NOREPLICAS 5ecret", .unavailable, "replicas"),
            ("NOPERM 5ecret", .misconfigured, "ACL"), ("ERR 5ecret", .unavailable, "refuses"),
            ("5ecret", .unavailable, "refuses"), ("", .unavailable, "refuses"),
        ] as [(String, SessionStoreError.Code, String)]
    )
    func refused(reply: String, code: SessionStoreError.Code, word: String) async throws {
        let (alice, bob) = (TestUser("alice"), TestUser("bob"))
        try await FakeRedis.run { command in
            let key = command.text(command.name == "EVALSHA" ? 3 : 1)
            return key.contains("\(alice.id)") ? [.say("-\(reply)\r\n")] : nil
        } _: { fake in
            try await RedisSessionStore.run(fake.configuration()) { store in
                let stamp = alice.record().stamp
                let errors = [
                    await failure { try await store.load(alice) },
                    await failure { try await store.insert(alice) },
                    await failure {
                        try await store.update(alice.record(), id: alice.id, ifStamp: stamp, now: TestUser.now)
                    },
                    await failure { try await store.delete(alice.id, ifStamp: stamp, now: TestUser.now) },
                ]
                for error in errors {
                    #expect(error?.code == code)
                    #expect(error?.message.contains(word) == true)
                    #expect(!everythingShown(of: error as Any).contains(testSecret))
                }
                let outcome = try await store.insert(bob)
                #expect(outcome == .inserted)
                #expect(fake.acceptedCount == 1)
            }
        }
    }
}
#endif
