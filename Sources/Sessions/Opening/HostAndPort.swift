/// A server's host and port, as addresses and config strings of every store write them.
package struct HostAndPort: Hashable, Sendable, CustomStringConvertible {
    /// A host name or an IP address, without brackets.
    package var host: String
    package var port: Int

    package init(_ host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `host:port`, an IPv6 address in brackets.
    package var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// What is wrong with it, to follow the name of what holds it; nothing of the host itself, which may be a password in
    /// the wrong place.
    package var problem: String? {
        if let problem = Self.problem(ofPort: port) { return problem }
        return Self.isHostName(host) || Self.isIPv6Address(host)
            ? nil : "must have host names or IP addresses, and ports apart from them"
    }

    /// Why a number is no port, to follow the name of what holds it.
    package static func problem(ofPort port: Int) -> String? {
        (1...65_535).contains(port) ? nil : "must have ports from 1 to 65535"
    }

    package static func isHostName(_ name: String) -> Bool {
        (1...253).contains(name.utf8.count)
            && name.utf8.allSatisfy { HTTPSyntax.isAlphanumeric($0) || "-._".utf8.contains($0) }
    }

    /// Whether `name` is an IPv6 address, perhaps with a zone (`fe80::1%eth0`).
    ///
    /// A comma would be two hosts to client libraries, in a zone too.
    package static func isIPv6Address(_ name: String) -> Bool {
        name.utf8.contains(UInt8(ascii: ":"))
            && name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") }) && IPAddress(name) != nil
    }

    /// Why the path of a socket or of its folder is none, to follow the name of what holds it.
    /// - Parameter limit: `sockaddr_un` has room for 108 bytes, of which one ends the path.
    package static func problem(ofSocketPath path: String, limit: Int = 107) -> String? {
        path.utf8.first == UInt8(ascii: "/") && path.utf8.count <= limit
            && path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
            ? nil
            : "must have socket paths that start with \"/\" and have at most \(limit) bytes and no control characters"
    }
}

extension HostAndPort {
    /// Why a text is no host and port, to follow the name of what holds it.
    package struct Malformed: Error {
        package let problem: String

        package init(_ problem: String) {
            self.problem = problem
        }
    }

    /// Reads `host:port`, `host`, `[2001:db8::1]:3306`. Without a host, as in `:3306`, it is this machine, as for Go's
    /// dialler.
    package init(_ text: Substring, defaultPort: Int) throws(Malformed) {
        var name = text
        var portText: Substring?
        if text.utf8.first == UInt8(ascii: "[") {
            guard let end = text.utf8.firstIndex(of: UInt8(ascii: "]")) else {
                throw Malformed("must have a \"]\" behind an IPv6 address")
            }
            name = text[text.utf8.index(after: text.startIndex)..<end]
            guard Self.isIPv6Address(String(name)) else {
                throw Malformed("must have an IPv6 address in square brackets, and nothing else")
            }
            let rest = text[text.utf8.index(after: end)...]
            guard rest.isEmpty || rest.utf8.first == UInt8(ascii: ":") else {
                throw Malformed("must have nothing but a port behind an IPv6 address in square brackets")
            }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) {
            let rest = text[text.utf8.index(after: colon)...]
            guard !rest.utf8.contains(UInt8(ascii: ":")) else {
                throw Malformed(
                    "must have IPv6 addresses in square brackets, such as [2001:db8::1]:\(defaultPort)"
                )
            }
            name = colon == text.startIndex ? "localhost" : text[..<colon]
            portText = rest
        }
        guard Self.isHostName(String(name)) || Self.isIPv6Address(String(name)) else {
            throw Malformed("must have a host name or an IP address, and perhaps a port behind a colon")
        }
        var port = defaultPort
        if let portText {
            guard (1...5).contains(portText.utf8.count), portText.utf8.allSatisfy(HTTPSyntax.isDigit),
                let number = Int(portText), Self.problem(ofPort: number) == nil
            else { throw Malformed("must have ports from 1 to 65535") }
            port = number
        }
        self.init(String(name), port: port)
    }
}
