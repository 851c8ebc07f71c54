#if PostgreSQL
import Sessions

extension PostgresSessionStore.Address: CustomStringConvertible {
    /// `host:port`, an IPv6 address in brackets, or the directory of the socket and the port.
    public var description: String {
        switch wrapped {
        case .host(let name, let port): name.utf8.contains(UInt8(ascii: ":")) ? "[\(name)]:\(port)" : "\(name):\(port)"
        case .socket(let directory, let port): "\(directory):\(port)"
        }
    }
}

extension PostgresSessionStore.Address {
    var name: String {
        switch wrapped {
        case .host(let name, _): name
        case .socket(let directory, _): directory
        }
    }

    var port: Int {
        switch wrapped {
        case .host(_, let port), .socket(_, let port): port
        }
    }

    var isSocket: Bool {
        if case .socket = wrapped { true } else { false }
    }

    /// Whether what is sent there does not leave the machine, by the address itself: names are not looked up.
    var isThisMachine: Bool {
        switch wrapped {
        case .socket: true
        case .host(let name, _):
            HTTPSyntax.equals(name, "localhost") || name == "::1" || (name.hasPrefix("127.") && IPAddress(name) != nil)
        }
    }

    /// What is wrong with the address, to follow the name of what holds it; nothing of the address itself, which may be a
    /// password in the wrong place.
    var problem: String? {
        guard (1...65_535).contains(port) else { return "must have ports from 1 to 65535" }
        switch wrapped {
        case .host(let name, _):
            return Self.isHostName(name) || Self.isIPv6Address(name)
                ? nil : "must have host names or IP addresses, and ports apart from them"
        case .socket(let directory, _):
            // sockaddr_un has room for 108 bytes; the file is called .s.PGSQL.65535.
            return directory.utf8.first == UInt8(ascii: "/") && directory.utf8.count <= 90
                && directory.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: ",") })
                ? nil
                : "must have socket directories that start with \"/\" and have at most 90 bytes and no commas and control "
                    + "characters"
        }
    }

    /// A comma would be two hosts to libpq.
    static func isHostName(_ name: String) -> Bool {
        (1...253).contains(name.utf8.count)
            && name.utf8.allSatisfy { HTTPSyntax.isAlphanumeric($0) || "-._".utf8.contains($0) }
    }

    /// Whether `name` is an IPv6 address, perhaps with a zone (`fe80::1%eth0`).
    static func isIPv6Address(_ name: String) -> Bool {
        name.utf8.contains(UInt8(ascii: ":"))
            && name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") }) && IPAddress(name) != nil
    }
}
#endif
