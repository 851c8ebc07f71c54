import Sessions
import Testing

@Suite("A host and a port")
struct HostAndPortTests {
    @Test(
        "are read as people write them, and written so that they can be read again",
        arguments: [
            ("db1:3307", HostAndPort("db1", port: 3307), "db1:3307"),
            ("db1", HostAndPort("db1", port: 5000), "db1:5000"),
            (":3307", HostAndPort("localhost", port: 3307), "localhost:3307"),
            ("10.0.0.1:1", HostAndPort("10.0.0.1", port: 1), "10.0.0.1:1"),
            ("[2001:db8::1]:65535", HostAndPort("2001:db8::1", port: 65535), "[2001:db8::1]:65535"),
            ("[fe80::1%eth0]", HostAndPort("fe80::1%eth0", port: 5000), "[fe80::1%eth0]:5000"),
        ]
    )
    func reads(text: String, expected: HostAndPort, written: String) throws {
        let read = try HostAndPort(text[...], defaultPort: 5000)
        #expect(read == expected)
        #expect(read.problem == nil)
        #expect(read.description == written)
    }

    @Test(
        "are refused with the reason, and nothing of a password in the wrong place",
        arguments: [
            ("", "a host name or an IP address"), ("5ecret@host:1", "a host name"), ("5ecret host", "a host name"),
            ("h:0", "ports from 1"), ("h:65536", "ports from 1"), ("h:", "ports from 1"), ("h:+1", "ports from 1"),
            ("h:5ecret", "ports from 1"), ("h:000001", "ports from 1"), ("h:１", "ports from 1"),
            ("::1", "square brackets, such as [2001:db8::1]:5000"), ("h:1:2", "square brackets"), ("[::1", "\"]\""),
            ("[5ecret]:1", "an IPv6 address in square brackets"), ("[::1]5ecret", "nothing but a port"),
            ("[fe80::1%a,b]:1", "an IPv6 address in square brackets"), ("[::1]:", "ports from 1"),
        ]
    )
    func refuses(text: String, problem: String) {
        let error = #expect(throws: HostAndPort.Malformed.self) { try HostAndPort(text[...], defaultPort: 5000) }
        #expect(error?.problem.contains(problem) == true)
        #expect(error?.problem.contains("5ecret") == false)
    }

    @Test(
        "that a program has put together are looked at as well",
        arguments: [
            (HostAndPort("h", port: 0), "ports"), (HostAndPort("h", port: 65_536), "ports"),
            (HostAndPort("h", port: -1), "ports"), (HostAndPort("", port: 1), "host names"),
            (HostAndPort("[::1]", port: 1), "host names"), (HostAndPort("a,b", port: 1), "host names"),
            (HostAndPort("a\n", port: 1), "host names"),
            (HostAndPort(String(repeating: "a", count: 254), port: 1), "host names"),
        ]
    )
    func validates(address: HostAndPort, problem: String) {
        #expect(address.problem?.contains(problem) == true)
    }

    @Test("The path of a socket is absolute, short and without control characters")
    func socketPaths() {
        #expect(HostAndPort.problem(ofSocketPath: "/run/redis.sock") == nil)
        #expect(HostAndPort.problem(ofSocketPath: "/" + String(repeating: "a", count: 106)) == nil)
        #expect(HostAndPort.problem(ofSocketPath: "/" + String(repeating: "a", count: 107))?.contains("107") == true)
        #expect(
            HostAndPort.problem(ofSocketPath: "/" + String(repeating: "a", count: 90), limit: 90)?.contains("90")
                == true
        )
        #expect(HostAndPort.problem(ofSocketPath: "run/redis.sock")?.contains("start with") == true)
        #expect(HostAndPort.problem(ofSocketPath: "") != nil)
        #expect(HostAndPort.problem(ofSocketPath: "/run/\u{7F}")?.contains("control characters") == true)
    }
}
