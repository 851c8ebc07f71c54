import HTTPTypes
import Testing

@testable import Sessions

@Suite("Cookie configuration")
struct SessionCookieTests {
    @Test("R18-R21, R39, R43, R25: the default cookie is the secure one and says nothing of the library")
    func defaults() throws {
        let cookie = SessionCookie()
        try cookie.validate()
        let token = SessionToken(from: SystemSessionRandom())
        #expect(
            SessionCookieWriter(cookie).setField(token: token, isSecureRequest: false)
                == "__Host-session=\(token.secret); Path=/; Secure; HttpOnly; SameSite=Lax"
        )
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let cookie: SessionCookie
        /// The property that the error names, or `nil` if the configuration is right.
        let property: String?
        var testDescription: String { "\(cookie.name.prefix(20)) \(property ?? "accepted")" }

        init(_ property: String?, _ change: (inout SessionCookie) -> Void) {
            var cookie = SessionCookie(name: "sid")
            change(&cookie)
            self.cookie = cookie
            self.property = property
        }
    }

    static let matrix: [Row] = [
        Row(nil) { _ in },
        Row(nil) { $0.name = "gosessionid" },
        Row(nil) { $0.name = "!#$%&'*+-.^_`|~09azAZ" },
        Row("name") { $0.name = "" },
        Row("name") { $0.name = "a b" },
        Row("name") { $0.name = "a=b" },
        Row("name") { $0.name = "a;b" },
        Row("name") { $0.name = "a\r\nSet-Cookie: x" },
        Row("name") { $0.name = "a,b" },
        Row("name") { $0.name = "sitzung\u{E4}" },
        Row("name") { $0.name = "a\u{0}" },
        Row("name") { $0.name = "\"sid\"" },
        Row(nil) { $0.name = String(repeating: "a", count: 4096 - 43) },
        Row("name") { $0.name = String(repeating: "a", count: 4096 - 42) },
        // R20, R51: prefixes
        Row(nil) { $0.name = "__Host-x" },
        Row("security") { ($0.name, $0.security) = ("__Host-x", .matchingRequest) },
        Row("security") { ($0.name, $0.security) = ("__Host-x", .never) },
        Row("domain") { ($0.name, $0.domain) = ("__Host-x", "example.com") },
        Row("path") { ($0.name, $0.path) = ("__Host-x", "/app") },
        Row("path") { ($0.name, $0.path) = ("__hOsT-x", "/app") },
        Row(nil) { ($0.name, $0.isHTTPOnly) = ("__Host-x", false) },
        Row("security") { ($0.name, $0.security) = ("__Secure-x", .never) },
        Row("security") { ($0.name, $0.security) = ("__SECURE-x", .matchingRequest) },
        Row(nil) { ($0.name, $0.domain, $0.path) = ("__Secure-x", "example.com", "/app") },
        Row(nil) { ($0.name, $0.domain) = ("__Http-x", "example.com") },
        Row("isHTTPOnly") { ($0.name, $0.isHTTPOnly) = ("__Http-x", false) },
        Row("security") { ($0.name, $0.security) = ("__Http-x", .never) },
        Row(nil) { $0.name = "__Host-Http-x" },
        Row("isHTTPOnly") { ($0.name, $0.isHTTPOnly) = ("__host-http-x", false) },
        Row("domain") { ($0.name, $0.domain) = ("__Host-Http-x", "example.com") },
        // R19, R55: SameSite
        Row(nil) { $0.sameSite = .none },
        Row("security") { ($0.sameSite, $0.security) = (.none, .never) },
        Row("security") { ($0.sameSite, $0.security) = (.none, .matchingRequest) },
        Row(nil) { ($0.sameSite, $0.security) = (.unspecified, .never) },
        Row(nil) { $0.sameSite = .strict },
        // R58: Partitioned
        Row(nil) { $0.isPartitioned = true },
        Row("security") { ($0.isPartitioned, $0.security) = (true, .matchingRequest) },
        // R48, R54: Path and Domain
        Row(nil) { $0.path = "/a b/%20" },
        Row("path") { $0.path = "" },
        Row("path") { $0.path = "app" },
        Row("path") { $0.path = "/a;b" },
        Row("path") { $0.path = "/a\r\nX: y" },
        Row("path") { $0.path = "/a\u{7F}" },
        Row("path") { $0.path = "/\u{E4}" },
        Row("path") { $0.path = "/a " },
        Row(nil) { $0.path = "/" + String(repeating: "a", count: 1023) },
        Row("path") { $0.path = "/" + String(repeating: "a", count: 1024) },
        Row(nil) { $0.domain = "example.com" },
        Row(nil) { $0.domain = "a-b.xn--bcher-kva.example" },
        Row("domain") { $0.domain = "" },
        Row("domain") { $0.domain = "https://example.com" },
        Row("domain") { $0.domain = "example.com:8080" },
        Row("domain") { $0.domain = ".example.com" },
        Row("domain") { $0.domain = "example.com." },
        Row("domain") { $0.domain = "example..com" },
        Row("domain") { $0.domain = "com" },
        Row("domain") { $0.domain = "localhost" },
        Row("domain") { $0.domain = "127.0.0.1" },
        Row("domain") { $0.domain = "[::1]" },
        Row("domain") { $0.domain = "example.com; Secure" },
        Row("domain") { $0.domain = "exam\r\nple.com" },
        Row("domain") { $0.domain = "b\u{FC}cher.example" },
        Row("domain") { $0.domain = "-a.example" },
        Row("domain") { $0.domain = "*.example.com" },
        Row("domain") { $0.domain = String(repeating: "a", count: 64) + ".example" },
        Row("domain") { $0.domain = String(repeating: "a.", count: 127) + "example" },
        // R54, T1, CVE-2017-18589: Max-Age
        Row(nil) { $0.maximumAge = .seconds(1) },
        Row(nil) { $0.maximumAge = .seconds(34_560_000) },
        Row("maximumAge") { $0.maximumAge = .seconds(34_560_001) },
        Row("maximumAge") { $0.maximumAge = .zero },
        Row("maximumAge") { $0.maximumAge = .milliseconds(999) },
        Row("maximumAge") { $0.maximumAge = .seconds(-1) },
        Row("maximumAge") { $0.maximumAge = .seconds(Int64.max) },
        Row("maximumAge") { $0.maximumAge = .seconds(Int64.min) },
    ]

    @Test("R20, R48, R54, R58: what browsers would reject fails at start-up and names the property", arguments: matrix)
    func configuration(row: Row) throws {
        guard let property = row.property else {
            try row.cookie.validate()
            return
        }
        let error = try #require(throws: SessionError.self) { try row.cookie.validate() }
        #expect(error.code == .misconfigured)
        #expect(error.message.hasPrefix("SessionCookie.\(property) "))
        #expect(!error.message.utf8.contains { $0 < 0x20 })
    }
}

