#if PostgreSQL
import Sessions

extension PostgresSessionStore.Address: CustomStringConvertible {
    /// `host:port`, an IPv6 address in brackets, or the directory of the socket and the port.
    public var description: String {
        switch wrapped {
        case .host(let name, let port): HostAndPort(name, port: port).description
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

    /// What is wrong with the address, to follow the name of what holds it.
    var problem: String? {
        switch wrapped {
        case .host(let name, let port): HostAndPort(name, port: port).problem
        case .socket(let directory, let port):
            // libpq takes a comma for the end of it. The file in it is called .s.PGSQL.65535.
            directory.utf8.contains(UInt8(ascii: ","))
                ? "must have socket directories without commas"
                : HostAndPort.problem(ofPort: port)
                    ?? HostAndPort.problem(ofSocketPath: directory, limit: 90)
        }
    }
}
#endif
