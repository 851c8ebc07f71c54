#if Redis
import NIOCore

/// What one sentinel says.
struct SentinelAnswer: Hashable, Sendable {
    /// Where the primary is.
    var primary: RedisSessionStore.Address
    /// The number of the election that made it the primary, if the sentinel tells: a later one has a higher number, and
    /// a sentinel that has not heard of the last failover yet has the number of the one before.
    var epoch: Int64?
    /// Where the other sentinels are that watch the same primary.
    var sentinels: [RedisSessionStore.Address]
}

/// What is asked of a sentinel, all at once.
struct SentinelQuestion: Sendable {
    let masterName: String

    /// The second and the third are for what would be good to know: a sentinel whose ACL forbids them will do.
    var commands: [RESPCommand] {
        ["GET-MASTER-ADDR-BY-NAME", "MASTER", "SENTINELS"].map { (subcommand: StaticString) in
            var command = RESPCommand("SENTINEL")
            command.append(subcommand)
            command.append(masterName)
            return command
        }
    }

    /// Reads the replies.
    func answer(_ replies: [RESPValue], from sentinel: String) throws(RedisFailure) -> SentinelAnswer {
        guard replies.count == 3 else { throw Self.unreadable(sentinel) }
        let primary: RedisSessionStore.Address
        switch replies[0] {
        case .array(let parts) where parts.count == 2:
            guard let host = parts[0].text, let address = Self.address(host, parts[1].text) else {
                throw Self.unreadable(sentinel)
            }
            primary = address
        case .null:
            throw RedisFailure(
                .misconfigured,
                "\(sentinel) watches no primary called \"\(masterName)\": give the name that its configuration monitors"
            )
        case .error(let text):
            throw RedisFailure(errorReply: text, server: sentinel)
        default:
            throw Self.unreadable(sentinel)
        }
        return SentinelAnswer(
            primary: primary,
            epoch: Self.fields(of: replies[1])["config-epoch"].flatMap { Int64($0) },
            sentinels: Self.sentinels(in: replies[2])
        )
    }

    /// The most sentinels that are taken from what one says.
    static let maximumCount = 16

    private static func sentinels(in reply: RESPValue) -> [RedisSessionStore.Address] {
        guard case .array(let entries) = reply else { return [] }
        return entries.prefix(maximumCount).compactMap { entry in
            let fields = fields(of: entry)
            return fields["ip"].flatMap { address($0, fields["port"]) }
        }
    }

    private static func fields(of reply: RESPValue) -> [String: String] {
        guard case .map(let pairs) = reply else { return [:] }
        var fields: [String: String] = [:]
        for (key, value) in pairs {
            if let key = key.text, let value = value.text { fields[key] = value }
        }
        return fields
    }

    /// Nothing that could not stand in a configuration is connected to, or shown in a message.
    private static func address(_ host: String, _ port: String?) -> RedisSessionStore.Address? {
        guard let port = port.flatMap({ Int($0) }) else { return nil }
        let address = RedisSessionStore.Address.host(host, port: port)
        return address.problem == nil ? address : nil
    }

    private static func unreadable(_ sentinel: String) -> RedisFailure {
        RedisFailure(
            .notExecuted,
            "\(sentinel) does not answer as a sentinel does: give the sentinels' port, 26379 as a rule"
        )
    }
}
#endif
