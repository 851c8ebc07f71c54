import HTTPTypes
import Testing

@testable import Sessions

@Suite("The original's configuration")
struct BeegoConfigurationTests {
    /// A configuration with a name and a lifetime besides `fields`.
    private func parse(_ fields: String...) throws -> BeegoConfiguration {
        try BeegoConfiguration(
            json: "{"
                + ([#""cookieName":"gosessionid""#, #""enableSetCookie":true"#, #""gclifetime":3600"#] + fields)
                .joined(separator: ",") + "}"
        )
    }

    private func error(_ json: String) throws -> SessionError {
        let error = try #require(throws: SessionError.self) { try BeegoConfiguration(json: json) }
        #expect(error.code == .misconfigured)
        #expect(!error.message.contains("5ecret"))
        return error
    }

    private func fieldError(_ fields: String...) throws -> SessionError {
        try error(
            "{" + ([#""cookieName":"gosessionid""#, #""gclifetime":3600"#] + fields).joined(separator: ",") + "}"
        )
    }

    private func expectWarning(_ configuration: BeegoConfiguration, _ words: String..., line: Int = #line) {
        #expect(configuration.warnings.contains { text in words.allSatisfy { text.contains($0) } }, "line \(line)")
    }

    @Test("compat: the shortest sample")
    func shortest() throws {
        let parsed = try BeegoConfiguration(json: #"{"cookieName":"gosessionid","gclifetime":3600}"#)
        #expect(parsed.configuration.cookie == SessionCookie(name: "gosessionid", security: .matchingRequest))
        #expect(parsed.configuration.name == "gosessionid")
        #expect(parsed.configuration.lifetime == .init(idle: .seconds(3600), absolute: .seconds(86_400)))
        #expect(parsed.configuration.sweepInterval == .seconds(3600))
        #expect(parsed.configuration.headerName == nil && parsed.configuration.queryParameter == nil)
        #expect(parsed.providerConfig == "")
        #expect(parsed.providerName == "memory" && parsed.isEnabled)
        // D31: the original sends no cookie with this, its own sample.
        #expect(parsed.warnings.count == 1)
        expectWarning(parsed, "enableSetCookie", "is missing")
    }

    @Test(
        "compat: the provider's configuration passes through unread",
        arguments: [
            "./tmp", "127.0.0.1:6379,100,astaxie", "127.0.0.1:6379,100,astaxie,0,30",
            "127.0.0.1:26379;127.0.0.2:26379,100,1qaz2wsx,0,mymaster", "127.0.0.1:6379;127.0.0.1:6380,100,test,0",
            "username:password@protocol(address)/dbname?param=value",
            "user=pqgotest dbname=pqgotest sslmode=verify-full", "127.0.0.1:11211",
        ]
    )
    func providerConfig(config: String) throws {
        #expect(try parse(#""ProviderConfig":"\#(config)""#).providerConfig == config)
    }

    @Test("compat: JSON inside JSON passes through")
    func nestedConfig() throws {
        let inner = #"{"cookieName":"gosessionid","securityKey":"beegocookiehashkey"}"#
        let escaped = inner.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"")
        #expect(try parse(#""providerConfig":"\#(escaped)""#).providerConfig == inner)
        #expect(try fieldError(#""providerConfig":{"securityKey":"5ecret"}"#).message.contains("providerConfig"))
    }

    @Test("compat: the misspelled sample of the original's documentation is read, with a warning")
    func misspelledSample() throws {
        let parsed = try BeegoConfiguration(
            json: #"""
                {"cookieName":"gosessionid", "enableSetCookie,omitempty": true, "gclifetime":3600, "maxLifetime": 3600,
                 "secure": false, "sessionIDHashFunc": "sha1", "sessionIDHashKey": "", "cookieLifeTime": 3600,
                 "providerConfig": ""}
                """#
        )
        expectWarning(parsed, "enableSetCookie,omitempty", "did you mean \"enableSetCookie\"?")
        expectWarning(parsed, "sessionIDHashFunc", "ignored")
        expectWarning(parsed, "sessionIDHashKey", "ignored")
        #expect(parsed.configuration.cookie?.maximumAge == .seconds(3600))
        #expect(parsed.configuration.cookie?.security == .never)
    }

    @Test("names have no case, and every field is mapped")
    func everyField() throws {
        let parsed = try BeegoConfiguration(
            json: #"""
                {"COOKIENAME":"sid","EnableSetCookie":true,"GcLifetime":60,"Maxlifetime":100000,"DisableHTTPOnly":true,
                 "Secure":true,"CookieLifeTime":7200,"ProviderConfig":"x","Domain":".example.com","SessionIDLength":32,
                 "SessionIDPrefix":"p-","enablesidinhttpheader":true,"sessionnameinhttpheader":"x-session-id",
                 "enablesidinurlquery":true,"CookieSameSite":4}
                """#
        )
        let configuration = parsed.configuration
        #expect(
            configuration.cookie
                == SessionCookie(
                    name: "sid",
                    domain: "example.com",
                    isHTTPOnly: false,
                    sameSite: .none,
                    maximumAge: .seconds(7200)
                )
        )
        #expect(configuration.lifetime == .init(idle: .seconds(100_000), absolute: .seconds(100_000)))
        #expect(configuration.sweepInterval == .seconds(60))
        #expect(configuration.headerName?.canonicalName == "x-session-id")
        #expect(configuration.queryParameter == "sid")
        #expect(parsed.providerConfig == "x")
        let warned = [
            "disableHTTPOnly", "domain", "sessionIDLength", "sessionIDPrefix", "EnableSidInHTTPHeader",
            "EnableSidInURLQuery",
        ]
        for field in warned { expectWarning(parsed, "\(field): ") }
        #expect(parsed.warnings.count == warned.count)
    }

    @Test("secure: true, false and missing; a name with a prefix is always Secure")
    func security() throws {
        #expect(try parse(#""secure":true"#).configuration.cookie?.security == .always)
        #expect(try parse(#""secure":false"#).configuration.cookie?.security == .never)
        #expect(try parse().configuration.cookie?.security == .matchingRequest)
        let prefixed = try BeegoConfiguration(json: #"{"cookieName":"__Host-a","gclifetime":1}"#)
        #expect(prefixed.configuration.cookie?.security == .always)
        #expect(try error(#"{"cookieName":"__Host-a","gclifetime":1,"secure":false}"#).message.hasPrefix("secure: "))
    }

    @Test(
        "cookieSameSite has Go's numbers",
        arguments: [(0, .unspecified), (1, .unspecified), (2, .lax), (3, .strict)] as [(Int, SessionCookie.SameSite)]
    )
    func sameSite(number: Int, expected: SessionCookie.SameSite) throws {
        let parsed = try parse(#""cookieSameSite":\#(number)"#)
        #expect(parsed.configuration.cookie?.sameSite == expected)
        #expect(parsed.warnings.contains { $0.contains("cookieSameSite") } == (number < 2))
        #expect(try parse().configuration.cookie?.sameSite == .lax)
    }

    @Test("cookieSameSite: None needs Secure, other numbers are none")
    func sameSiteErrors() throws {
        #expect(
            try parse(#""cookieSameSite":4"#, #""secure":true"#).configuration.cookie?.sameSite
                == SessionCookie.SameSite.none
        )
        for fields in [#""cookieSameSite":4"#, #""cookieSameSite":5"#, #""cookieSameSite":-1"#] {
            #expect(try fieldError(fields).message.hasPrefix("cookieSameSite: "))
        }
    }

    @Test("maxLifetime 0 or missing means gclifetime, as documented")
    func lifetimes() throws {
        #expect(try parse(#""maxLifetime":0"#).configuration.lifetime.idle == .seconds(3600))
        expectWarning(try parse(#""maxLifetime":0"#), "maxLifetime")
        #expect(try parse(#""maxLifetime":60"#).configuration.lifetime.idle == .seconds(60))
        #expect(try parse(#""maxLifetime":60"#).configuration.sweepInterval == .seconds(3600))
        let neither = try BeegoConfiguration(json: #"{"cookieName":"a"}"#)
        #expect(neither.configuration.lifetime == .init())
        #expect(neither.configuration.sweepInterval == .seconds(60))
        expectWarning(neither, "maxLifetime", "gclifetime")
    }

    @Test(
        "D28, T1: lifetimes that are zero, negative or too large are errors that name the field",
        arguments: [
            ("gclifetime", "0"), ("gclifetime", "-1"), ("gclifetime", "9223372036854775807"),
            ("gclifetime", "34560001"),
            ("gclifetime", "9223372036854775808"), ("gclifetime", "1.5"), ("gclifetime", "1e3"),
            ("maxLifetime", "-3600"),
            ("maxLifetime", "0"), ("maxLifetime", "-9223372036854775808"), ("cookieLifeTime", "-1"),
        ]
    )
    func lifetimeErrors(field: String, number: String) throws {
        #expect(try error(#"{"cookieName":"a","\#(field)":\#(number)}"#).message.hasPrefix("\(field): "))
    }

    @Test("cookieLifeTime: 0 means as long as the browser runs, and browsers keep no cookie longer than 400 days")
    func cookieLifeTime() throws {
        #expect(try parse(#""cookieLifeTime":0"#).configuration.cookie?.maximumAge == nil)
        let long = try parse(#""cookieLifeTime":9223372036854775807"#)
        #expect(long.configuration.cookie?.maximumAge == .seconds(34_560_000))
        expectWarning(long, "cookieLifeTime", "400 days")
    }

    @Test("D37: a header's name in any case is accepted, one that is none is an error")
    func headerName() throws {
        let parsed = try parse(#""EnableSidInHTTPHeader":true"#, #""SessionNameInHTTPHeader":"beegoSessionID""#)
        #expect(parsed.configuration.headerName?.canonicalName == "beegosessionid")
        for name in [#""""#, #""a b""#, #""a\r\nb""#, #""é""#, "null"] {
            let error = try fieldError(#""EnableSidInHTTPHeader":true"#, #""SessionNameInHTTPHeader":\#(name)"#)
            #expect(error.message.hasPrefix("SessionNameInHTTPHeader: "))
        }
        #expect(try parse(#""SessionNameInHTTPHeader":"x""#).configuration.headerName == nil)
    }

    @Test("without any way to hand out a token the configuration is refused; with a header the cookie goes")
    func noCookie() throws {
        #expect(try fieldError(#""enableSetCookie":false"#).message.hasPrefix("enableSetCookie: "))
        let parsed = try BeegoConfiguration(
            json:
                #"{"cookieName":"a","gclifetime":1,"enableSetCookie":false,"EnableSidInHTTPHeader":true,"SessionNameInHTTPHeader":"X-S"}"#
        )
        #expect(parsed.configuration.cookie == nil)
        #expect(parsed.configuration.name == "a")
    }

    @Test(
        "wrong types are errors that name the field",
        arguments: [
            (#""cookieName":1"#, "cookieName"), (#""cookieName":["5ecret"]"#, "cookieName"),
            (#""enableSetCookie":"true""#, "enableSetCookie"), (#""enableSetCookie":1"#, "enableSetCookie"),
            (#""gclifetime":"5ecret""#, "gclifetime"), (#""gclifetime":true"#, "gclifetime"),
            (#""maxLifetime":{"a":[1,{}]}"#, "maxLifetime"), (#""disableHTTPOnly":0"#, "disableHTTPOnly"),
            (#""secure":"5ecret""#, "secure"), (#""cookieLifeTime":1.0"#, "cookieLifeTime"),
            (#""providerConfig":false"#, "providerConfig"), (#""domain":7"#, "domain"),
            (#""sessionIDLength":"16""#, "sessionIDLength"), (#""sessionIDPrefix":0"#, "sessionIDPrefix"),
            (#""enableSidInHTTPHeader":"5ecret""#, "EnableSidInHTTPHeader"),
            (#""cookieSameSite":"lax""#, "cookieSameSite"),
            (#""EnableSidInURLQuery":"yes""#, "EnableSidInURLQuery"),
            (#""enableSidInHTTPHeader":true,"SessionNameInHTTPHeader":1"#, "SessionNameInHTTPHeader"),
        ]
    )
    func types(member: String, field: String) throws {
        let rest = field == "cookieName" ? "" : #","cookieName":"a""#
        #expect(try error("{\(member)\(rest)}").message.hasPrefix("\(field): "))
    }

    @Test("null is as good as missing")
    func null() throws {
        let parsed = try parse(#""maxLifetime":null"#, #""domain":null"#, #""secure":null"#, #""cookieLifeTime":null"#)
        #expect(parsed.configuration.cookie == SessionCookie(name: "gosessionid", security: .matchingRequest))
    }

    @Test(
        "4e: unknown names are errors that name them, and the one that was meant",
        arguments: [
            (#""cookiename2":1"#, "did you mean \"cookieName\"?"), (#""maxLifeTimes":1"#, "\"maxLifetime\"?"),
            (#""securityKey":"5ecret""#, "\"securityKey\""), (#""enableSetCookies":true"#, "\"enableSetCookie\"?"),
            (#""5ecret\r\n":1"#, "unknown field"), (#""":1"#, "unknown field"), (#""a,b":1"#, "\"a,b\""),
        ]
    )
    func unknown(member: String, part: String) throws {
        #expect(try fieldError(member).message.contains(part))
    }

    @Test("an old name for the folder is answered, not lost")
    func savePath() throws {
        expectWarning(try parse(#""SessionSavePath":"./tmp""#), "sessionSavePath", "providerConfig")
    }

    @Test("4e: a name that comes twice is an error, in whatever case")
    func duplicates() throws {
        #expect(try fieldError(#""gcLifetime":60"#).message.hasPrefix("gclifetime: "))
    }

    @Test("the cookie's name is needed, and must be one")
    func cookieName() throws {
        for json in [#"{"gclifetime":1}"#, "{}", #"{"cookieName":""}"#, #"{"cookieName":"a b","gclifetime":1}"#] {
            #expect(try error(json).message.hasPrefix("cookieName: "))
        }
        #expect(try fieldError(#""domain":"https://5ecret""#).message.hasPrefix("domain: "))
        #expect(try fieldError(#""domain":"localhost""#).message.hasPrefix("domain: "))
    }

    @Test(
        "malformed JSON is an error with its place and without its text",
        arguments: [
            "", " ", "5ecret", "[]", "{", "}", "{\"5ecret", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1} x",
            "{\"a\":1}{}", "{a:1}",
            "{'a':1}", "{\"a\":01}", "{\"a\":+1}", "{\"a\":.5}", "{\"a\":1.}", "{\"a\":1e}", "{\"a\":tru}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}",
            "{\"a\":\"\\ud800\\u0041\"}",
            "{\"a\":NaN}", "\u{FEFF}{}", "{\"a\":[1,]}", "{\"a\":{\"b\"}}", "gosessionid,5ecret",
            "{\"a\":" + String(repeating: "[", count: 100_000),
            "{\"a\":" + String(repeating: "{\"a\":", count: 100_000),
        ]
    )
    func malformed(json: String) throws {
        #expect(try error(json).message.contains("at byte"))
    }

    @Test("strings are unescaped")
    func escapes() throws {
        let parsed = try parse(#""providerConfig":"\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00é""#)
        #expect(parsed.providerConfig == "\"\\/\u{8}\u{C}\n\r\tA\u{E9}\u{1F600}\u{E9}")
    }

    @Test("4e: no description shows the provider's configuration string")
    func redaction() throws {
        let parsed = try parse(#""providerConfig":"127.0.0.1:6379,100,5ecret""#)
        var dumped = ""
        dump(parsed, to: &dumped)
        for text in ["\(parsed)", String(reflecting: parsed), dumped] {
            #expect(!text.contains("5ecret"))
            #expect(text.contains("redacted"))
        }
    }

    @Test("bytes changed, lost and added at random never crash the reader or show in its errors")
    func mutations() {
        var random = SplitMix(state: 11)
        let original = Array(
            #"{"cookieName":"sid","gclifetime":3600,"providerConfig":"h,1,5ecret\u0041","secure":true,"x":[1,{"y":null}]}"#
                .utf8
        )
        for _ in 0..<5000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = .random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(Array("{}[]\",:\\0-.eu".utf8).randomElement(using: &random) ?? 0, at: index)
                }
            }
            do {
                let parsed = try BeegoConfiguration(json: String(decoding: bytes, as: UTF8.self))
                #expect(parsed.configuration.lifetime.idle >= .seconds(1))
            } catch {
                #expect(!"\(error)".contains("h,1,5ecret"))
            }
        }
    }
}

@Suite("The original's application settings")
struct BeegoApplicationConfigurationTests {
    @Test("without any key the original's defaults hold, and sessions are off")
    func defaults() throws {
        let parsed = try BeegoConfiguration(applicationConfiguration: ["httpport": "8080", "appname": "x"])
        #expect(!parsed.isEnabled)
        #expect(parsed.providerName == "memory")
        #expect(parsed.configuration.cookie?.name == "beegosessionID")
        #expect(parsed.configuration.lifetime.idle == .seconds(3600))
        #expect(parsed.configuration.headerName == nil)
        #expect(parsed.warnings.isEmpty)
    }

    @Test("every key is mapped, in any case")
    func everyKey() throws {
        let parsed = try BeegoConfiguration(applicationConfiguration: [
            "SessionOn": "true", "sessionprovider": "file", "SessionName": "sid", "sessiongcmaxlifetime": " 60 ",
            "sessionproviderconfig": "\"./tmp\"", "sessiondisablehttponly": "1", "sessioncookielifetime": "120",
            "sessionautosetcookie": "on", "sessiondomain": "example.com", "sessionenablesidinhttpheader": "yes",
            "sessionnameinhttpheader": "X-Sid", "sessionenablesidinurlquery": "T", "sessioncookiesamesite": "3",
            "sessionidprefix": "p",
        ])
        #expect(parsed.isEnabled)
        #expect(parsed.providerName == "file")
        #expect(parsed.providerConfig == "./tmp")
        let cookie = try #require(parsed.configuration.cookie)
        #expect(
            cookie.name == "sid" && cookie.domain == "example.com" && cookie.sameSite == .strict && !cookie.isHTTPOnly
        )
        #expect(cookie.maximumAge == .seconds(120))
        #expect(parsed.configuration.headerName?.canonicalName == "x-sid")
        #expect(parsed.configuration.queryParameter == "sid")
        #expect(parsed.warnings.contains { $0.hasPrefix("sessionidprefix: ") })
    }

    @Test("sessionConfig replaces the other keys")
    func json() throws {
        let parsed = try BeegoConfiguration(applicationConfiguration: [
            "sessionon": "true", "sessionName": "lost", "sessionConfig": #"{"cookieName":"sid","gclifetime":60}"#,
        ])
        #expect(parsed.configuration.cookie?.name == "sid")
        #expect(parsed.warnings.contains { $0.contains("sessionname is ignored") })
    }

    @Test("the old name of the provider's configuration is understood")
    func savePath() throws {
        let parsed = try BeegoConfiguration(applicationConfiguration: ["SessionSavePath": "./tmp"])
        #expect(parsed.providerConfig == "./tmp")
        #expect(parsed.warnings.contains { $0.contains("sessionsavepath") })
    }

    @Test(
        "errors name the key",
        arguments: [
            ("sessionon", "5ecret"), ("sessiongcmaxlifetime", "5ecret"), ("sessiongcmaxlifetime", "0"),
            ("sessiongcmaxlifetime", "-1"), ("sessioncookiesamesite", "lax"), ("sessioncookiesamesite", "9"),
            ("sessionautosetcookie", "false"), ("sessionautosetcookie", "5ecret"), ("sessionname", "a b"),
            ("sessiondomain", "a/b"), ("sessiongcmaxlifetimes", "1"), ("sessioncookielifetime", "99999999999999999999"),
        ]
    )
    func errors(key: String, value: String) throws {
        let error = try #require(throws: SessionError.self) {
            try BeegoConfiguration(applicationConfiguration: [key: value])
        }
        #expect(error.code == .misconfigured)
        #expect(error.message.contains(key))
        #expect(!error.message.contains("5ecret"))
    }

    @Test("a key that comes twice in different cases is an error")
    func duplicates() {
        #expect(throws: SessionError.self) {
            try BeegoConfiguration(applicationConfiguration: ["sessionName": "a", "sessionname": "b"])
        }
    }
}
