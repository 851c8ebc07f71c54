import Testing

@testable import Sessions

@Suite("Address ranges")
struct AddressRangeTests {
    @Test(
        "a range contains its addresses and no others",
        arguments: [
            ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.0.0.1/8", "10.2.3.4", true),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("0.0.0.0/0", "203.0.113.9", true),
            ("192.0.2.0/31", "192.0.2.1", true), ("192.0.2.0/31", "192.0.2.2", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::1", false), ("::1", "::1", true),
            ("::/0", "2001:db8::1", true), ("fe80::/10", "fe80::1%eth0", true), ("fe80::1", "fe80::1%25eth0", true),
            // IPv4 addresses in IPv6 clothes are IPv4 addresses, and no others are.
            ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("10.0.0.0/8", "::FFFF:0a01:0203", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true), ("::ffff:0.0.0.0/96", "203.0.113.9", true),
            ("::ffff:10.1.2.3", "10.1.2.3", true), ("::ffff:10.1.2.3", "10.1.2.4", false),
            ("::/0", "10.1.2.3", false), ("0.0.0.0/0", "::1", false), ("10.0.0.0/8", "::10.1.2.3", false),
            // No addresses.
            ("0.0.0.0/0", "", false), ("0.0.0.0/0", "/run/server.sock", false), ("0.0.0.0/0", "localhost", false),
            ("0.0.0.0/0", "10.0.0.1:80", false), ("0.0.0.0/0", "010.0.0.1", false), ("0.0.0.0/0", "1", false),
            ("0.0.0.0/0", "10.0.0.1\u{0}", false), ("::/0", "[::1]", false),
        ]
    )
    func contains(range: String, address: String, expected: Bool) throws {
        #expect(try #require(AddressRange(range)).contains(address) == expected)
    }

    @Test(
        "what is no range is refused",
        arguments: [
            "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8/8",
            "10.0.0/8",
            "10.0.0.0/8 ", " 10.0.0.0/8", "::/129", "::ffff:10.0.0.0/95", "::ffff:10.0.0.0/129", "[::1]",
            "fe80::1%eth0",
            "localhost", "10.0.0.0/9999999999999999999999", "10.0.0.0/\u{664}", "*", "10.*", "10.0.0.0-10.0.0.9",
            "10.0.0.0\u{0}/8",
        ]
    )
    func malformed(text: String) {
        #expect(AddressRange(text) == nil)
    }

    @Test("ranges that cover the same addresses are equal")
    func equality() {
        #expect(AddressRange("10.1.2.3/8") == AddressRange("10.0.0.0/8"))
        #expect(AddressRange("::ffff:10.0.0.0/104") == AddressRange("10.0.0.0/8"))
        #expect(AddressRange("10.0.0.0/8") != AddressRange("10.0.0.0/9"))
    }

    @Test("the named ranges are those of their documents")
    func named() {
        #expect(AddressRange.loopback == ["127.0.0.0/8", "::1"].compactMap(AddressRange.init))
        let privateNetworks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
        #expect(AddressRange.privateNetworks == privateNetworks.compactMap(AddressRange.init))
    }
}