@Suite("Set-Cookie")
struct SessionCookieWriterTests {
    private let token = SessionToken(from: SystemSessionRandom())

    @Test("R48, CVE-2007-3799: the value is a token of cookie octets, the attributes come once each")
    func grammar() throws {
        let cookie = SessionCookie(
            name: "__Secure-x",
            path: "/app",
            domain: "example.com",
            sameSite: .none,
            maximumAge: .seconds(90),
            isPartitioned: true
        )
        try cookie.validate()
        let field = SessionCookieWriter(cookie).setField(token: token, isSecureRequest: false)
        #expect(
            field == "__Secure-x=\(token.secret); Path=/app; Domain=example.com; Max-Age=90; Secure; HttpOnly"
                + "; SameSite=None; Partitioned"
        )
        #expect(HTTPField.isValidValue(field))
    }

    @Test("R13, R50, R58, D37: deleting repeats the attributes that set the cookie, with Max-Age 0 and a past Expires")
    func deletion() {
        let cookie = SessionCookie(
            name: "__Secure-x",
            path: "/app",
            domain: "example.com",
            sameSite: .none,
            maximumAge: .seconds(90),
            isPartitioned: true
        )
        #expect(
            SessionCookieWriter(cookie).deletionField(isSecureRequest: false)
                == "__Secure-x=; Path=/app; Domain=example.com; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure"
                + "; HttpOnly; SameSite=None; Partitioned"
        )
    }

    @Test("Secure follows the configuration, and with .matchingRequest the request")
    func security() {
        func isSecure(_ security: SessionCookie.Security, _ isSecureRequest: Bool) -> [Bool] {
            let writer = SessionCookieWriter(SessionCookie(name: "sid", security: security))
            return [
                writer.setField(token: token, isSecureRequest: isSecureRequest),
                writer.deletionField(isSecureRequest: isSecureRequest),
            ].map { $0.contains("; Secure") }
        }
        #expect(isSecure(.always, false) == [true, true])
        #expect(isSecure(.always, true) == [true, true])
        #expect(isSecure(.matchingRequest, false) == [false, false])
        #expect(isSecure(.matchingRequest, true) == [true, true])
        #expect(isSecure(.never, true) == [false, false])
    }

    @Test("SameSite and HttpOnly are written as configured")
    func attributes() {
        func field(_ sameSite: SessionCookie.SameSite, isHTTPOnly: Bool = true) -> String {
            SessionCookieWriter(SessionCookie(name: "sid", isHTTPOnly: isHTTPOnly, sameSite: sameSite))
                .deletionField(isSecureRequest: true)
        }
        #expect(field(.strict).hasSuffix("; SameSite=Strict"))
        #expect(field(.lax).hasSuffix("; SameSite=Lax"))
        #expect(field(.none).hasSuffix("; SameSite=None"))
        #expect(field(.unspecified).hasSuffix("; HttpOnly"))
        #expect(!field(.lax, isHTTPOnly: false).contains("HttpOnly"))
    }

    @Test("fractions of a second are left out of Max-Age, and the longest lifetime is written in full")
    func maximumAge() {
        func field(_ age: Duration) -> String {
            SessionCookieWriter(SessionCookie(name: "sid", maximumAge: age)).setField(
                token: token,
                isSecureRequest: true
            )
        }
        #expect(field(.milliseconds(1999)).contains("; Max-Age=1;"))
        #expect(field(.seconds(34_560_000)).contains("; Max-Age=34560000;"))
    }
}

