#if MySQL
import Sessions
import SessionsTesting
import Testing

@testable import SessionsMySQL

@Suite("MySQL over TLS", .timeLimit(.minutes(1)))
struct MySQLTLSTests {
    /// For a user who gets in by TLS alone.
    private func configuration(
        _ variable: String = "SESSIONS_MYSQL_TLS_URL",
        table: String? = nil
    ) throws -> MySQLSessionStore.Configuration {
        var configuration = TestServers.patient(try TestServers.configuration(variable))
        configuration.tls = .init()
        configuration.tls?.authorityFile = try TestServers.value("SESSIONS_MYSQL_CA")
        if let table { configuration.table = table }
        return configuration
    }

    private func with(host: String, _ configuration: MySQLSessionStore.Configuration) -> MySQLSessionStore.Configuration
    {
        var configuration = configuration
        if case .host(_, let port) = configuration.hosts[0].wrapped {
            configuration.hosts = [.host(host, port: port)]
        }
        return configuration
    }

    /// The error, which must name the server, and no password.
    private func openingError(_ configuration: MySQLSessionStore.Configuration) async -> SessionStoreError? {
        let error = await failure { try await MySQLSessionStore.open(configuration) }
        #expect(error?.message.contains("mysql: \(configuration.username)@") == true, "\(error as Any)")
        if let password = configuration.password, let error {
            #expect(!everythingShown(of: error).contains(password))
        }
        return error
    }

    @Test("The store conforms")
    func conforms() async throws {
        let store = try await MySQLSessionStore.open(configuration())
        let second = try await MySQLSessionStore.open(configuration(table: store.configuration.table))
        await SessionStoreConformance(store: store, secondStore: second).run()
        await store.shutDown()
        await second.shutDown()
    }

    @Test("What is sent is encrypted, by TLS 1.2 or 1.3")
    func encrypted() async throws {
        try await MySQLSessionStore.run(configuration()) { store async throws in
            let status = try await store.withConnection { connection throws(SQLFailure) in
                try connection.query("SHOW SESSION STATUS LIKE 'Ssl_version'")
            }
            #expect(["TLSv1.2", "TLSv1.3"].contains(status.first?.last ?? ""))
        }
    }

    @Test(
        "The name of a host is held against the certificate as well as its address",
        arguments: ["localhost", "127.0.0.1"]
    )
    func names(host: String) async throws {
        let store = try await MySQLSessionStore.open(with(host: host, configuration()))
        try await store.checkHealth()
        await store.shutDown()
    }

    #if os(Linux)
    @Test("A certificate for another host is refused")
    func otherHost() async throws {
        let error = await openingError(with(host: "127.0.0.2", try configuration()))
        #expect(
            error?.code == .misconfigured && error?.message.contains("no encrypted connection") == true,
            "\(error as Any)"
        )
    }
    #endif

    @Test("A certificate of an unknown authority is not trusted, unless that is asked for by name")
    func untrusted() async throws {
        var configuration = try configuration()
        for authority in [nil, try TestServers.value("SESSIONS_MYSQL_CERT")] {
            configuration.tls?.authorityFile = authority
            let error = await openingError(configuration)
            #expect(error?.code == .misconfigured, "\(error as Any)")
            #expect(error?.message.contains("no encrypted connection") == true, "\(error as Any)")
        }
        configuration.tls?.authorityFile = nil
        configuration.tls?.insecureSkipVerify = true
        let store = try await MySQLSessionStore.open(configuration)
        try await store.checkHealth()
        await store.shutDown()
    }

    @Test("A file of authorities that is not there, or is none", arguments: ["/nonexistent.pem", "/dev/null"])
    func missingFile(path: String) async throws {
        var configuration = try configuration()
        configuration.tls?.authorityFile = path
        let error = await openingError(configuration)
        #expect(error?.code == .misconfigured, "\(error as Any)")
    }

    @Test("A user who must show a certificate: with it, and without")
    func clientCertificate() async throws {
        var configuration = try configuration("SESSIONS_MYSQL_CERT_URL")
        #expect(await openingError(configuration)?.message.contains("1045") == true)
        configuration.tls?.certificateFile = try TestServers.value("SESSIONS_MYSQL_CERT")
        configuration.tls?.keyFile = try TestServers.value("SESSIONS_MYSQL_KEY")
        let store = try await MySQLSessionStore.open(configuration)
        try await store.checkHealth()
        await store.shutDown()
    }

    @Test("Without TLS a user who needs it is refused")
    func plain() async throws {
        var configuration = try configuration()
        configuration.tls = nil
        let error = await openingError(configuration)
        #expect(error?.code == .misconfigured && error?.message.contains("1045") == true, "\(error as Any)")
    }

    @Test(
        "N1: a server that does not offer TLS is refused where it is wanted, verified or not",
        arguments: [true, false]
    )
    func noTLSOffered(isVerified: Bool) async throws {
        try await PrivateMariaDB.run(["--skip-ssl"]) { server in
            var configuration = server.configuration()
            configuration.tls = .init()
            configuration.tls?.insecureSkipVerify = !isVerified
            let error = await openingError(configuration)
            #expect(error?.code == .misconfigured, "\(error as Any)")
            #expect(error?.message.contains("no encrypted connection") == true, "\(error as Any)")
        }
    }
}
#endif
