#if MySQL
import Sessions
import Testing

@testable import SessionsMySQL

@Suite("The original's configuration strings for MySQL: DSNs of Go's driver")
struct MySQLDSNTests {
    private func read(_ dsn: String) throws -> (configuration: MySQLConfiguration, warnings: [String]) {
        var warnings: [String] = []
        let configuration = try MySQLConfiguration(dsn: dsn) { warnings.append($0) }
        return (configuration, warnings)
    }

    private func error(_ dsn: String) throws -> SessionStoreError {
        try #require(throws: SessionStoreError.self) { try read(dsn) }
    }

    @Test("the README's own string, which is a pattern, gets the error that it deserves")
    func pattern() throws {
        for parameters in ["?param=value", ""] {
            let error = try error("username:password@protocol(address)/dbname\(parameters)")
            #expect(error.code == .misconfigured)
            #expect(error.message.hasPrefix("mysql: the protocol must be tcp or unix"), "\(error.message)")
            #expect(!error.message.contains("username") && !error.message.contains("address)"))
        }
        let error = try error("username:password@tcp(127.0.0.1)/dbname?param=value")
        #expect(error.message.hasPrefix("mysql: unknown parameter \"param\""), "\(error.message)")
    }

    /// From the driver's documentation and its own tests, where they have a user and a database.
    @Test(
        "what Go's driver reads is read the same way",
        arguments: [
            ("user:password@/dbname", MySQLAddress.host("127.0.0.1"), "user", "password", "dbname"),
            ("user@/dbname", .host("127.0.0.1"), "user", nil, "dbname"),
            ("user:@/dbname", .host("127.0.0.1"), "user", nil, "dbname"),
            ("user@tcp/dbname", .host("127.0.0.1"), "user", nil, "dbname"),
            ("user@tcp()/dbname", .host("127.0.0.1"), "user", nil, "dbname"),
            ("user:password@tcp(localhost:5555)/dbname", .host("localhost", port: 5555), "user", "password", "dbname"),
            ("user:password@tcp(localhost)/dbname", .host("localhost"), "user", "password", "dbname"),
            ("user:password@(localhost:5555)/dbname", .host("localhost", port: 5555), "user", "password", "dbname"),
            ("user:password@tcp(:3307)/dbname", .host("localhost", port: 3307), "user", "password", "dbname"),
            (
                "user:password@tcp([de:ad:be:ef::ca:fe]:80)/dbname", .host("de:ad:be:ef::ca:fe", port: 80), "user",
                "password", "dbname"
            ),
            ("user:password@tcp([::1])/dbname", .host("::1"), "user", "password", "dbname"),
            ("user@unix(/path/to/socket)/dbname", .unixSocket("/path/to/socket"), "user", nil, "dbname"),
            ("user:password@unix/dbname", .unixSocket("/tmp/mysql.sock"), "user", "password", "dbname"),
            ("user:p@ss(word)@tcp([::1]:80)/dbname", .host("::1", port: 80), "user", "p@ss(word)", "dbname"),
            ("user:p@/ssword@/dbname", .host("127.0.0.1"), "user", "p@/ssword", "dbname"),
            ("user:p:a:s:s@/dbname", .host("127.0.0.1"), "user", "p:a:s:s", "dbname"),
            ("user:%41+b@/dbname", .host("127.0.0.1"), "user", "%41+b", "dbname"),
            ("user:pass?word&x=y@tcp(h)/dbname", .host("h"), "user", "pass?word&x=y", "dbname"),
            ("user:password@tcp(h)/db%2Fname%3F+x", .host("h"), "user", "password", "db/name?+x"),
            ("  user:password@tcp(h)/dbname\n", .host("h"), "user", "password", "dbname"),
            ("u/s@er@/dbname", .host("127.0.0.1"), "u/s@er", nil, "dbname"),
        ] as [(String, MySQLAddress, String, String?, String)]
    )
    func grammar(dsn: String, host: MySQLAddress, user: String, password: String?, database: String) throws {
        let (configuration, warnings) = try read(dsn)
        #expect(configuration.hosts == [host])
        #expect(configuration.username == user && configuration.password == password)
        #expect(configuration.database == database)
        #expect(configuration.tls == nil && warnings.isEmpty)
    }

