#if PostgreSQL
import Sessions
import Testing

@testable import SessionsPostgres

@Suite("Outages of the server", .serialized, .timeLimit(.minutes(5)))
struct PostgresOutageTests {
    private let user = TestUser("ada")

    @Test("A server that is restarted is found again; what was acknowledged is there")
    func restart() async throws {
        try await PrivatePostgres.run { server in
            try await PostgresSessionStore.run(server.configuration()) { store, _ in
                _ = try await store.insert(user)
                for _ in 0..<3 {
                    await server.stop()
                    let error = await failure { try await store.load(user) }
                    #expect(error?.code == .unavailable)
                    #expect(error?.message.contains("127.0.0.1:\(server.port)") == true)
                    try await server.start()
                    #expect(try await store.load(user)?.subject == user.name)
                }
                await server.kill()
                #expect(await failure { try await store.insert(TestUser("bert")) }?.code == .unavailable)
                try await server.start()
                #expect(try await store.load(user)?.subject == user.name)
            }
        }
    }

    @Test("A server that hangs: calls end in time, a read as unavailable, a write as unknown; then all is well again")
    func paused() async throws {
        try await PrivatePostgres.run { server in
            try await PostgresSessionStore.run(server.configuration(timeout: .seconds(1))) { store, _ in
                await eventually("it is there") { await failure { try await store.insert(user) } == nil }
                let record = try #require(try await store.load(user))
                await server.pause()
                var readError: SessionStoreError?
                var writeError: SessionStoreError?
                let time = await duration {
                    async let read = failure { try await store.load(user) }
                    async let write = failure {
                        try await store.update(user.record(), id: user.id, ifStamp: record.stamp, now: TestUser.now)
                    }
                    (readError, writeError) = await (read, write)
                }
                #expect(readError?.code == .unavailable)
                // Unknown if it had a connection, and surely not executed if it got none.
                #expect([.outcomeUnknown, .unavailable].contains(writeError?.code))
                #expect(time < .seconds(4))
                await server.resume()
                await eventually("it answers again") { await failure { try await store.load(user) } == nil }
            }
        }
    }

    @Test("53300: where the server gives no more connections, those do that there are; without any it says so")
    func tooManyConnections() async throws {
        try await PrivatePostgres.run(settings: ["max_connections = 6", "superuser_reserved_connections = 0"]) {
            server in
            var configuration = server.configuration()
            configuration.maximumConnections = 32
            try await PostgresSessionStore.run(configuration) { store, _ in
                _ = try await store.insert(user)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<200 {
                        group.addTask { () async throws in
                            #expect(try await store.load(user)?.subject == user.name)
                        }
                    }
                    try await group.waitForAll()
                }
                // All six are taken now, by this store and these.
                var links: [PostgresLink] = []
                defer { for link in links { link.close() } }
                while let link = try? PostgresServers(configuration).connect() { links.append(link) }
                let error = await failure { try await PostgresSessionStore.open(configuration) }
                #expect(error?.code == .unavailable)
                #expect(error?.message.contains("53300") == true)
                #expect(try await store.load(user)?.subject == user.name)
            }
        }
    }

    @Test("25006: a server that is told to write nothing is left for one that writes")
    func failover() async throws {
        try await PrivatePostgres.run { first in
            try await PrivatePostgres.run { second in
                var configuration = first.configuration()
                configuration.hosts += second.configuration().hosts
                configuration.table = TestServers.uniqueTable()
                // The same tables on both, since nothing replicates here.
                var other = configuration
                other.hosts.reverse()
                try await PostgresSessionStore.run(other) { standby, _ in
                    try await PostgresSessionStore.run(configuration) { store, _ in
                        #expect(try await store.insert(user) == .inserted)
                        #expect(try await standby.load(user) == nil)
                        try await store.execute("ALTER SYSTEM SET default_transaction_read_only = on")
                        try await store.execute("SELECT pg_reload_conf()")
                        try await eventually("writes go to the other one") {
                            let bert = TestUser("bert")
                            _ = await failure { try await store.insert(bert) }
                            return try await standby.load(bert) != nil
                        }
                    }
                }
            }
        }
    }

    @Test("Several hosts are tried in order, within the time; errors name each of them and not the password")
    func hosts() async throws {
        var configuration = try TestServers.plain()
        let good = configuration.hosts
        configuration.hosts = [.host("127.0.0.1", port: 1), .host("127.0.0.1", port: 2)] + good
        try await PostgresSessionStore.run(configuration) { store, _ async throws in
            #expect(try await store.insert(user) == .inserted)
        }
        configuration.hosts = [.host("127.0.0.1", port: 1), .host("127.0.0.1", port: 2)]
        var error: SessionStoreError?
        let time = await duration { error = await failure { try await PostgresSessionStore.open(configuration) } }
        #expect(error?.code == .unavailable && time < .seconds(5))
        for part in ["127.0.0.1:1", "127.0.0.1:2", "refused", configuration.username, configuration.database] {
            #expect(error?.message.contains(part) == true, "\(part)")
        }
        let password = try #require(configuration.password)
        #expect(error.map { everythingShown(of: $0).contains(password) } == false)
    }
}
#endif
