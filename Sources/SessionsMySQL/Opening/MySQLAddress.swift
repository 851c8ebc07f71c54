#if MySQL
import Sessions

extension MySQLSessionStore.Address: CustomStringConvertible {
    /// `host:port`, an IPv6 address in brackets, or the path of the socket.
    public var description: String {
        switch wrapped {
        case .host(let name, let port): HostAndPort(name, port: port).description
        case .unixSocket(let path): path
        }
    }
}

extension MySQLSessionStore.Address {
    var isUnixSocket: Bool {
        if case .unixSocket = wrapped { true } else { false }
    }

    /// What is wrong with the address, to follow the name of what holds it.
    var problem: String? {
        switch wrapped {
        case .host(let name, let port): HostAndPort(name, port: port).problem
        case .unixSocket(let path): HostAndPort.problem(ofSocketPath: path)
        }
    }

    /// Reads what stands in the brackets behind `tcp`.
    init(tcp text: Substring) throws(HostAndPort.Malformed) {
        let address = try HostAndPort(text, defaultPort: 3306)
        self = .host(address.host, port: address.port)
    }
}
#endif
