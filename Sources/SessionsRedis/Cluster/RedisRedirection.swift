#if Redis
import Sessions

/// Where one of a Cluster's nodes sends a client that asks it for somebody else's key.
struct RedisRedirection: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// The slot is the other node's.
        case moved
        /// The slot is on its way to the other node, and the key may be there already. For this one command.
        case asked
    }

    var kind: Kind
    var slot: RedisSlot
    /// As the node names it: empty or `?` where it does not know, and the host that was asked is meant.
    var host: String
    var port: Int

    /// From an error reply: `MOVED 3999 127.0.0.1:6381`, or `ASK …`. `nil` for every other, and for one of these that
    /// does not lead anywhere.
    init?(errorReply: String) {
        let words = errorReply.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == 3 else { return nil }
        if words[0].elementsEqual("MOVED".utf8) {
            kind = .moved
        } else if words[0].elementsEqual("ASK".utf8) {
            kind = .asked
        } else {
            return nil
        }
        // An IPv6 address has colons and, from most versions, no brackets: the last colon is the port's.
        guard let number = UInt16(Substring(words[1])), Int(number) < RedisSlot.count,
            let colon = words[2].lastIndex(of: UInt8(ascii: ":")),
            let port = Int(Substring(words[2][words[2].index(after: colon)...])), (1...65_535).contains(port)
        else { return nil }
        var host = words[2][..<colon]
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") { host = host.dropFirst().dropLast() }
        slot = RedisSlot(number: number)
        self.host = String(Substring(host))
        self.port = port
    }

    /// The node that is meant, if the one at `asked` has named it; `nil` if it cannot be one.
    func address(from asked: RedisSessionStore.Address) -> RedisSessionStore.Address? {
        RedisSessionStore.Address(nodeAt: host, port: Int64(port), from: asked)
    }
}

extension RedisSessionStore.Address {
    /// A node as another one names it.
    /// - Parameters:
    ///   - host: Its host; `nil`, empty or `?` where it does not know, and the host at which it was asked is meant.
    ///   - asked: The node that has named it.
    init?(nodeAt host: String?, port: Int64, from asked: Self) {
        guard let port = Int(exactly: port) else { return nil }
        if let host, !host.isEmpty, host != "?" {
            self = .host(host, port: port)
        } else {
            guard case .host(let host, _) = asked.wrapped else { return nil }
            self = .host(host, port: port)
        }
        guard problem == nil else { return nil }
    }
}
#endif
