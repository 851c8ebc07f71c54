#if MySQL
import Sessions
import Testing

@testable import SessionsMySQL

/// `mysql_native_password` is what all other tests use. `caching_sha2_password` is not tested: MariaDB does not have it.
@Suite("Ways to authenticate with a MySQL server", .timeLimit(.minutes(1)))
struct MySQLAuthenticationTests {
    @Test("ed25519, MariaDB's signatures")
    func ed25519() async throws {
        let configuration = TestServers.patient(try TestServers.configuration("SESSIONS_MYSQL_ED25519_URL"))
        let store = try await MySQLSessionStore.open(configuration)
        try await store.checkHealth()
        await store.shutDown()
    }

    @Test("By a local socket")
    func localSocket() async throws {
        var configuration = TestServers.patient(try TestServers.configuration())
        configuration.hosts = [.unixSocket(try TestServers.value("SESSIONS_MYSQL_SOCKET"))]
        try await MySQLSessionStore.run(configuration) { store async throws in
            #expect(try await store.insert(TestUser("a")) == .inserted)
            #expect("\(store)".contains(try TestServers.value("SESSIONS_MYSQL_SOCKET")))
        }
    }

    @Test("A wrong password, an unknown user and a database that is not there are told apart by the server's words")
    func refused() async throws {
        let right = TestServers.patient(try TestServers.configuration())
        var wrong = right
        wrong.password = "wr0ng-5ecret"
        var unknown = right
        unknown.username = "nobody"
        var missing = right
        missing.database = "elsewhere"
        // MariaDB makes up a way to authenticate for users that there are not, and has an error for each.
        for (configuration, codes) in [(wrong, ["(1045)"]), (unknown, ["(1045)", "(1698)"]), (missing, ["(1044)"])] {
            let error = await failure { try await MySQLSessionStore.open(configuration) }
            #expect(error?.code == .misconfigured)
            #expect(codes.contains { error?.message.contains($0) == true }, "\(error as Any)")
            let shown = everythingShown(of: error as Any)
            #expect(!shown.contains("5ecret") && !shown.contains("p@ss"))
        }
    }

    @Test("A password that is taken back while the store runs: calls fail in words that say so")
    func changedPassword() async throws {
        try await Administrator.run { administrator async throws in
            let name = "u\(UInt32.random(in: 0 ... .max))"
            var configuration = TestServers.patient(try TestServers.configuration())
            try await administrator.execute(
                "CREATE USER \(name)@'%' IDENTIFIED BY 'first'",
                "GRANT ALL ON \(configuration.database).* TO \(name)@'%'"
            )
            (configuration.username, configuration.password) = (name, "first")
            configuration.maximumConnections = 1
            try await MySQLSessionStore.run(configuration) { store async throws in
                let connection = try await store.connectionID()
                try await administrator.execute(
                    "ALTER USER \(name)@'%' IDENTIFIED BY 'second'",
                    "KILL CONNECTION \(connection)"
                )
                let error = await failure { try await store.load(TestUser("a")) }
                #expect(error?.code == .unavailable && error?.message.contains("(1045)") == true, "\(error as Any)")
                try await administrator.execute("ALTER USER \(name)@'%' IDENTIFIED BY 'first'")
                try await eventually("it is let in again") {
                    await failureCode { try await store.load(TestUser("a")) } == nil
                }
            }
            try await administrator.execute("DROP USER \(name)@'%'")
        }
    }
}
#endif
