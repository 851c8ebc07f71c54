#if Redis
import NIOCore
import Sessions

/// All keys are on one server: a single one, or the primary that sentinels name.
final class RedisSingleClient: RedisClient {
    private let server: RedisServerConnections
    private let watch: SentinelWatch?

    /// - Parameter watch: Looks after a primary that sentinels name, until the client is shut down.
    init(_ server: RedisServerConnections, watch: SentinelWatch? = nil) {
        self.server = server
        self.watch = watch
    }

    func send(
        _ command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        isRead: Bool,
        effect: NearCacheEffect
    ) async throws(RedisFailure) -> RESPValue {
        try await server.send(command, to: slot, by: deadline, isRead: isRead, effect: effect)
    }

    func sendWithoutWaiting(
        _ command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        effect: NearCacheEffect
    ) {
        server.sendWithoutWaiting(command, to: slot, by: deadline, effect: effect)
    }

    func send(
        _ command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        effect: NearCacheEffect,
        awaiting replicas: Int,
        for timeout: Duration
    ) async throws(RedisFailure) -> (reply: RESPValue, replicas: Int) {
        try await server.send(
            command,
            to: slot,
            by: deadline,
            effect: effect,
            awaiting: replicas,
            for: timeout
        )
    }

    func servers(by deadline: NIODeadline) async throws(RedisFailure) -> [any RedisServer] { [server] }

    func cachedRecord(_ id: SessionID, now: SessionInstant) -> SessionRecord? {
        server.cachedRecord(id, in: RedisKeys.slot(of: id), now: now)
    }

    func shutDown() async {
        await watch?.shutDown()
        await server.shutDown()
    }
}
#endif
