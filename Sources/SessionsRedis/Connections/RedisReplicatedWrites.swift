#if Redis
import NIOCore
import Sessions
import Synchronization

/// Sends writes that replicas must have, on a connection of their own: `WAIT` holds up whatever comes behind it.
///
/// One `WAIT` is on its way at a time, for all writes before it. What comes meanwhile goes out behind it, together and with
/// one `WAIT` again. So where a replica is down, and each `WAIT` takes the whole of its time, every write waits for two of
/// them at the most, however many there are.
final class RedisReplicatedWrites: Sendable {
    private struct Write: Sendable {
        /// What must go right before the command: a Cluster's `ASKING`.
        var first: RESPCommand?
        var command: RESPCommand
        var deadline: NIODeadline
        var replicas: Int
        var timeout: Duration
        let reply = RedisReply()
        /// How many replicas have it.
        let confirmation = RedisReply()
    }

    private struct State {
        var isWaiting = false
        var queued: [Write] = []
    }

    private let connection: RedisConnection
    private let state = Mutex(State())

    init(_ connection: RedisConnection) {
        self.connection = connection
    }

    /// Sends a command, and waits until `replicas` replicas have what it wrote.
    /// - Returns: The reply, and how many have it after `timeout`; 0 if nobody says.
    func send(
        _ command: RESPCommand,
        after first: RESPCommand?,
        by deadline: NIODeadline,
        awaiting replicas: Int,
        for timeout: Duration
    ) async throws(RedisFailure) -> (reply: RESPValue, replicas: Int) {
        let write = Write(first: first, command: command, deadline: deadline, replicas: replicas, timeout: timeout)
        let goesNow = try state.withLock { state throws(RedisFailure) in
            guard state.isWaiting else {
                state.isWaiting = true
                return true
            }
            guard state.queued.count < connection.target.maximumPendingCommands else {
                throw RedisFailure(.notExecuted, "\(connection.target.name): too many writes wait for replicas")
            }
            state.queued.append(write)
            return false
        }
        if goesNow { transmit([write]) }
        let reply = try await RedisConnection.value(of: write.reply, isCancellable: false)
        guard case .success(.integer(let count)) = await write.confirmation.value() else { return (reply, 0) }
        return (reply, Int(count))
    }

    private func transmit(_ writes: [Write]) {
        let deadline = writes.map(\.deadline).max() ?? .now()
        let timeout = writes.map { TimeAmount($0.timeout) }.max() ?? .nanoseconds(0)
        // A little less than is left, so that the server still says how many have it.
        let left = TimeAmount.nanoseconds((deadline - .now()).nanoseconds / 10 * 9)
        var wait = RESPCommand("WAIT", capacity: 32)
        wait.expected = .integer
        wait.append(writes.map(\.replicas).max() ?? 1)
        wait.append(max(1, min(timeout, left).nanoseconds / 1_000_000))
        let confirmation = RedisReply { result in
            for write in writes { write.confirmation.settle(result) }
            self.transmitQueued()
        }
        var commands: [RedisConnection.Outgoing] = []
        for write in writes {
            if let first = write.first {
                commands.append(.init(command: first, reply: .unawaited, deadline: write.deadline))
            }
            commands.append(.init(command: write.command, reply: write.reply, deadline: write.deadline))
        }
        commands.append(.init(command: wait, reply: confirmation, deadline: deadline))
        do throws(RedisFailure) {
            try connection.enqueue(commands)
        } catch {
            for write in writes { write.reply.settle(.failure(error)) }
            confirmation.settle(.failure(error))
        }
    }

    private func transmitQueued() {
        let writes = state.withLock { state in
            defer { state.queued = [] }
            state.isWaiting = !state.queued.isEmpty
            return state.queued
        }
        if !writes.isEmpty { transmit(writes) }
    }

    func shutDown(_ failure: RedisFailure) -> EventLoopFuture<Void> { connection.shutDown(failure) }

    /// As ``RedisConnection/abandon()``.
    func abandon() { connection.abandon() }
}
#endif
