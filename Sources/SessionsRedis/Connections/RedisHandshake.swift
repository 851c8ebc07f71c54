#if Redis
import NIOCore

/// What a connection says before its first command. All of it is sent at once, and one refusal ends the connection.
struct RedisHandshake: Sendable {
    struct Step: Sendable {
        var command: RESPCommand
        /// Why the connection cannot be used, if it cannot.
        var check: @Sendable (_ reply: RESPValue, _ server: String) -> RedisFailure?
    }

    var steps: [Step] = []

    /// RESP3, and who we are.
    mutating func hello(username: String?, password: String?) {
        var hello = RESPCommand("HELLO")
        hello.append("3" as StaticString)
        if let password {
            hello.append("AUTH" as StaticString)
            hello.append(username ?? "default")
            hello.append(password)
        }
        steps.append(
            Step(command: hello) { reply, server in
                switch reply {
                case .map: return nil
                case .error(let text) where text.hasPrefix("ERR unknown command"):
                    return RedisFailure(errorReply: "NOPROTO", server: server)
                case .error(let text) where text.hasPrefix("ERR max number of clients"):
                    return RedisFailure(.notExecuted, "\(server) has as many clients as it may (maxclients)")
                default:
                    return Self.refusal(reply, server)
                        ?? RedisFailure(.notExecuted, "\(server): the answer to HELLO is none of a Redis server")
                }
            }
        )
    }

    mutating func select(database: Int) {
        guard database != 0 else { return }
        var select = RESPCommand("SELECT")
        select.append(database)
        steps.append(
            Step(command: select) { reply, server in
                guard case .error(let text) = reply, RedisReplyCode.code(of: text) == "ERR" else {
                    return Self.refusal(reply, server)
                }
                return RedisFailure(.misconfigured, "\(server) has no database \(database)")
            }
        )
    }

    /// Pushes about keys that this connection has read and that are changed: by whomever, for reasons that
    /// ``NearCachePart`` names, and unless the read was preceded by ``notTracking``.
    mutating func trackReads() {
        var tracking = RESPCommand("CLIENT")
        tracking.append("TRACKING" as StaticString)
        tracking.append("ON" as StaticString)
        tracking.append("OPTOUT" as StaticString)
        steps.append(Step(command: tracking, check: Self.refusal))
    }

    /// Keeps the keys that the next command reads out of the server's table. It has room for a million, by default, and a
    /// walk through all keys would drive out those that are of use.
    static let notTracking: RESPCommand = {
        var caching = RESPCommand("CLIENT", capacity: 40)
        caching.append("CACHING" as StaticString)
        caching.append("NO" as StaticString)
        caching.expected = .simple
        return caching
    }()

    /// Whatever a sentinel said: only a server that says so itself is the primary.
    mutating func demandPrimary() {
        steps.append(
            Step(command: RESPCommand("ROLE")) { reply, server in
                if case .array(let parts) = reply, case .bulk(let role) = parts.first {
                    if role.readableBytesView.elementsEqual("master".utf8) { return nil }
                    return RedisFailure(.notExecuted, "\(server) is not the primary")
                }
                return Self.refusal(reply, server) ?? RedisFailure(.notExecuted, "\(server) does not tell its role")
            }
        )
    }

    private static func refusal(_ reply: RESPValue, _ server: String) -> RedisFailure? {
        guard case .error(let text) = reply else { return nil }
        return RedisFailure(errorReply: text, server: server)
    }
}
#endif
