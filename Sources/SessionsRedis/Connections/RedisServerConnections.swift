#if Redis
import NIOCore
import Sessions

/// The connections to one server: some for everything, and one more for what waits for replicas, since that holds up
/// whatever comes behind it.
final class RedisServerConnections: RedisServer {
    let name: String
    private let shared: [RedisConnection]
    private let replicatedWrites: RedisReplicatedWrites

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
        replicatedWrites = RedisReplicatedWrites(RedisConnection(target, on: group.next()))
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
        for timeout: Duration
    ) async throws(RedisFailure) -> (reply: RESPValue, replicas: Int) {
        // The record goes out of the cache before anybody can have changed it, and out again when it has been changed:
        // the write comes by another connection, so the server announces it as anybody else's.
        let cache = connection(for: slot).target.cache
        cache?.forget(effect)
        defer { cache?.forget(effect) }
        return try await replicatedWrites.send(command, by: deadline, awaiting: replicas, for: timeout)
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

    func cachedRecord(_ id: SessionID, in slot: RedisSlot, now: SessionInstant) -> SessionRecord? {
        connection(for: slot).target.cache?.record(id, now: now)
    }

    func shutDown() async {
        for closed in shared.map({ $0.shutDown() }) + [replicatedWrites.shutDown()] {
            // The future never fails: closing is all that it waits for.
            try? await closed.get()
        }
    }
}
#endif
