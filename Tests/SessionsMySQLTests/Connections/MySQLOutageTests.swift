#if MySQL
import Sessions
import Testing

@testable import SessionsMySQL

@Suite("A MySQL server that hangs, dies, is full or does not write", .serialized, .timeLimit(.minutes(3)))
struct MySQLOutageTests {
    @Test("A server that hangs: each call ends in time, and all goes on when it answers again")
    func paused() async throws {
        try await PrivateMariaDB.run { server in
            var configuration = server.configuration(timeout: .milliseconds(500))
            configuration.connectTimeout = .seconds(5)
            let user = TestUser("a")
            try await MySQLSessionStore.run(configuration) { store async throws in
                let record = user.record()
                #expect(try await store.insert(record, id: user.id) == .inserted)
                await server.pause()
                let time = await duration {
                    await withTaskGroup(of: SessionStoreError?.self) { group in
                        for _ in 0..<40 { group.addTask { await failure { try await store.load(user) } } }
                        for await error in group { #expect(error?.code == .unavailable, "\(error as Any)") }
                    }
                }
                #expect(time < .seconds(2))
                let writing = await failure { try await store.insert(TestUser("b")) }
                // Sent or not: with every connection shut it was not.
                #expect(writing?.code == .unavailable || writing?.code == .outcomeUnknown)
                await server.resume()
                try await eventually("it answers again") { await failureCode { try await store.load(user) } == nil }
                #expect(try await store.load(user) == record)
            }
        }
    }

    @Test("A write to a server that hangs is outcome unknown")
    func pausedWrite() async throws {
        try await PrivateMariaDB.run { server in
            let user = TestUser("a")
            try await MySQLSessionStore.run(server.configuration(timeout: .milliseconds(500))) { store async throws in
                // So that the statement is prepared.
                #expect(try await store.insert(TestUser("b")) == .inserted)
                await server.pause()
                #expect(await failureCode { try await store.insert(user) } == .outcomeUnknown)
                await server.resume()
                try await eventually("it was sent, and takes effect after all") {
                    (try? await store.load(user)) != nil
                }
            }
        }
    }

    @Test(
        "A server that dies and comes back: errors at once, nothing acknowledged is lost, and the pool finds it again"
    )
    func killed() async throws {
        try await PrivateMariaDB.run { server in
            let users = (0..<20).map { TestUser("\($0)") }
            try await MySQLSessionStore.run(server.configuration(timeout: .seconds(2))) { store async throws in
                for user in users { #expect(try await store.insert(user) == .inserted) }
                await server.kill()
                let time = await duration {
                    for user in users.prefix(5) {
                        let error = await failure { try await store.load(user) }
                        #expect(error?.code == .unavailable)
                        #expect(error?.message.contains("root@127.0.0.1:\(server.port)/app") == true)
                    }
                    #expect(await failureCode { try await store.insert(TestUser("b")) } == .unavailable)
                }
                #expect(time < .seconds(2))
                try await server.start()
                try await eventually("it is found again") {
                    await failureCode { try await store.load(users[0]) } == nil
                }
                for user in users { #expect(try await store.load(user)?.subject == user.name) }
            }
        }
    }

    @Test("1040: a server that takes no more connections is told from one that is away")
    func tooManyConnections() async throws {
        // One more is let in, for administrators, and it is the administrator of this test.
        try await PrivateMariaDB.run(["--max-connections=10", "--extra-max-connections=1"]) { server in
            try await server.withAdministrator { administrator in
                try await administrator.execute(
                    "CREATE USER app@'%' IDENTIFIED BY 'app'",
                    "GRANT ALL ON app.* TO app@'%'",
                    "SET GLOBAL max_connections = 10",
                    "CREATE USER one@'%' IDENTIFIED BY 'one' WITH MAX_USER_CONNECTIONS 1",
                    "GRANT ALL ON app.* TO one@'%'"
                )
                var configuration = server.configuration()
                (configuration.username, configuration.password, configuration.maximumConnections) = ("one", "one", 1)
                try await MySQLSessionStore.run(configuration) { first async throws in
                    let error = await failure { try await MySQLSessionStore.open(configuration) }
                    #expect(error?.code == .unavailable && error?.message.contains("no more connections") == true)
                    #expect(error?.message.contains("1226") == true, "\(error as Any)")
                    try await first.checkHealth()
                }
                (configuration.username, configuration.password, configuration.maximumConnections) = ("app", "app", 1)
                var stores: [MySQLSessionStore] = []
                var last: SessionStoreError?
                for _ in 0..<12 where last == nil {
                    last = await failure { stores.append(try await MySQLSessionStore.open(configuration)) }
                }
                #expect(last?.message.contains("(1040)") == true, "\(last as Any)")
                for store in stores { await store.shutDown() }
            }
        }
    }

    @Test("1290: a server that stops writing: reads go on, writes say so, surely not executed")
    func readOnly() async throws {
        try await PrivateMariaDB.run { server in
            try await server.withAdministrator { administrator in
                try await administrator.execute(
                    "CREATE USER app@'%' IDENTIFIED BY 'app'",
                    "GRANT ALL ON app.* TO app@'%'"
                )
                var configuration = server.configuration()
                (configuration.username, configuration.password) = ("app", "app")
                let user = TestUser("a")
                try await MySQLSessionStore.run(configuration) { store async throws in
                    #expect(try await store.insert(user) == .inserted)
                    try await administrator.execute("SET GLOBAL read_only = 1")
                    #expect(try await store.load(user)?.subject == "a")
                    let error = await failure { try await store.insert(TestUser("b")) }
                    #expect(error?.code == .unavailable && error?.message.contains("(1290)") == true, "\(error as Any)")
                    let opening = await failure { try await MySQLSessionStore.open(configuration) }
                    #expect(opening?.message.contains("does not write") == true, "\(opening as Any)")
                    try await administrator.execute("SET GLOBAL read_only = 0")
                    #expect(try await store.insert(TestUser("b")) == .inserted)
                }
            }
        }
    }

    @Test("Of several hosts one that is away, and one that does not write, are passed over")
    func severalHosts() async throws {
        let common = TestServers.patient(try TestServers.configuration())
        try await PrivateMariaDB.run(["--read-only"]) { replica in
            try await replica.withAdministrator { administrator in
                try await administrator.execute(
                    "CREATE DATABASE sessions",
                    "CREATE USER app@'%' IDENTIFIED BY '\(common.password ?? "")'",
                    "GRANT ALL ON sessions.* TO app@'%'"
                )
            }
            var configuration = common
            // Nobody listens on the first port.
            configuration.hosts = [.host("127.0.0.1", port: 1), .host("127.0.0.1", port: replica.port)] + common.hosts
            try await MySQLSessionStore.run(configuration) { store async throws in
                #expect(try await store.insert(TestUser("a")) == .inserted)
            }
            configuration.hosts.removeLast()
            let error = await failure { try await MySQLSessionStore.open(configuration) }
            #expect(error?.code == .unavailable && error?.message.contains("replica") == true, "\(error as Any)")
        }
    }
}
#endif
