#if Redis
import NIOCore
import Synchronization

/// Asks all sentinels twice a second whether the primary is still the primary.
///
/// For a primary that is replaced need not notice: after `SENTINEL FAILOVER`, or when it hung and lives again, it goes on
/// taking writes for eight seconds and more, until a sentinel makes it a replica, which drops all of them. And one that
/// sentinels do not reach takes writes for as long as that lasts.
///
/// When a sentinel names another primary, a connection is made to that one first; only if it says itself that it is the
/// primary do the other connections follow. So a sentinel that lies does no harm here.
final class SentinelWatch: Sendable {
    static let interval: TimeAmount = .milliseconds(500)

    private struct State {
        var timer: RepeatedTask?
        /// The connection to a new primary, while it is made.
        var probe: RedisConnection?
        var isShutDown = false
    }

    private let directory: SentinelDirectory
    private let target: RedisTarget
    private let eventLoop: any EventLoop
    /// Those of the configuration; open from the first question on.
    private let sentinels: [(address: RedisSessionStore.Address, connection: RedisConnection)]
    private let state = Mutex(State())

    /// - Parameter target: The primary.
    init(_ directory: SentinelDirectory, _ target: RedisTarget, on eventLoop: any EventLoop) {
        self.directory = directory
        self.target = target
        self.eventLoop = eventLoop
        sentinels = directory.configured.map { address in
            (address, RedisConnection(directory.target(for: address), on: eventLoop))
        }
    }

    deinit {
        for (_, connection) in sentinels { connection.abandon() }
    }

    /// Begins, and goes on until it is shut down.
    func begin() {
        let timer = eventLoop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) {
            [weak self] timer in
            guard let self else { return timer.cancel() }
            self.look()
        }
        state.withLock { $0.timer = timer }
    }

    private func look() {
        // Before the first command there is nothing to leave.
        guard directory.isInUse else { return }
        for (address, connection) in sentinels { ask(address, connection) }
    }

    private func ask(_ address: RedisSessionStore.Address, _ connection: RedisConnection) {
        let deadline = NIODeadline.now() + connection.target.operationTimeout
        let commands = directory.question.commands
        let primary = RedisReply()
        let details = RedisReply { details in
            guard case .success(let primary) = primary.result, case .success(let details) = details else { return }
            self.directory.receiveNews([primary, details, .null], of: address)
            if self.directory.isBehind { self.follow() }
        }
        // A sentinel that is down is none of the watch's business: the others are asked as well.
        try? connection.enqueue([
            .init(command: commands[0], reply: primary, deadline: deadline),
            .init(command: commands[1], reply: details, deadline: deadline),
        ])
    }

    /// Connects to the primary that has been named last. That it is one, and is in use from now on, the connection's
    /// handshake tells the directory.
    private func follow() {
        let probe = RedisConnection(target, on: eventLoop)
        let isFirst = state.withLock { state in
            guard state.probe == nil, !state.isShutDown else { return false }
            state.probe = probe
            return true
        }
        guard isFirst else { return }
        let reply = RedisReply { _ in
            self.state.withLock { $0.probe = nil }
            _ = probe.shutDown()
        }
        var command = RESPCommand("PING", capacity: 16)
        command.expected = .simple
        // Nothing can be in its way: nothing has been sent yet.
        try? probe.enqueue([.init(command: command, reply: reply, deadline: .now() + target.connectTimeout)])
    }

    func shutDown() async {
        let (timer, probe) = state.withLock { state in
            state.isShutDown = true
            return (state.timer, state.probe)
        }
        timer?.cancel()
        for connection in sentinels.map(\.connection) + (probe.map { [$0] } ?? []) {
            // The future never fails: closing is all that it waits for.
            try? await connection.shutDown().get()
        }
    }
}
#endif
