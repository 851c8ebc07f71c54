import HTTPTypes
import Sessions
import Testing

@testable import SessionsTesting

@Suite struct SessionCookieJarTests {
    let clock = ManualSessionClock(now: SessionInstant(millisecondsSince1970: 1_700_000_000_000))

    private func makeJar(_ fields: String..., path: String = "/", isSecure: Bool = true) -> SessionCookieJar {
        var jar = SessionCookieJar(host: "app.example.com", clock: clock)
        for field in fields { jar.receive([.setCookie: field], path: path, isSecure: isSecure) }
        return jar
    }

    @Test("Cookies go back under name and path, longer paths first")
    func namesAndPaths() {
        let jar = makeJar("a=1; Path=/", "a=2; Path=/admin", "b=\"x=y\"; Path=/", "c=3; Path=/adm")
        #expect(jar.field(path: "/") == "a=1; b=\"x=y\"")
        #expect(jar.field(path: "/admin/users") == "a=2; a=1; b=\"x=y\"")
        #expect(jar.field(path: "/administrator") == "a=1; b=\"x=y\"")
        #expect(jar["b"] == "\"x=y\"")
        #expect(makeJar("a=1", path: "/shop/cart").field(path: "/shop/") == "a=1")
        #expect(makeJar("a=1", path: "/shop/cart").field(path: "/") == nil)
        #expect(SessionCookieJar().field() == nil)
    }

    @Test("Max-Age and Expires end a cookie by the clock, Max-Age first, and zero deletes")
    func ends() {
        var jar = makeJar("a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "b=2; Path=/")
        clock.advance(by: .milliseconds(59_999))
        #expect(jar["a"] == "1")
        clock.advance(by: .milliseconds(1))
        #expect(jar["a"] == nil)
        jar.receive([.setCookie: "b=; Max-Age=0; Path=/admin"])
        #expect(jar["b"] == "2")
        jar.receive([.setCookie: "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"])
        #expect(jar["b"] == nil)
        #expect(jar.cookies.isEmpty)
        jar.receive([.setCookie: "c=3"])
        jar.receive([.setCookie: "d=4; Max-Age=100"])
        jar.closeBrowser()
        #expect(jar.cookies.map(\.name) == ["d"])
    }

    @Test(
        "Dates are those of the Gregorian calendar",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000 as Int64?), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199_000), ("Tue, 01-Mar-2022 00:00:00 GMT", 1_646_092_800_000),
            ("tomorrow", nil), ("Sun, 06 Nov 1994 25:00:00 GMT", nil), ("Sun, 32 Nov 1994 08:49:37 GMT", nil),
        ]
    )
    func dates(text: String, milliseconds: Int64?) {
        #expect(SessionCookieJar.date(text)?.millisecondsSince1970 == milliseconds)
    }

    @Test("Secure cookies stay off plain HTTP, and plain HTTP cannot set or replace them")
    func secure() {
        var jar = makeJar("a=1; Secure; Path=/", "b=2; Path=/")
        #expect(jar.field(isSecure: false) == "b=2")
        jar.receive([.setCookie: "a=planted; Path=/"], isSecure: false)
        #expect(jar["a"] == "1")
        #expect(makeJar("a=1; Secure", isSecure: false).cookies.isEmpty)
    }

    @Test(
        "Browsers refuse cookies whose prefix promises what their attributes do not keep",
        arguments: [
            ("__Host-a=1; Secure; Path=/", true), ("__Host-a=1; Path=/", false), ("__Host-a=1; Secure", false),
            ("__host-a=1; Secure; Path=/x", false), ("__Host-a=1; Secure; Path=/; Domain=example.com", false),
            ("__Secure-a=1; Secure", true), ("__Secure-a=1", false), ("a=1; Domain=example.com", true),
            ("a=1; Domain=.example.com", true), ("a=1; Domain=other.com", false), ("a=1; Domain=ample.com", false),
            ("noequals", false),
        ]
    )
    func prefixes(field: String, isKept: Bool) {
        #expect(makeJar(field).cookies.isEmpty == !isKept)
    }

    @Test("Requests get their field, responses keep theirs")
    func requests() {
        var jar = SessionCookieJar(clock: clock)
        var request = HTTPRequest(method: .get, scheme: "https", authority: "localhost", path: "/a?b#c")
        jar.receive([.setCookie: "a=1; Path=/a; Secure; HttpOnly"], for: request)
        jar.add(to: &request)
        #expect(request.headerFields[.cookie] == "a=1")
        #expect(jar.cookies.first?.isHTTPOnly == true)
        request.scheme = "http"
        jar.add(to: &request)
        #expect(request.headerFields[.cookie] == nil)
    }
}