    @Test("parameters that are heeded")
    func heeded() throws {
        let (configuration, warnings) = try read(
            "u:p@tcp(h)/d?tls=true&timeout=5s&readTimeout=1.5s&writeTimeout=500ms&allowCleartextPasswords=true"
        )
        #expect(configuration.tls != nil && configuration.tls?.insecureSkipVerify == false)
        #expect(configuration.connectTimeout == .seconds(5) && configuration.operationTimeout == .milliseconds(1500))
        #expect(configuration.allowsCleartextPassword && warnings.isEmpty)
        #expect(try read("u@/d?tls=skip-verify").configuration.tls?.insecureSkipVerify == true)
        for off in ["false", "0", "FALSE"] { #expect(try read("u@/d?tls=\(off)").configuration.tls == nil) }
        for on in ["true", "1", "True"] { #expect(try read("u@/d?tls=\(on)").configuration.tls != nil) }
    }

    @Test(
        "parameters without an effect are accepted, with a warning that says why and no value",
        arguments: [
            "charset=utf8mb4,utf8", "collation=utf8mb4_unicode_ci", "parseTime=true", "loc=US%2FPacific",
            "maxAllowedPacket=16777216", "interpolateParams=true", "columnsWithAlias=true", "checkConnLiveness=false",
            "connectionAttributes=program_name:5ecret", "compress=true", "timeTruncate=1h", "timeout=0",
            "readTimeout=0s",
        ]
    )
    func ignored(parameter: String) throws {
        let (_, warnings) = try read("u:p@/d?\(parameter)")
        #expect(warnings.count == 1)
        let name = parameter.prefix { $0 != "=" }
        #expect(warnings[0].hasPrefix("mysql: the parameter \(name) has no effect: "), "\(warnings)")
        #expect(!warnings[0].contains(testSecret))
    }

    @Test(
        "parameters that say what is so anyway need no warning",
        arguments: [
            "clientFoundRows=true", "clientFoundRows=false", "rejectReadOnly=true", "parseTime=false",
            "allowNativePasswords=true",
            "allowOldPasswords=false", "allowAllFiles=false", "multiStatements=false", "checkConnLiveness=true",
            "interpolateParams=false", "allowFallbackToPlaintext=false", "tinyInt1IsBool=true",
            "allowCleartextPasswords=false",
        ]
    )
    func silent(parameter: String) throws {
        #expect(try read("u:p@/d?\(parameter)").warnings.isEmpty)
    }

    // The string, and what the error has to name.
    static let wrong: [(text: String, part: String)] = [
        ("", "empty"), ("   \n", "empty"), ("user:5ecret@tcp(h)", "slash"), ("5ecret", "slash"),
        ("user:5ecret@tcp(h/d", "\")\" behind the address is missing"),
        ("user:5ecret@tcp(h)x/d", "something follows"), ("user:5ecret@tcp(h)/d?charset=a/b", "something follows"),
        ("/d", "the user must be there"), (":5ecret@/d", "user"), ("tcp(h)/d", "user"), ("user:5ecret@/", "database"),
        ("user:5ecret@udp(h)/d", "protocol must be tcp or unix"), ("user:5ecret@tpc(h)/d", "did you mean \"tcp\"?"),
        ("user:5ecret@cloudsql(project:region:instance)/d", "protocol"),
        ("user:5ecret@TCP(h)/d", "did you mean \"tcp\"?"),
        ("user:5ecret@tcp(h:0)/d", "port"), ("user:5ecret@tcp(h:65536)/d", "port"), ("user:5ecret@tcp(h:x)/d", "port"),
        ("user:5ecret@tcp(::1)/d", "square brackets"), ("user:5ecret@tcp([::1)/d", "\"]\""),
        ("user:5ecret@tcp([::1]x)/d", "nothing but a port"), ("user:5ecret@tcp([h])/d", "IPv6"),
        ("user:5ecret@tcp(a b)/d", "host name"), ("user:5ecret@unix(mysqld.sock)/d", "start with \"/\""),
        ("user:5ecret@unix(/s)/d?tls=true", "tls must be left out"), ("user:5ecret@/d%zz", "hexadecimal"),
        ("user:5ecret@/d%00", "control character"), ("us\u{0}er:5ecret@/d", "control character"),
        ("user:5ecret@/d?tls=preferred", "left out"), ("user:5ecret@/d?tls=custom", "a Go program has registered"),
        ("user:5ecret@/d?tls=", "tls"), ("user:5ecret@/d?tls", "has no value"),
        ("user:5ecret@/d?timeout=5", "timeout must be a duration"),
        ("user:5ecret@/d?timeout=1h", "10 milliseconds to 60 seconds"),
        ("user:5ecret@/d?readTimeout=1ns", "readTimeout"),
        ("user:5ecret@/d?parseTime=yes", "parseTime must be true or false"),
        ("user:5ecret@/d?allowNativePasswords=false", "allowNativePasswords must not be false"),
        ("user:5ecret@/d?allowOldPasswords=true", "allowOldPasswords must not be true"),
        ("user:5ecret@/d?allowAllFiles=true", "allowAllFiles"),
        ("user:5ecret@/d?multiStatements=true", "multiStatements"),
        ("user:5ecret@/d?allowFallbackToPlaintext=true&tls=true", "allowFallbackToPlaintext"),
        ("user:5ecret@/d?allowCleartextPasswords=true", "allowCleartextPasswords must come together with TLS"),
        ("user:5ecret@/d?tls=skip-verify&allowCleartextPasswords=true", "allowCleartextPasswords"),
        ("user:5ecret@/d?serverPubKey=5ecret", "serverPubKey must be left out"),
        ("user:5ecret@/d?strict=true", "strict"),
        ("user:5ecret@/d?sql_mode=%27%27", "unknown parameter \"sql_mode\""),
        ("user:5ecret@/d?autocommit=false", "\"autocommit\""),
        ("user:5ecret@/d?parsetime=true", "did you mean \"parseTime\"?"),
        ("user:5ecret@/d?charset=a&charset=b", "twice"),
        ("user:5ecret@/d?=5ecret", "unknown parameter"), ("mysql://user:5ecret@h/d", "it is an address"),
        ("mariadb://user:5ecret@h/d?pool=3", "it is an address"),
    ]

    @Test("4e: what is wrong is an error that names the part and shows no password", arguments: wrong)
    func errors(text: String, part: String) throws {
        let error = try error(text)
        #expect(error.code == .misconfigured)
        #expect(error.message.contains(part), "\(error.message)")
        #expect(error.message.hasPrefix("mysql: "))
        #expect(!everythingShown(of: error).contains(testSecret))
        #expect(!error.message.utf8.contains { $0 < 0x20 })
    }

    @Test("random strings give a configuration or an error, and never show what is in them")
    func random() {
        var state: UInt64 = 42
        let alphabet = Array("ab:@/()[]?&=%41+.,\u{0}é ".utf8)
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<24 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            let text = String(decoding: bytes, as: UTF8.self)
            _ = try? MySQLConfiguration(dsn: text) { _ in }
            _ = try? MySQLConfiguration(dsn: "u:5ecret@" + text) { warning in #expect(!warning.contains(testSecret)) }
        }
    }
}
#endif
