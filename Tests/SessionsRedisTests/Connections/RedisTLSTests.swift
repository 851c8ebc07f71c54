#if Redis
import Sessions
import SessionsTesting
import Testing

@testable import SessionsRedis

@Suite("Over TLS, with an ACL user", .timeLimit(.minutes(1)))
struct RedisTLSTests {
    private func configuration(_ variable: String = "SESSIONS_REDIS_TLS_URL") throws -> RedisSessionStore.Configuration
    {
        var configuration = try TestServers.configuration(variable)
        configuration.tls?.authorityFile = try TestServers.value("SESSIONS_REDIS_TLS_CA")
        return configuration
    }

    private func port(_ configuration: RedisSessionStore.Configuration) -> Int {
        guard case .single(let address) = configuration.topology.wrapped, case .host(_, let port) = address.wrapped
        else { return 0 }
        return port
    }

    /// The error, which must come within the time to connect and name the server, and no password.
    private func openingError(_ configuration: RedisSessionStore.Configuration) async -> SessionStoreError? {
        let start = ContinuousClock.now
        let error = await #expect(throws: SessionStoreError.self) {
            _ = try await RedisSessionStore.open(configuration)
        }
        #expect(ContinuousClock.now - start < .milliseconds(1500))
        #expect(error?.message.contains("Redis at ") == true)
        if let password = configuration.password, let error {
            #expect(!everythingShown(of: error).contains(password))
        }
        return error
    }

    @Test("The store conforms", arguments: SessionStoreConformance.Check.allCases)
    func conforms(_ check: SessionStoreConformance.Check) async throws {
        let store = try await RedisSessionStore.open(configuration())
        await SessionStoreConformance(store: store).run(check)
        await store.shutDown()
    }

    @Test(
        "The ACL that the documentation names is enough for a near cache and for waiting, with a client's certificate"
    )
    func everythingOn() async throws {
        var configuration = try configuration()
        configuration.nearCache = .init()
        // There is no replica, so that it waits in vain.
        configuration.replication = .init(timeout: .milliseconds(1))
        configuration.tls?.certificateFile = try TestServers.value("SESSIONS_REDIS_TLS_CERT")
        configuration.tls?.keyFile = try TestServers.value("SESSIONS_REDIS_TLS_KEY")
        let store = try await RedisSessionStore.open(configuration)
        let second = try await RedisSessionStore.open(configuration)
        let record = sampleRecord()
        let id = randomID()
        #expect(try await store.insert(record, id: id) == .inserted)
        #expect(try await second.load(id, now: record.createdAt) == record)
        #expect(try await store.delete(id, ifStamp: record.stamp, now: record.createdAt) == .deleted)
        #expect(await eventually(within: .seconds(1)) { second.residentRecord(id, now: record.createdAt) == nil })
        await store.shutDown()
        await second.shutDown()
    }

    @Test("The name of a host is held against the certificate as well as its address")
    func hostName() async throws {
        var configuration = try configuration()
        configuration.topology = .single(.host("localhost", port: port(configuration)))
        let store = try await RedisSessionStore.open(configuration)
        try await store.checkHealth()
        await store.shutDown()
    }

    @Test("A certificate of an unknown authority is not trusted")
    func untrusted() async throws {
        var configuration = try configuration()
        configuration.tls?.authorityFile = nil
        for authority in [nil, try TestServers.value("SESSIONS_REDIS_TLS_CERT")] {
            configuration.tls?.authorityFile = authority
            let error = await openingError(configuration)
            #expect(error?.code == .misconfigured)
            #expect(error?.message.contains("certificate is not trusted") == true, "\(error?.message ?? "")")
        }
        configuration.tls?.insecureSkipVerify = true
        let store = try await RedisSessionStore.open(configuration)
        await store.shutDown()
    }

    #if os(Linux)
    @Test("A certificate for another host is refused, unless it bears the name that is asked for")
    func otherHost() async throws {
        var configuration = try configuration()
        // SwiftNIO takes a certificate for the address that it is connected to, whatever name is asked for.
        configuration.topology = .single(.host("127.0.0.2", port: port(configuration)))
        for name in [nil, "elsewhere.example"] {
            configuration.tls?.serverName = name
            let error = await openingError(configuration)
            #expect(error?.code == .misconfigured)
            #expect(error?.message.contains("certificate is for another host") == true, "\(error?.message ?? "")")
        }
        configuration.tls?.serverName = "localhost"
        let store = try await RedisSessionStore.open(configuration)
        try await store.checkHealth()
        await store.shutDown()
    }
    #endif

    @Test("A client's certificate that the server does not accept")
    func clientCertificate() async throws {
        var configuration = try configuration()
        // The server's own, which is none for clients.
        let certificate = try TestServers.value("SESSIONS_REDIS_TLS_CA").replacing("authority.", with: "server.")
        configuration.tls?.certificateFile = certificate
        configuration.tls?.keyFile = certificate.replacing(".pem", with: ".key")
        let error = await openingError(configuration)
        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains("does not accept this client's certificate") == true, "\(error?.message ?? "")")
    }

    @Test("Without TLS to a port for TLS")
    func plainToTLS() async throws {
        var configuration = try configuration()
        configuration.tls = nil
        let error = await openingError(configuration)
        #expect(error?.message.contains("rediss:") == true, "\(error?.message ?? "")")
    }

    @Test("With TLS to a port without")
    func tlsToPlain() async throws {
        var configuration = try TestServers.single()
        configuration.tls = .init()
        let error = await openingError(configuration)
        #expect(error?.message.contains("(redis:)") == true, "\(error?.message ?? "")")
    }

    @Test("A user who may not run scripts: at the start, with what to allow")
    func noScripts() async throws {
        let error = await openingError(try configuration("SESSIONS_REDIS_TLS_NOEVAL_URL"))
        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains("+@scripting") == true, "\(error?.message ?? "")")
    }

    @Test(
        "Wrong credentials, and none",
        arguments: [("app", "wr0ng"), ("nobody", "wr0ng"), (nil, nil)] as [(String?, String?)]
    )
    func credentials(_ username: String?, _ password: String?) async throws {
        var configuration = try configuration()
        (configuration.username, configuration.password) = (username, password)
        let error = await openingError(configuration)
        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains("password") == true, "\(error?.message ?? "")")
    }
}
#endif