@Suite("Response fields")
struct SessionResponseFieldsTests {
    @Test("R33, CVE-2023-30861, CVE-2026-27205: a session that was looked at makes the response vary by cookie")
    func vary() throws {
        var fields = HTTPFields()
        fields.addSessionVary(cookie: true, headerName: nil)
        fields.addSessionVary(cookie: true, headerName: nil)
        #expect(fields[values: .vary] == ["Cookie"])
        let name = try #require(HTTPField.Name("X-Session"))
        fields.addSessionVary(cookie: true, headerName: name)
        #expect(fields[.vary] == "Cookie, X-Session")
    }

    @Test(
        "an existing Vary is kept and extended",
        arguments: [
            (["Accept-Encoding"], "Accept-Encoding, Cookie"), (["*"], "*"), (["Accept, *"], "Accept, *"),
            (["cookie"], "cookie"), (["Accept", "COOKIE"], "Accept, COOKIE"),
            (["Accept", "Origin"], "Accept, Origin, Cookie"),
            ([""], "Cookie"), (["X-Cookie"], "X-Cookie, Cookie"), ([" , "], "Cookie"),
        ]
    )
    func existingVary(values: [String], expected: String) {
        var fields = HTTPFields()
        fields[values: .vary] = values
        fields.addSessionVary(cookie: true, headerName: nil)
        #expect(fields[.vary] == expected)
    }

    @Test("without cookie and header nothing varies")
    func noVary() {
        var fields = HTTPFields()
        fields.addSessionVary(cookie: false, headerName: nil)
        #expect(fields.isEmpty)
    }

    @Test(
        "R33, CVE-2022-24894: a response that sets the cookie is not stored, whatever the handler said",
        arguments: [
            (nil, "no-store"), ("public, max-age=600", "no-store"), ("private", "no-store"), ("", "no-store"),
            ("no-store", "no-store"), ("private, NO-STORE", "private, NO-STORE"), ("no-storefront", "no-store"),
            ("x=\"no-store, y\"", "no-store"), ("max-age=1,no-store", "max-age=1,no-store"),
        ] as [(String?, String)]
    )
    func cacheControl(existing: String?, expected: String) {
        var fields = HTTPFields()
        fields[.cacheControl] = existing
        fields.setSessionCookie("sid=x", named: "sid")
        #expect(fields[.cacheControl] == expected)
        #expect(fields[values: .setCookie] == ["sid=x"])
    }

    @Test("fields for single caches, which would overrule Cache-Control, are removed")
    func targetedCacheControl() throws {
        var fields = HTTPFields()
        for name in ["CDN-Cache-Control", "Surrogate-Control", "Example-CDN-Cache-Control"] {
            fields[try #require(HTTPField.Name(name))] = "max-age=600"
        }
        fields.setSessionCookie("sid=x", named: "sid")
        #expect(fields.count == 2)
    }

    @Test("R49, D8: a response sets our cookie once, and other cookies stay")
    func oneSetCookie() {
        var fields = HTTPFields()
        fields[values: .setCookie] = [
            "a=1; Path=/", "sid=old; Path=/", " sid =older", "SID=other", "sidx=1", "b=sid=2",
        ]
        fields.setSessionCookie("sid=new", named: "sid")
        #expect(fields[values: .setCookie] == ["a=1; Path=/", "SID=other", "sidx=1", "b=sid=2", "sid=new"])
        fields.setSessionCookie("sid=newest", named: "sid")
        #expect(fields[values: .setCookie].filter { $0.hasPrefix("sid=") } == ["sid=newest"])
    }

    @Test("the header transport writes the token once")
    func header() throws {
        let name = try #require(HTTPField.Name("X-Session"))
        let token = SessionToken(from: SystemSessionRandom())
        var fields = HTTPFields()
        fields[values: name] = ["a", "b"]
        fields.setSessionHeader(token, name: name)
        #expect(fields[values: name] == [token.secret])
        #expect(fields[.cacheControl] == "no-store")
    }
}
