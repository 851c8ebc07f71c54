#if PostgreSQL
import CPostgres
import Sessions
import Testing

@testable import SessionsPostgres

@Suite("What shows of a configuration")
struct PostgresSessionStoreDescriptionTests {
    private let configuration = PostgresConfiguration(
        hosts: [.host("db.example.com"), .socket(directory: "/run/postgresql")],
        username: "app",
        password: testSecret,
        database: "shop"
    )

    @Test("Everything but the password, wherever it is shown")
    func description() {
        let shown = everythingShown(of: configuration)
        for part in ["db.example.com:5432", "/run/postgresql:5432", "app", "shop", "redacted"] {
            #expect(shown.contains(part), "\(part)")
        }
        #expect(!shown.contains(testSecret))
        #expect(configuration.name == "postgres: app@db.example.com:5432,/run/postgresql:5432/shop")
    }

    @Test("Whatever libpq could take from the environment, a service file or the home directory is set")
    func environment() throws {
        let text = try PostgresServers.parameters(configuration, configuration.hosts[0]).connectionString()
        let known = try #require(PQconninfoParse("", nil))
        defer { PQconninfoFree(known) }
        var option = known
        var count = 0
        while let name = option.pointee.keyword.map({ String(cString: $0) }) {
            // The name of a service: what it has is used for what is not set, which is nothing.
            if name != "service", name != "servicefile" {
                #expect(" \(text)".contains(" \(name)='"), "\(name)")
            }
            count += 1
            option += 1
        }
        #expect(count > 30)
    }

    @Test("Values are quoted, whatever is in them")
    func quoting() throws {
        var configuration = configuration
        configuration.password = #"a'b\c host=evil sslmode='disable'"#
        let text = try PostgresServers.parameters(configuration, configuration.hosts[0]).connectionString()
        #expect(text.contains(#"password='a\'b\\c host=evil sslmode=\'disable\''"#))
        var problem: UnsafeMutablePointer<CChar>?
        let parsed = try #require(PQconninfoParse(text, &problem))
        defer { PQconninfoFree(parsed) }
        var option = parsed
        var values: [String: String] = [:]
        while let name = option.pointee.keyword {
            values[String(cString: name)] = option.pointee.val.map { String(cString: $0) }
            option += 1
        }
        #expect(values["password"] == configuration.password && values["host"] == "db.example.com")
        #expect(values["sslmode"] == "verify-full" && values["gssencmode"] == "disable")
        #expect(values["options"]?.contains("default_transaction_isolation=read\\ committed") == true)
    }

    @Test("Everything is verified by default, except on this machine")
    func defaults() {
        func tls(_ hosts: PostgresSessionStore.Address...) -> PostgresSessionStore.TLS? {
            PostgresConfiguration(hosts: hosts, username: "a", database: "a").tls
        }
        #expect(tls(.host("db.example.com")) == .init())
        #expect(tls(.host("localhost"), .host("db.example.com")) == .init())
        #expect(tls(.host("localhost.example.com")) == .init() && tls(.host("127.0.0.1.example.com")) == .init())
        #expect(tls(.host("localhost")) == nil && tls(.host("127.0.0.1")) == nil && tls(.host("::1")) == nil)
        #expect(tls(.socket(directory: "/run/postgresql")) == nil)
    }

    @Test("Each setting out of its range is named")
    func validation() {
        let cases: [(String, (inout PostgresConfiguration) -> Void)] = [
            ("hosts", { $0.hosts = [] }),
            ("hosts", { $0.hosts = Array(repeating: .host("h"), count: 17) }),
            ("hosts", { $0.hosts = [.host("a,b")] }),
            ("hosts", { $0.hosts = [.host("/run")] }),
            ("hosts", { $0.hosts = [.socket(directory: "run")] }),
            ("hosts", { $0.hosts = [.host("h", port: 0)] }),
            ("username", { $0.username = "" }),
            ("username", { $0.username = "a\u{0}b" }),
            ("database", { $0.database = String(repeating: "x", count: 64) }),
            ("password", { $0.password = "" }),
            ("password", { $0.password = "5ecret\n" }),
            ("table", { $0.table = "x\"; DROP" }),
            ("searchPath", { $0.searchPath = "a b" }),
            ("applicationName", { $0.applicationName = "\u{FC}" }),
            ("maximumConnections", { $0.maximumConnections = 0 }),
            ("maximumWaitingCalls", { $0.maximumWaitingCalls = 0 }),
            ("operationTimeout", { $0.operationTimeout = .milliseconds(9) }),
            ("connectTimeout", { $0.connectTimeout = .seconds(61) }),
            ("maximumConnectionAge", { $0.maximumConnectionAge = .zero }),
            ("maximumIdleTime", { $0.maximumIdleTime = .seconds(86_401) }),
            ("nearCache", { $0.nearCache = .init(maximumCount: 0) }),
            ("tls.certificateFile", { $0.tls = .init(certificateFile: "/c") }),
            ("tls.authorityFile", { $0.tls = .init(authorityFile: "") }),
            ("tls.authorityFile", { $0.tls = .init(verification: .insecureNone, authorityFile: "/ca") }),
            ("searchPath", { ($0.usesTransactionPooler, $0.searchPath) = (true, "web") }),
        ]
        for (name, change) in cases {
            var configuration = PostgresConfiguration(
                hosts: [.host("h")],
                username: "a",
                password: "5ecret",
                database: "a"
            )
            change(&configuration)
            expectRefusal(naming: "PostgresSessionStore.Configuration.\(name)") { try configuration.validate() }
        }
    }
}
#endif
