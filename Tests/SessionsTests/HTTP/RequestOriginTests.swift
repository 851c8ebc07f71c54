import HTTPTypes
import Testing

@testable import Sessions

@Suite("Where requests come from")
struct RequestOriginTests {
    private func origin(
        _ fields: [(String, String)],
        scheme: String? = "http",
        peer: String? = "10.0.0.1",
        trusted: [String] = ["10.0.0.0/8"]
    ) -> RequestOrigin {
        var httpFields = HTTPFields()
        for (name, value) in fields {
            if let name = HTTPField.Name(name) { httpFields.append(HTTPField(name: name, value: value)) }
        }
        return RequestOrigin(
            scheme: scheme,
            peerAddress: peer,
            fields: httpFields,
            trustedProxies: trusted.compactMap(AddressRange.init)
        )
    }

    @Test("without proxies the connection counts")
    func direct() {
        #expect(origin([], scheme: "https", peer: "203.0.113.9", trusted: []).isSecure)
        #expect(origin([], scheme: "HTTPS").isSecure)
        #expect(!origin([], scheme: nil).isSecure)
        #expect(origin([], peer: "203.0.113.9", trusted: []).clientAddress == "203.0.113.9")
        #expect(origin([], peer: nil).clientAddress == nil)
    }

    @Test("R42: strangers who write the proxies' fields are not believed")
    func strangers() {
        let forged = [
            ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "127.0.0.1"),
            ("Forwarded", "for=127.0.0.1;proto=https"),
        ]
        for peer in ["203.0.113.9", "11.0.0.1", "::1"] {
            let origin = origin(forged, peer: peer)
            #expect(!origin.isSecure)
            #expect(origin.clientAddress == peer)
        }
        #expect(!origin(forged, trusted: []).isSecure)
        #expect(!origin(forged, peer: nil).isSecure)
        #expect(!origin(forged, peer: "/run/server.sock").isSecure)
    }

    @Test("a trusted proxy's word on the scheme counts, in both directions")
    func scheme() {
        #expect(origin([("X-Forwarded-Proto", "https")]).isSecure)
        #expect(!origin([("X-Forwarded-Proto", "http")], scheme: "https").isSecure)
        #expect(!origin([("X-Forwarded-Proto", "https, http")]).isSecure)
        #expect(origin([("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "203.0.113.9")]).isSecure)
        #expect(origin([("Forwarded", "for=203.0.113.9; Proto=\"https\"")]).isSecure)
        #expect(origin([], scheme: "https").isSecure)
    }

    @Test(
        "the client is the rightmost hop that is not a trusted proxy",
        arguments: [
            ("203.0.113.9", "203.0.113.9"), ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
            ("6.6.6.6, 203.0.113.9, 10.0.0.7", "203.0.113.9"), ("10.0.0.8, 10.0.0.7", "10.0.0.8"),
            ("203.0.113.9:4711", "203.0.113.9"), ("[2001:db8::1]:443", "2001:db8::1"), ("2001:db8::1", "2001:db8::1"),
            ("6.6.6.6, unknown", nil), ("6.6.6.6, _hidden, 10.0.0.7", nil), ("6.6.6.6,<script>", nil), ("", "10.0.0.1"),
            (",,", "10.0.0.1"), ("6.6.6.6,\u{301}203.0.113.9", nil),
        ] as [(String, String?)]
    )
    func client(field: String, expected: String?) {
        #expect(origin([("X-Forwarded-For", field)]).clientAddress == expected)
    }

    @Test("several X-Forwarded-For fields count as one list")
    func severalFields() {
        #expect(
            origin([("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "203.0.113.9")]).clientAddress == "203.0.113.9"
        )
    }

    @Test("the scheme of the client's own hop counts, not that between the proxies")
    func schemePerHop() {
        let addresses = ("X-Forwarded-For", "203.0.113.9, 10.0.0.7")
        #expect(origin([addresses, ("X-Forwarded-Proto", "https, http")]).isSecure)
        #expect(!origin([addresses, ("X-Forwarded-Proto", "http, https")]).isSecure)
        #expect(origin([("Forwarded", "for=203.0.113.9;proto=https, for=10.0.0.7;proto=http")]).isSecure)
        #expect(!origin([("Forwarded", "for=6.6.6.6;proto=https, for=203.0.113.9;proto=http")]).isSecure)
    }

    @Test(
        "Forwarded is read by RFC 7239",
        arguments: [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"), ("For=\"192.0.2.1:80\"", "192.0.2.1"),
            ("for=6.6.6.6, for=192.0.2.60, for=10.1.1.1", "192.0.2.60"), ("for=unknown", nil), ("for=_gazonk", nil),
            ("for=\"a,for=6.6.6.6\"", nil), ("for=\"\\\",for=6.6.6.6\"", nil), ("proto=https", nil), (";;=;", nil),
        ] as [(String, String?)]
    )
    func forwarded(field: String, expected: String?) {
        #expect(origin([("Forwarded", field)]).clientAddress == expected)
    }

    @Test("where both kinds of fields are there, X-Forwarded counts")
    func both() {
        let origin = origin([("Forwarded", "for=6.6.6.6;proto=https"), ("X-Forwarded-For", "203.0.113.9")])
        #expect(origin.clientAddress == "203.0.113.9")
        #expect(!origin.isSecure)
    }

    @Test("a hundred thousand hops are cut, and the nearest ones count")
    func manyHops() {
        let list = String(repeating: "6.6.6.6, ", count: 100_000) + "203.0.113.9"
        #expect(origin([("X-Forwarded-For", list)]).clientAddress == "203.0.113.9")
    }

    @Test(
        "address classes",
        arguments: [
            ("127.0.0.1", "loopback"), ("127.9.9.9", "loopback"), ("::1", "loopback"), ("::ffff:127.0.0.1", "loopback"),
            ("169.254.1.1", "link-local"), ("fe80::1%eth0", "link-local"), ("10.1.1.1", "private"),
            ("172.16.0.1", "private"), ("172.32.0.1", "public"), ("192.168.1.1", "private"), ("fd00::1", "private"),
            ("100.64.0.1", "private"), ("203.0.113.9", "public"), ("2001:db8::1", "public"), ("", nil), ("x", nil),
            ("0.0.0.0", nil), ("::", nil),
        ] as [(String, String?)]
    )
    func addressClass(address: String, expected: String?) {
        #expect(RequestOrigin.addressClass(of: address) == expected)
        #expect(RequestOrigin.addressClass(of: nil) == nil)
    }
}

