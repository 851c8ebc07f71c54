#if MySQL
import Sessions
import Testing

@testable import SessionsMySQL

typealias MySQLAddress = MySQLSessionStore.Address
typealias MySQLConfiguration = MySQLSessionStore.Configuration

/// What every test's passwords are made of, to be looked for where it must not be.
let testSecret = "5ecret"

func readSettings(url: String) throws(SessionStoreError) -> MySQLConfiguration {
    try MySQLConfiguration(url: StoreURL(url))
}

@Suite("MySQL addresses")
struct MySQLURLTests {
    @Test("what is left out has its default")
    func defaults() throws {
        let configuration = try readSettings(url: "mysql://app@h/db")
        #expect(configuration.hosts == [.host("h", port: 3306)])
        #expect(configuration.username == "app" && configuration.password == nil && configuration.database == "db")
        #expect(configuration.tls == nil && !configuration.allowsCleartextPassword)
        #expect(configuration.table == "sessions" && configuration.schema == .createIfNeeded)
        #expect(configuration.maximumConnections == 16 && configuration.maximumWaitingCalls == 10_000)
        #expect(configuration.connectTimeout == .seconds(1) && configuration.operationTimeout == .seconds(2))
        #expect(configuration.maximumConnectionAge == .seconds(1800) && configuration.maximumIdleTime == .seconds(300))
    }

    @Test(
        "hosts are names, IP addresses and local sockets, several of them in order",
        arguments: [
            ("mysql://a@h:1/d", [MySQLAddress.host("h", port: 1)]), ("mariadb://a@h/d", [.host("h")]),
            ("mysql://a@10.0.0.1/d", [.host("10.0.0.1")]), ("MYSQL://a@h/d", [.host("h")]),
            ("mysql://a@[2001:db8::1]:65535/d", [.host("2001:db8::1", port: 65_535)]),
            ("mysql://a@[fe80::1%25eth0]/d", [.host("fe80::1%eth0")]),
            ("mysql://a@%2Frun%2Fmysqld.sock/d", [.unixSocket("/run/mysqld.sock")]),
            ("mysql://a@h:3306,i,[::1]:7/d", [.host("h"), .host("i"), .host("::1", port: 7)]),
        ]
    )
    func hosts(text: String, hosts: [MySQLAddress]) throws {
        #expect(try readSettings(url: text).hosts == hosts)
    }

    @Test(
        "4e: user, password and database are decoded once",
        arguments: [
            ("mysql://app:p%40ss@h/db", "app", "p@ss", "db"),
            ("mysql://u%40%2F%3A:%40%2F%23%3F%3A%25@h/d%20b", "u@/:", "@/#?:%", "d b"),
            ("mysql://app:@h/db", "app", nil, "db"), ("mysql://app:%2541@h/db", "app", "%41", "db"),
            ("mysql://app@h/%E5%BA%93", "app", nil, "库"),
        ] as [(String, String, String?, String)]
    )
    func credentials(text: String, user: String, password: String?, database: String) throws {
        let configuration = try readSettings(url: text)
        #expect(configuration.username == user && configuration.password == password)
        #expect(configuration.database == database)
    }

