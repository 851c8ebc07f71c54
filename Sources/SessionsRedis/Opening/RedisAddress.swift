#if Redis
import Sessions

extension RedisSessionStore.Address: CustomStringConvertible {
    /// `host:port`, an IPv6 address in brackets, or the path of the socket.
    public var description: String {
        switch wrapped {
        case .host(let name, let port): HostAndPort(name, port: port).description
        case .unixSocket(let path): path
        }
    }
}

extension RedisSessionStore.Address {
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

    /// Reads a host and a port, or the path of a socket.
    init(_ text: Substring, defaultPort: Int) throws(HostAndPort.Malformed) {
        guard text.utf8.first != UInt8(ascii: "/") else {
            self = .unixSocket(String(text))
            return
        }
        guard !text.isEmpty else {
            throw HostAndPort.Malformed(
                "must have an address, such as 127.0.0.1:\(defaultPort), before and behind each \";\""
            )
        }
        let address = try HostAndPort(text, defaultPort: defaultPort)
        self = .host(address.host, port: address.port)
    }
}
#endif
