#if PostgreSQL
import Sessions
import Testing

@testable import SessionsPostgres

@Suite("Configuration strings of the original, which are lib/pq's")
struct PostgresConfigTests {
    @Test("The sample of the original opens as it is written there")
    func sample() throws {
        let (configuration, warnings) = try read(config: "user=pqgotest dbname=pqgotest sslmode=verify-full")
        #expect(configuration.hosts == [.host("localhost")] && configuration.username == "pqgotest")
        #expect(configuration.database == "pqgotest" && configuration.password == nil)
        #expect(configuration.tls == .init() && warnings.isEmpty)
        #expect(configuration.table == "sessions" && configuration.maximumConnections == 8)
    }

    @Test("Values are quoted and escaped by libpq's rules")
    func quoting() throws {
        let (configuration, _) = try read(
            config: #"  user = 'a user'  password='it\'s \\ 5ecret'"#
                + "\n\tdbname\t=\tapp\\ name host=db.example.com  port=5433 \r\n"
        )
        #expect(configuration.username == "a user")
        #expect(configuration.password == #"it's \ 5ecret"#)
        #expect(configuration.database == "app name")
        #expect(configuration.hosts == [.host("db.example.com", port: 5433)])
        #expect(try read(config: "user=a password='' dbname=''").0.password == nil)
        #expect(try read(config: "user=a password=a=b").0.password == "a=b")
    }

    @Test(
        "Hosts, ports and sockets",
        arguments: [
            ("host=a,b port=1,2", [PostgresSessionStore.Address.host("a", port: 1), .host("b", port: 2)]),
            ("host=a,b port=6000", [.host("a", port: 6000), .host("b", port: 6000)]),
            ("host=a,b port=,7", [.host("a"), .host("b", port: 7)]),
            ("host=/run/postgresql", [.socket(directory: "/run/postgresql")]),
            ("host=::1", [.host("::1")]),
            ("", [.host("localhost")]),
        ]
    )
    func hosts(_ text: String, _ hosts: [PostgresSessionStore.Address]) throws {
        #expect(try read(config: "user=a \(text)").0.hosts == hosts)
    }

    @Test("sslmode: what is not verified elsewhere is verified here, and that is said")
    func sslmode() throws {
        let remote = "user=a host=db.example.com"
        var (configuration, warnings) = try read(config: remote)
        #expect(configuration.tls == .init() && warnings.count == 1 && warnings[0].contains("verified"))
        (configuration, warnings) = try read(config: remote + " sslmode=require")
        #expect(configuration.tls == .init() && warnings.count == 1 && warnings[0].contains("sslmode=require"))
        (configuration, warnings) = try read(config: remote + " sslmode=verify-ca sslrootcert=/ca")
        #expect(configuration.tls == .init(verification: .authorityOnly, authorityFile: "/ca") && warnings.isEmpty)
        (configuration, warnings) = try read(config: remote + " sslmode=disable")
        #expect(configuration.tls == nil && warnings.isEmpty)
        (configuration, warnings) = try read(config: remote + " sslmode=require insecure_skip_verify=true")
        #expect(configuration.tls?.verification == .insecureNone && warnings.count == 1)
        (configuration, warnings) = try read(config: "user=a host=127.0.0.1")
        #expect(configuration.tls == nil && warnings.isEmpty)
        (configuration, warnings) = try read(config: "user=a host=127.0.0.1 sslrootcert=/ca")
        #expect(configuration.tls == .init(authorityFile: "/ca"))
        (configuration, _) = try read(config: remote + " sslcert=/c sslkey=/k")
        #expect(configuration.tls == .init(certificateFile: "/c", keyFile: "/k"))
        for mode in ["allow", "prefer", "yes", ""] {
            expectRefusal(naming: "sslmode") { try read(config: remote + " sslmode='\(mode)'") }
        }
        expectRefusal(naming: "insecure_skip_verify") {
            try read(config: remote + " sslmode=verify-full insecure_skip_verify=true")
        }
        expectRefusal(naming: "sslrootcert") { try read(config: remote + " sslmode=disable sslrootcert=/ca") }
        expectRefusal(naming: "sslcert") { try read(config: remote + " sslcert=/c") }
    }