    @Test("every parameter sets its property")
    func parameters() throws {
        let configuration = try readSettings(
            url: "mysql://a@h/d?table=logins&schema=expect&pool=256&waiting=1&timeout=2.5&connect_timeout=250ms"
                + "&max_age=1h&max_idle=90&tls=true&cafile=ca.pem&certfile=c.pem&keyfile=k.pem&cleartext_password=true"
        )
        #expect(configuration.table == "logins" && configuration.schema == .expect)
        #expect(configuration.maximumConnections == 256 && configuration.maximumWaitingCalls == 1)
        #expect(
            configuration.operationTimeout == .milliseconds(2500) && configuration.connectTimeout == .milliseconds(250)
        )
        #expect(configuration.maximumConnectionAge == .seconds(3600) && configuration.maximumIdleTime == .seconds(90))
        let tls = try #require(configuration.tls)
        #expect(tls.authorityFile == "ca.pem" && tls.certificateFile == "c.pem" && tls.keyFile == "k.pem")
        #expect(!tls.insecureSkipVerify && configuration.allowsCleartextPassword)
        #expect(try readSettings(url: "mysql://a@h/d?schema=create").schema == .createIfNeeded)
    }

    @Test("4e: certificates are verified unless a value with a plain name turns it off")
    func encryption() throws {
        #expect(try readSettings(url: "mysql://a@h/d?tls=false").tls == nil)
        #expect(try readSettings(url: "mysql://a@h/d?tls=true").tls?.insecureSkipVerify == false)
        #expect(try readSettings(url: "mysql://a@h/d?tls=skip-verify").tls?.insecureSkipVerify == true)
    }

    // The address, and what the error has to name.
    static let wrong: [(text: String, part: String)] = [
        ("mysql://", "database"), ("mysql:", "database"), ("mysql://a:5ecret@h", "database"),
        ("mysql://a:5ecret@h/", "database"), ("mysql://a:5ecret@h/d/e", "database"), ("mysql:///d", "hosts"),
        ("mysql://h/d", "the user must be 1 to 128"), ("mysql://:5ecret@h/d", "the user"),
        ("mysql://a:5ecret@h:0/d", "port"), ("mysql://a:5ecret@h:65536/d", "port"),
        ("mysql://a:5ecret@%2Frun%2Fr.sock:3306/d", "no port"),
        ("mysql://a:5ecret@%2Frun%2Fr.sock/d?tls=true", "tls must be left out"),
        ("mysql://a:5ecret@h,h/d", "twice"), ("mysql://a:5ecret%0D%0A@h/d", "password"),
        ("mysql://a%00:5ecret@h/d", "user"), ("mysql://a:5ecret@h/d%0A", "control character"),
        ("mysql://a:5ecret@h/d?table=", "parameter table must"), ("mysql://a:5ecret@h/d?table=a%27;b", "table"),
        ("mysql://a:5ecret@h/d?table=Sessions", "lower-case"), ("mysql://a:5ecret@h/d?table=a.b", "table"),
        ("mysql://a:5ecret@h/d?schema=yes", "schema must be create or expect"),
        ("mysql://a:5ecret@h/d?pool=0", "pool is no number from 1 to 256"), ("mysql://a:5ecret@h/d?pool=257", "pool"),
        ("mysql://a:5ecret@h/d?waiting=0", "waiting is no number from 1 to 1000000"),
        ("mysql://a:5ecret@h/d?timeout=9ms", "timeout must be 10 milliseconds to 60 seconds"),
        ("mysql://a:5ecret@h/d?timeout=61", "timeout"), ("mysql://a:5ecret@h/d?timeout=fast", "timeout"),
        ("mysql://a:5ecret@h/d?connect_timeout=-1", "connect_timeout"),
        ("mysql://a:5ecret@h/d?max_age=0", "max_age must be 1 second to 7 days"),
        ("mysql://a:5ecret@h/d?max_idle=8000h", "max_idle"), ("mysql://a:5ecret@h/d?tls=preferred", "left out"),
        ("mysql://a:5ecret@h/d?tls=1", "tls must be true, false or skip-verify"),
        ("mysql://a:5ecret@h/d?cafile=x", "cafile must be left out"),
        ("mysql://a:5ecret@h/d?tls=false&keyfile=x", "tls=true"),
        ("mysql://a:5ecret@h/d?tls=true&cafile=", "cafile"), ("mysql://a:5ecret@h/d?tls=true&certfile=x", "key"),
        ("mysql://a:5ecret@h/d?tls=true&keyfile=x", "certificate"),
        ("mysql://a:5ecret@h/d?cleartext_password=true", "cleartext_password must come together with TLS"),
        ("mysql://a:5ecret@h/d?tls=skip-verify&cleartext_password=true", "cleartext_password"),
        ("mysql://a:5ecret@h/d?cleartext_password=1", "true or false"),
        ("mysql://a:5ecret@h/d?tls=true&servername=db", "servername must be left out"),
        ("mysql://a:5ecret@h/d?passwort=5ecret", "\"passwort\""),
        ("mysql://a:5ecret@h/d?Pool=1", "did you mean \"pool\"?"),
        ("mysql://a:5ecret@h/d?pool=1&pool=2", "\"pool\" stands there twice"),
        ("redis://a:5ecret@h/d", "scheme"), ("mysql://a:5ecret@h/\(String(repeating: "d", count: 65))", "1 to 64"),
    ]

    @Test("4e: what is wrong is an error that names the part and shows no password", arguments: wrong)
    func errors(text: String, part: String) throws {
        let error = try #require(throws: SessionStoreError.self) { try readSettings(url: text) }
        #expect(error.code == .misconfigured)
        #expect(error.message.contains(part), "\(error.message)")
        #expect(!everythingShown(of: error).contains(testSecret))
        #expect(!error.message.utf8.contains { $0 < 0x20 })
    }
}
#endif
