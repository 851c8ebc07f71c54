#if Redis
import NIOCore
import Sessions

/// The connections to one server: some for everything, and one more for what waits for replicas, since that holds up
/// whatever comes behind it.
final class RedisServerConnections: RedisServer {
    let name: String
    private let shared: [RedisConnection]
    private let replicatedWrites: RedisReplicatedWrites
    private let keys: RedisKeys

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
        self.keys = keys
        let counters = cachedCount == nil ? nil : NearCacheCounters()
        shared = (0..<count).map { _ in
            var target = target
            if let cachedCount, let counters {
                let maximumCount = max(1, cachedCount / count)
                target.cache = NearCachePart(maximumCount: maximumCount, keys: keys, counters: counters)
                target.handshake.trackReads()
            }
            return RedisConnection(target, on: group.next())
        }
        replicatedWrites = RedisReplicatedWrites(RedisConnection(target, on: group.next()))
    }

    deinit {
        for connection in shared { connection.abandon() }
        replicatedWrites.abandon()
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
        let connection = connection(for: slot)
        guard connection.target.cache != nil else {
            return try await connection.send(command, deadline: deadline, isCancellable: isRead)
        }
        if isRead { try RedisConnection.checkCancellation() }
        let reply = RedisReply()
        var group = [RedisConnection.Outgoing(command: command, reply: reply, deadline: deadline, effect: effect)]
        switch effect {
        case .none:
            group.insert(.init(command: RedisHandshake.notTracking, reply: .unawaited, deadline: deadline), at: 0)
        case .commit(let id, let record):
            let effect = NearCacheEffect.confirm(id, record)
            group.append(.init(command: head(of: id), reply: .unawaited, deadline: deadline, effect: effect))
        case .load, .confirm, .forget, .clusterStatus:
            break
        }
        try connection.enqueue(group)
        return try await RedisConnection.value(of: reply, isCancellable: isRead)
    }

    private func head(of id: SessionID) -> RESPCommand {
        var command = RESPCommand("GETRANGE", capacity: 160)
        command.expected = .bulk
        keys.appendRecord(id, to: &command)
        command.append(0)
        command.append(RedisStoredRecord.headLength - 1)
        return command
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
            .init(command: first, reply: .unawaited, deadline: deadline),
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
        // The record goes out of the cache before anybody can have changed it, and out again when it has been changed:
        // the write comes by another connection, so the server announces it as anybody else's.
        // Also if it fails: then nobody knows whether it has been changed.
        let cache = connection(for: slot).target.cache
        cache?.forget(effect)
        defer { cache?.forget(effect) }
        return try await replicatedWrites.send(
            command,
            after: first,
            by: deadline,
            awaiting: replicas,
            for: timeout
        )
    }

    func send(
        _ commands: [RESPCommand],
        by deadline: NIODeadline
    ) async throws(RedisFailure) -> [Result<RESPValue, RedisFailure>] {
        let connection = shared[0]
        let isTracked = connection.target.cache != nil
        let replies = commands.map { _ in RedisReply() }
        var group: [RedisConnection.Outgoing] = []
        for (command, reply) in zip(commands, replies) {
            if isTracked {
                group.append(.init(command: RedisHandshake.notTracking, reply: .unawaited, deadline: deadline))
            }
            group.append(.init(command: command, reply: reply, deadline: deadline))
        }
        try connection.enqueue(group)
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
        let closed = shared.map { $0.shutDown(failure) } + [replicatedWrites.shutDown(failure)]
        return .andAllComplete(closed, on: shared[0].eventLoop)
    }
}
#endif
