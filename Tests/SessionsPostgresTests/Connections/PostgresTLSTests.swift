#if PostgreSQL
import Sessions
import Testing

@testable import SessionsPostgres

@Suite("TLS", .timeLimit(.minutes(2)))
struct PostgresTLSTests {
    private func settings(
        _ tls: PostgresSessionStore.TLS?,
        _ name: String = "SESSIONS_POSTGRES_TLS_URL"
    ) throws -> PostgresSessionStore.Configuration {
        var configuration = try TestServers.configuration(name)
        configuration.tls = tls
        return configuration
    }

    private var authority: String {
        get throws { try TestServers.value("SESSIONS_POSTGRES_CA") }
    }

    private func isEncrypted(_ configuration: PostgresSessionStore.Configuration) async throws -> Bool {
        try await PostgresSessionStore.run(configuration) { store, _ in
            #expect(try await store.insert(TestUser("ada")) == .inserted)
            return try await store.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [["t"]]
        }
    }

    @Test("With everything verified it is encrypted", arguments: ["localhost", "127.0.0.1"])
    func verified(_ name: String) async throws {
        var configuration = try settings(.init(authorityFile: authority))
        configuration.hosts = configuration.hosts.map { .host(name, port: $0.port) }
        #expect(try await isEncrypted(configuration))
    }

    @Test("A certificate of another authority is refused, also where names do not count")
    func wrongAuthority() async throws {
        for verification in [PostgresSessionStore.TLS.Verification.full, .authorityOnly] {
            // The system's authorities do not know the server's.
            let configuration = try settings(.init(verification: verification))
            let error = await failure { try await PostgresSessionStore.open(configuration) }
            #expect(error?.code == .misconfigured)
            #expect(error?.message.contains("certificate") == true, "\(error as Any)")
        }
    }

    @Test("A certificate for another name is refused, unless names do not count")
    func wrongName() async throws {
        #if os(Linux)
        var configuration = try settings(.init(authorityFile: authority))
        configuration.hosts = configuration.hosts.map { .host("127.0.0.2", port: $0.port) }
        let error = await failure { try await PostgresSessionStore.open(configuration) }
        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains("does not match") == true, "\(error as Any)")
        configuration.tls?.verification = .authorityOnly
        #expect(try await isEncrypted(configuration))
        #endif
    }

    @Test("Without verification it is encrypted all the same")
    func unverified() async throws {
        #expect(try await isEncrypted(settings(.init(verification: .insecureNone))))
    }

    @Test("A user who gets in by TLS alone is told so")
    func plain() async throws {
        let configuration = try settings(nil)
        let error = await failure { try await PostgresSessionStore.open(configuration) }
        #expect(error?.code == .misconfigured)
        let password = try #require(configuration.password)
        #expect(error.map { everythingShown(of: $0).contains(password) } == false)
    }

    @Test("A certificate lets a user in who has no password")
    func certificate() async throws {
        let tls = PostgresSessionStore.TLS(
            authorityFile: try authority,
            certificateFile: try TestServers.value("SESSIONS_POSTGRES_CERT"),
            keyFile: try TestServers.value("SESSIONS_POSTGRES_KEY")
        )
        #expect(try await isEncrypted(settings(tls, "SESSIONS_POSTGRES_CERT_URL")))
        let error = await failure {
            try await PostgresSessionStore.open(settings(.init(authorityFile: authority), "SESSIONS_POSTGRES_CERT_URL"))
        }
        #expect(error?.code == .misconfigured)
    }

    @Test("A file that is not there is an error before anything is sent")
    func files() async throws {
        for keyPath in [\PostgresSessionStore.TLS.authorityFile, \.certificateFile] {
            var tls = PostgresSessionStore.TLS(certificateFile: "/dev/null", keyFile: "/dev/null")
            tls[keyPath: keyPath] = "/dev/null/not-there"
            var configuration = PostgresSessionStore.Configuration(
                hosts: [.host("127.0.0.1", port: 1)],
                username: "app",
                database: "app"
            )
            configuration.tls = tls
            let error = await failure { try await PostgresSessionStore.open(configuration) }
            #expect(error?.code == .misconfigured && error?.message.contains("File") == true)
        }
    }

    @Test("A server without TLS is refused where it is asked for, and gets no password")
    func noTLS() async throws {
        // It takes the request for encryption for a greeting and says that it has none.
        let greeting: @Sendable (TestConnection) -> Void = { $0.write(Array("N".utf8)) }
        try await FakePostgres.run(greeting: greeting) { server in
            var configuration = server.configuration()
            configuration.tls = .init(verification: .insecureNone)
            let error = await failure { try await PostgresSessionStore.open(configuration) }
            #expect(error?.code == .misconfigured && error?.message.contains("SSL") == true)
            #expect(!server.hasReceived("5ecret") && !server.hasReceived("app"))
        }
    }
}
#endif