    @Test(
        "What lib/pq knows and has no effect here is warned about, by name and without its value",
        arguments: [
            "binary_parameters=yes", "client_encoding=UTF8", "timezone=UTC", "sslsni=1", "extra_float_digits=2",
            "statement_timeout=4711", "keepalives_idle=4711", "target_session_attrs=any", "connect_timeout=0",
        ]
    )
    func ignored(_ parameter: String) throws {
        let name = try #require(parameter.split(separator: "=").first)
        let (_, warnings) = try read(config: "user=a \(parameter)")
        #expect(
            warnings.count == 1 && warnings.first?.contains(name) == true && warnings.first?.contains("4711") == false
        )
    }

    @Test("Parameters that have an effect")
    func used() throws {
        let (configuration, warnings) = try read(
            config: """
                user=a connect_timeout=10 application_name=app search_path=web target_session_attrs=read-write \
                gssencmode=disable table=logins pool=8 waiting=99 timeout=1.5 max_age=1h max_idle=30s near_cache=500 \
                schema=expect
                """
        )
        #expect(warnings.isEmpty)
        #expect(configuration.connectTimeout == .seconds(10) && configuration.applicationName == "app")
        #expect(configuration.searchPath == "web" && configuration.table == "logins" && configuration.schema == .expect)
        #expect(configuration.maximumConnections == 8 && configuration.maximumWaitingCalls == 99)
        #expect(configuration.operationTimeout == .milliseconds(1500))
        #expect(configuration.maximumConnectionAge == .seconds(3600) && configuration.maximumIdleTime == .seconds(30))
        #expect(configuration.nearCache == .init(maximumCount: 500))
        #expect(try read(config: "user=a fallback_application_name=x").0.applicationName == "x")
        #expect(try read(config: "user=a fallback_application_name=x application_name=y").0.applicationName == "y")
        #expect(try read(config: "user=a transaction_pooler=true").0.usesTransactionPooler)
    }

    @Test(
        "What would let sessions go elsewhere, or is not available, is refused by name",
        arguments: [
            "passfile=/x", "service=x", "sslinline=true", "sslpassword=5ecret", "options='-c search_path=x'",
            "krbsrvname=x",
            "hostaddr=1.2.3.4", "replication=true", "gssencmode=prefer", "target_session_attrs=standby", "sslcrl=/x",
            "channel_binding=require", "requirepeer=x", "load_balance_hosts=random",
        ]
    )
    func refused(_ parameter: String) throws {
        let name = try #require(parameter.split(separator: "=").first)
        expectRefusal(naming: String(name)) { try read(config: "user=a password=5ecret \(parameter)") }
    }

    @Test(
        "Wrong strings name the part and show nothing",
        arguments: [
            ("", "user"), ("dbname=app password=5ecret", "user"),
            ("user=a passwort=5ecret", "did you mean \"password\""),
            ("user=a sslmod=disable", "did you mean \"sslmode\""), ("user=a user=b", "twice"),
            ("user=a password='5ecret", "quote"),
            ("user=a password=5ecret\\", "backslash"), ("user=a pass 5ecret", "name=value"), ("=5ecret", "name=value"),
            ("user=a port=0", "hosts"), ("user=a port=65536", "hosts"), ("user=a port=-1", "ports"),
            ("user=a port=1,2", "ports"),
            ("user=a host=a;b", "hosts"), ("user=a host=a,", "hosts"), ("user=a pool=0", "pool"),
            ("user=a pool=x", "pool"),
            ("user=a timeout=0", "timeout"), ("user=a timeout=soon", "timeout"),
            ("user=a connect_timeout=-1", "connect_timeout"),
            ("user=a table=\"x\"", "table"), ("user=a table=a;b", "table"), ("user=a search_path=a,b", "search_path"),
            ("user=a search_path=\"A\"", "search_path"), ("user=a near_cache=0", "near_cache"),
            ("user=a schema=web", "schema"),
            ("user=a transaction_pooler=true near_cache=true", "near_cache"), ("user='a\tb'", "user"),
            ("user=a 5ecret%&!=x", "unknown parameter"), ("mysql://a:5ecret@h/db", "scheme"),
            ("user=a host=/run/postgresql sslmode=require", "sslmode"),
        ]
    )
    func wrong(_ config: String, _ part: String) {
        expectRefusal(naming: part) { try read(config: config) }
    }
}
#endif
