#if Redis
import NIOCore
import Sessions

/// The connections to one server: some for everything, and one more for what waits for replicas, since that holds up
/// whatever comes behind it.
final class RedisServerConnections: RedisServer {
    let name: String
    private let shared: [RedisConnection]
    private let awaiting: RedisConnection

    /// - Parameters:
    ///   - target: The server. With a near cache, each connection has a part of it.
    ///   - count: How many connections.
    ///   - cachedCount: How many records the near cache holds at the most, or `nil` for no cache.
    init(
        _ target: RedisTarget,
        count: Int,
        cachedCount: Int?,
        keys: RedisKeys,
        on group: any EventLoopGroup
    ) {
        name = target.name
        shared = (0..<count).map { _ in
            var target = target
            if let cachedCount {
                target.cache = NearCachePart(maximumCount: max(1, cachedCount / count), keys: keys)
                target.handshake.trackReads()
            }
            return RedisConnection(target, on: group.next())
        }
        awaiting = RedisConnection(target, on: group.next())
    }

    deinit {
        for connection in shared + [awaiting] { connection.abandon() }
    }

    /// A session's commands all take the same way, so that they stay in order.
    private func connection(for slot: RedisSlot) -> RedisConnection { shared[Int(slot.number) % shared.count] }

    func send(
        _ command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        isRead: Bool,
        effect: NearCacheEffect
    ) async throws(RedisFailure) -> RESPValue {
        try await connection(for: slot)
            .send(command, deadline: deadline, isCancellable: isRead, effect: effect)
    }

    /// Sends two commands with nothing in between.
    func send(
        _ first: RESPCommand,
        before command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        effect: NearCacheEffect
    ) async throws(RedisFailure) -> RESPValue {
        let reply = RedisReply()
        try connection(for: slot).enqueue([
            .init(command: first, reply: RedisReply(), deadline: deadline),
            .init(command: command, reply: reply, deadline: deadline, effect: effect),
        ])
        return try await RedisConnection.value(of: reply, isCancellable: false)
    }

    func sendWithoutWaiting(
        _ command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        effect: NearCacheEffect
    ) {
        // Nobody is told if there is no way to send it.
        try? connection(for: slot).enqueue([
            .init(command: command, reply: RedisReply(), deadline: deadline, effect: effect)
        ])
    }

    func send(
        _ command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        effect: NearCacheEffect,
        awaiting replicas: Int,
        for timeout: Duration,
        after first: RESPCommand? = nil
    ) async throws(RedisFailure) -> (reply: RESPValue, replicas: Int) {
        var wait = RESPCommand("WAIT", capacity: 32)
        wait.expected = .integer
        wait.append(replicas)
        wait.append(max(1, timeout.milliseconds))
        // The record goes out of the cache before anybody can have changed it, and out again when it has been changed:
        // the write comes by another connection, so the server announces it as anybody else's.
        let cache = connection(for: slot).target.cache
        cache?.forget(effect)
        let reply = RedisReply()
        let waited = RedisReply()
        var commands: [RedisConnection.Outgoing] = [
            .init(command: command, reply: reply, deadline: deadline),
            .init(command: wait, reply: waited, deadline: deadline),
        ]
        if let first { commands.insert(.init(command: first, reply: RedisReply(), deadline: deadline), at: 0) }
        try awaiting.enqueue(commands)
        let result = try await RedisConnection.value(of: reply, isCancellable: false)
        let count = await waited.value()
        cache?.forget(effect)
        guard case .success(.integer(let confirmed)) = count else { return (result, 0) }
        return (result, Int(confirmed))
    }

    func send(
        _ commands: [RESPCommand],
        by deadline: NIODeadline
    ) async throws(RedisFailure) -> [Result<RESPValue, RedisFailure>] {
        let replies = commands.map { _ in RedisReply() }
        try shared[0].enqueue(
            zip(commands, replies).map { .init(command: $0, reply: $1, deadline: deadline) }
        )
        var results: [Result<RESPValue, RedisFailure>] = []
        for reply in replies { results.append(await reply.value()) }
        return results
    }

    /// The part of the near cache that has a slot's records.
    func nearCachePart(for slot: RedisSlot) -> NearCachePart? { connection(for: slot).target.cache }

    func cachedRecord(_ id: SessionID, in slot: RedisSlot, now: SessionInstant) -> SessionRecord? {
        nearCachePart(for: slot)?.record(id, now: now)
    }

    /// Empties the near cache.
    func forgetCachedRecords() {
        for connection in shared { connection.target.cache?.forgetAll() }
    }

    func shutDown() async {
        // The future never fails: closing is all that it waits for.
        try? await close().get()
    }

    /// Closes all connections; what waits for replies fails, and so does every later command.
    func close(_ failure: RedisFailure = RedisConnection.shutDownFailure) -> EventLoopFuture<Void> {
        let connections = shared + [awaiting]
        return .andAllComplete(connections.map { $0.shutDown(failure) }, on: awaiting.eventLoop)
    }
}
#endif