@Suite("Client labels")
struct ClientLabelTests {
    @Test(
        "browsers are named with their systems, other programs with their version",
        arguments: [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari on iPhone"
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
                "Safari on Mac"
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
                "Edge on Windows"
            ),
            (
                "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
                "Chrome on Android"
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36",
                "Chrome on Linux"
            ),
            ("curl/8.5.0", "curl 8.5"), ("Wget/1.21.4", "Wget 1.21"),
            ("python-requests/2.31.0", "python-requests 2.31"),
            ("Go-http-client/2.0", "Go-http-client 2.0"), ("MyApp", "MyApp"), ("App/beta (x)", "App"), ("/1.0", "1.0"),
            ("a\u{202E}b<script>/1", "abscript 1"), ("", nil), ("   ", nil), ("()", nil), ("\u{1F600}", nil),
        ] as [(String, String?)]
    )
    func label(userAgent: String, expected: String?) {
        #expect(ClientLabel.label(userAgent: userAgent) == expected)
    }

    @Test("a label is short, however long the field is")
    func length() throws {
        for text in [String(repeating: "a", count: 100_000), "a/" + String(repeating: "1", count: 100_000)] {
            #expect(try #require(ClientLabel.label(userAgent: text)).utf8.count <= 60)
        }
        #expect(ClientLabel.label(userAgent: nil) == nil)
    }
}
