#if Redis
import NIOCore
import Sessions

/// What the store needs of a client: this, and not the connections behind it, is what another one would have to offer.
protocol RedisClient: Sendable {
    /// Sends a command to the server that has `slot`, and waits for the reply.
    /// - Parameters:
    ///   - deadline: When there is an answer, at the latest.
    ///   - isRead: Whether the command changes nothing, so that it may be given up with the calling task.
    ///   - effect: What the command means to the near cache.
    func send(
        _ command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        isRead: Bool,
        effect: NearCacheEffect
    ) async throws(RedisFailure) -> RESPValue

    /// Sends a command whose reply nobody waits for.
    func sendWithoutWaiting(
        _ command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        effect: NearCacheEffect
    )

    /// Sends a command, and waits until `replicas` replicas have what it wrote.
    /// - Returns: The reply, and how many replicas have it after `timeout` at the latest.
    func send(
        _ command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        effect: NearCacheEffect,
        awaiting replicas: Int,
        for timeout: Duration
    ) async throws(RedisFailure) -> (reply: RESPValue, replicas: Int)

    /// The servers that between them have all keys, in an order that stays while the servers do.
    func servers(by deadline: NIODeadline) async throws(RedisFailure) -> [any RedisServer]

    /// Whether all keys can be read and written.
    func checkHealth(by deadline: NIODeadline) async throws(RedisFailure)

    /// A record that a near cache has, if there is one.
    func cachedRecord(_ id: SessionID, now: SessionInstant) -> SessionRecord?

    /// Closes all connections.
    func shutDown() async
}

extension RedisClient {
    /// Asks every server that has keys whether it is there.
    func checkHealth(by deadline: NIODeadline) async throws(RedisFailure) {
        var ping = RESPCommand("PING", capacity: 16)
        ping.expected = .simple
        for server in try await servers(by: deadline) {
            for reply in try await server.send([ping], by: deadline) { _ = try reply.get() }
        }
    }
}

/// One server, for what concerns all of its keys.
protocol RedisServer: Sendable {
    /// The server's address, for messages.
    var name: String { get }

    /// Sends commands in one piece, and waits for all replies.
    func send(
        _ commands: [RESPCommand],
        by deadline: NIODeadline
    ) async throws(RedisFailure) -> [Result<RESPValue, RedisFailure>]
}
#endif
