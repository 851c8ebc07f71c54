import Testing

@testable import Sessions

@Suite("Store addresses")
struct StoreURLTests {
    @Test("all parts are read and decoded")
    func full() throws {
        let url = try StoreURL(
            "MySQL://app:p%40s%2Fs%3A@db.example.com:3306,db2:3307,[2001:db8::1]:1,[::1]/my%20app?pool=16&name=a%26b"
        )
        #expect(url.scheme == "mysql")
        #expect(url.user == "app")
        #expect(url.password == "p@s/s:")
        #expect(
            url.hosts == [
                .init(name: "db.example.com", port: 3306), .init(name: "db2", port: 3307),
                .init(name: "2001:db8::1", port: 1), .init(name: "::1"),
            ]
        )
        #expect(url.path == "/my app")
        #expect(url.parameters == ["pool": "16", "name": "a&b"])
    }

    @Test(
        "the short form has a path and parameters only",
        arguments: [
            ("memory:", ""), ("file:./tmp", "./tmp"), ("file:/var/sessions", "/var/sessions"),
            ("file:///var/x", "/var/x"),
            ("file:a%3Fb%23c?durability=flushed", "a?b#c"), ("file:a@b", "a@b"), ("file:../a,b", "../a,b"),
            ("redis+unix:/run/redis.sock", "/run/redis.sock"), ("redis:///0", "/0"),
        ]
    )
    func paths(text: String, path: String) throws {
        let url = try StoreURL(text)
        #expect(url.path == path)
        #expect(url.hosts.isEmpty && url.user == nil && url.password == nil)
    }

    @Test("a host may be the path of a local socket")
    func socket() throws {
        let url = try StoreURL("postgresql://app@%2Frun%2Fpostgresql:5433/app")
        #expect(url.hosts == [.init(name: "/run/postgresql", port: 5433)])
        #expect(url.hosts.first?.isSocketPath == true)
        #expect(try StoreURL("redis://h").hosts.first?.isSocketPath == false)
    }

    @Test("a hundred hosts are a hundred hosts")
    func manyHosts() throws {
        let hosts = (1...100).map { "10.0.0.\($0):26379" }
        #expect(try StoreURL("redis_sentinel://" + hosts.joined(separator: ",")).hosts.count == 100)
    }

    // Every text holds the password "5ecret", wherever it ends up when the text is read wrongly.
    static let malformedTexts: [(text: String, part: String)] = [
        ("", "scheme"), ("5ecret", "scheme"), (":5ecret", "scheme"), ("1redis://:5ecret@h", "scheme"),
        ("re dis://:5ecret@h", "scheme"), ("redis://u:5ecret@h\r\nFLUSHALL", "control character"),
        ("redis://u:5ecret%0D%0A@h", "password contains a control character"),
        ("redis://u%00:5ecret@h", "user contains a control character"),
        ("mysql://u:5ecret@h/db%0A", "path contains a control character"),
        ("redis://u:5ecret@h?a=%0D", "\"a\" contains a control character"), ("redis://u:5ecret%@h", "password"),
        ("redis://u:5ecret%4@h", "password"), ("redis://u:5ecret%zz@h", "password"), ("redis://u:5ecret%FF@h", "UTF-8"),
        ("redis://u:5ecret@h#x", "%23"), ("redis://u:5ecret#x@h", "%23"),
        ("redis://u:p@5ecret@h", "more than one \"@\""),
        ("redis://u:5ecret/x@h", "@"), ("redis://u:12/5ecret@h", "@"), ("redis://u:12?5ecret@h", "@"),
        ("redis://u:5ecret?x@h:1", "@"), ("redis://u:5ecret@", "host is missing"),
        ("redis://u:5ecret@h:0", "port"), ("redis://u:5ecret@h:65536", "port"), ("redis://u:5ecret@h:-1", "port"),
        ("redis://u:5ecret@h:", "port"), ("redis://u:5ecret@h:6379x", "port"), ("redis://u:5ecret", "port"),
        ("redis://u:5ecret@::1:6379", "brackets"), ("redis://u:5ecret@[::1", "]"), ("redis://u:5ecret@[h]:1", "IPv6"),
        ("redis://u:5ecret@[::1]6379", "brackets"), ("redis://u:5ecret@h,,i", "host is empty"),
        ("redis://u:5ecret@h,", "host is empty"), ("redis://u:5ecret@,h", "host is empty"),
        ("redis://u:5ecret@h_\u{E9}", "host"), ("redis://u:5ecret@h;i", "host"), ("redis://u:5ecret@h'--", "host"),
        ("redis://u:5ecret@h?a=1&a=2", "\"a\" stands there twice"), ("redis://u:5ecret@h?=5ecret", "no name"),
    ]

    @Test("4e: a malformed address is an error that names the part and shows no password", arguments: malformedTexts)
    func malformed(text: String, part: String) throws {
        let error = try #require(throws: SessionStoreError.self) { try StoreURL(text) }
        #expect(error.code == .misconfigured)
        #expect(error.message.contains(part))
        for shown in ["\(error)", String(reflecting: error)] {
            #expect(!shown.contains("5ecret"))
            #expect(!shown.utf8.contains { $0 < 0x20 })
        }
    }

    @Test(
        "4e: no description shows the password, or what may be one",
        arguments: [
            "redis://u:5ecret@h:1/0?pool=1", "redis://:5ecret@[::1]", "mysql://h/db?password=5ecret",
            "username:5ecret@tcp(127.0.0.1:3306)/dbname?param=5ecret", "redis://h/?5ecret%20x=1",
        ]
    )
    func redaction(text: String) throws {
        let url = try StoreURL(text)
        var dumped = ""
        dump(url, to: &dumped)
        dump(StoreLocation.url(url), to: &dumped)
        dump(StoreLocation.config(text), to: &dumped)
        let shown = [
            "\(url)", String(reflecting: url), dumped, "\(StoreLocation.url(url))", "\(StoreLocation.config(text))",
            String(reflecting: StoreLocation.config(text)), "\([url])",
        ]
        for text in shown {
            #expect(!text.contains("5ecret"))
            #expect(text.contains("redacted"))
        }
    }

    @Test("what is no secret is shown")
    func description() throws {
        #expect(
            "\(try StoreURL("redis://u:p@h:1,[::1]:2/0?pool=1"))" == "redis://u:redacted@h:1,[::1]:2/0?pool=redacted"
        )
        #expect("\(try StoreURL("file:./tmp"))" == "file:./tmp")
        #expect("\(try StoreURL("mysql://u@h/db"))" == "mysql://u@h/db")
    }

    @Test("unknown parameters are errors that name them and the near ones")
    func unknownParameters() throws {
        let url = try StoreURL("file:x?durabilty=flushed")
        let error = try #require(throws: SessionStoreError.self) { try url.requireParameters(in: ["durability"]) }
        #expect(error.message.contains("\"durabilty\""))
        #expect(error.message.contains("did you mean \"durability\"?"))
        #expect(throws: SessionStoreError.self) { try url.requireParameters(in: []) }
        try StoreURL("file:x?durability=none").requireParameters(in: ["durability"])
    }

    @Test(
        "numbers are read within their range",
        arguments: ["0", "-1", "+1", "11", "1e3", "", "x", "99999999999999999999", "1.0"]
    )
    func numbers(text: String) throws {
        #expect(throws: SessionStoreError.self) { try StoreURL("x:?n=\(text)").integer("n", in: 1...10) }
        #expect(try StoreURL("x:?n=7").integer("n", in: 1...10) == 7)
        #expect(try StoreURL("x:").integer("n", in: 1...10) == nil)
    }

    @Test("bytes changed, lost and added at random never crash the reader or show in its errors")
    func mutations() {
        var random = SplitMix(state: 7)
        let originals = [
            "mysql://app:5ecret@db.example.com:3306,[::1]:3307/app?pool=16&tls=on", "file:./tmp?durability=flushed",
        ].map { Array($0.utf8) }
        for round in 0..<5000 {
            var bytes = originals[round % 2]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = .random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(Array("%/:@?#[],&= ".utf8).randomElement(using: &random) ?? 0, at: index)
                }
            }
            do {
                let url = try StoreURL(String(decoding: bytes, as: UTF8.self))
                #expect(url.hosts.allSatisfy { (1...65535).contains($0.port ?? 1) && !$0.name.isEmpty })
            } catch {
                #expect(!"\(error)".contains("5ecret"))
            }
        }
    }
}
