#if MySQL
import Sessions

extension MySQLSessionStore.Address: CustomStringConvertible {
    /// `host:port`, an IPv6 address in brackets, or the path of the socket.
    public var description: String {
        switch wrapped {
        case .host(let name, let port): name.utf8.contains(UInt8(ascii: ":")) ? "[\(name)]:\(port)" : "\(name):\(port)"
        case .unixSocket(let path): path
        }
    }
}

extension MySQLSessionStore.Address {
    var isUnixSocket: Bool {
        if case .unixSocket = wrapped { true } else { false }
    }

    /// What is wrong with the address, to follow the name of what holds it; nothing of the address itself, which may be a
    /// password in the wrong place.
    var problem: String? {
        switch wrapped {
        case .host(let name, let port):
            guard (1...65_535).contains(port) else { return "must have ports from 1 to 65535" }
            return Self.isHostName(name) || Self.isIPv6Address(name)
                ? nil : "must have host names or IP addresses, and ports apart from them"
        case .unixSocket(let path):
            // sockaddr_un has room for 108 bytes, of which one ends the path.
            return path.utf8.first == UInt8(ascii: "/") && path.utf8.count <= 107
                && path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
                ? nil
                : "must have socket paths that start with \"/\" and have at most 107 bytes and no control characters"
        }
    }

    static func isHostName(_ name: String) -> Bool {
        (1...253).contains(name.utf8.count)
            && name.utf8.allSatisfy { HTTPSyntax.isAlphanumeric($0) || "-._".utf8.contains($0) }
    }

    /// Whether `name` is an IPv6 address, perhaps with a zone (`fe80::1%eth0`).
    static func isIPv6Address(_ name: String) -> Bool {
        name.utf8.contains(UInt8(ascii: ":")) && name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            && IPAddress(name) != nil
    }
}

extension MySQLSessionStore.Address {
    /// Why a text is no address, to follow the name of what holds it.
    struct Malformed: Error {
        let problem: String
    }

    /// Reads what stands in the brackets behind `tcp`: `host:port`, `host`, `[2001:db8::1]:3306`. Without a host, as in
    /// `:3306`, it is this machine, as for Go's dialler; without a port it is 3306.
    init(tcp text: Substring) throws(Malformed) {
        var name = text
        var portText: Substring?
        if text.utf8.first == UInt8(ascii: "[") {
            guard let end = text.utf8.firstIndex(of: UInt8(ascii: "]")) else {
                throw Malformed(problem: "must have a \"]\" behind an IPv6 address")
            }
            name = text[text.utf8.index(after: text.startIndex)..<end]
            guard Self.isIPv6Address(String(name)) else {
                throw Malformed(problem: "must have an IPv6 address in square brackets, and nothing else")
            }
            let rest = text[text.utf8.index(after: end)...]
            guard rest.isEmpty || rest.utf8.first == UInt8(ascii: ":") else {
                throw Malformed(problem: "must have nothing but a port behind an IPv6 address in square brackets")
            }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else if Self.isIPv6Address(String(text)) {
            throw Malformed(problem: "must have IPv6 addresses in square brackets, such as [2001:db8::1]:3306")
        } else if let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) {
            name = text[..<colon]
            portText = text[text.utf8.index(after: colon)...]
            if name.isEmpty { name = "localhost" }
        }
        guard Self.isHostName(String(name)) || Self.isIPv6Address(String(name)) else {
            throw Malformed(problem: "must have a host name or an IP address, and perhaps a port behind a colon")
        }
        var port = 3306
        if let portText {
            guard (1...5).contains(portText.utf8.count), portText.utf8.allSatisfy(HTTPSyntax.isDigit),
                let number = Int(portText), (1...65_535).contains(number)
            else { throw Malformed(problem: "must have a port from 1 to 65535") }
            port = number
        }
        self = .host(String(name), port: port)
    }
}
#endif
