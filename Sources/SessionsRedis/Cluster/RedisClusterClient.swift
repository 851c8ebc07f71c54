#if Redis
import NIOCore
import Sessions
import Synchronization

/// A Cluster: every key is on the primary that has its slot.
///
/// Commands go by a map of the slots. A node that is asked for what it does not have says so, and the command goes on to
/// the node that it names; then, as when a node cannot be reached, some node is asked for the map as it is now: once for
/// all who want it, and with pauses between. Nothing runs in the background: it is always a request that asks, and those
/// that need the answer wait for it. Replicas are never read.
///
/// Everything that an operation has to try, pauses included, happens before its one deadline.
final class RedisClusterClient: RedisClient {
    typealias Address = RedisSessionStore.Address

    struct State {
        var nodes: RedisClusterNodes
        var refresh = RedisClusterRefresh()
        var isShutDown = false
        /// Closes the nodes that have left.
        var sweep: Scheduled<Void>?
        /// When the connections to all of them are closed.
        var closed: EventLoopFuture<Void>
    }

    let state: Mutex<State>
    let seeds: [Address]
    /// For pauses.
    let eventLoop: any EventLoop
    /// The time after which nothing is on its way any more to a node that no command has gone to since.
    let idleTimeout: TimeAmount

    /// - Parameters:
    ///   - seeds: Some nodes to begin with.
    ///   - operationTimeout: The most time that any command is given.
    ///   - makeConnections: Makes the connections to a node, without opening any yet.
    init(
        _ seeds: [Address],
        operationTimeout: TimeAmount,
        on eventLoop: any EventLoop,
        makeConnections: @escaping @Sendable (Address) -> RedisServerConnections
    ) {
        self.seeds = seeds
        self.eventLoop = eventLoop
        idleTimeout = operationTimeout + .seconds(1)
        state = Mutex(
            State(
                nodes: RedisClusterNodes(makeConnections: makeConnections),
                closed: eventLoop.makeSucceededVoidFuture()
            )
        )
    }

    /// What a command is preceded by when it was sent by a node whose slot is on the way elsewhere.
    private static let asking: RESPCommand = {
        var command = RESPCommand("ASKING", capacity: 16)
        command.expected = .simple
        return command
    }()

    // MARK: Sending

    func send(
        _ command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        isRead: Bool,
        effect: NearCacheEffect
    ) async throws(RedisFailure) -> RESPValue {
        try await perform(on: slot, by: deadline, isRead: isRead) { node, isAsked throws(RedisFailure) in
            guard isAsked else {
                return try await node.send(command, to: slot, by: deadline, isRead: isRead, effect: effect)
            }
            return try await node.send(Self.asking, before: command, to: slot, by: deadline, effect: effect)
        }
    }

    func sendWithoutWaiting(
        _ command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        effect: NearCacheEffect
    ) {
        // Nobody is told if it is the wrong node; whatever is waited for next puts the map right.
        connections(for: slot)?.sendWithoutWaiting(command, to: slot, by: deadline, effect: effect)
    }

    func send(
        _ command: RESPCommand,
        to slot: RedisSlot,
        by deadline: NIODeadline,
        effect: NearCacheEffect,
        awaiting replicas: Int,
        for timeout: Duration
    ) async throws(RedisFailure) -> (reply: RESPValue, replicas: Int) {
        try await perform(on: slot, by: deadline, isRead: false) { node, isAsked throws(RedisFailure) in
            try await node.send(
                command,
                to: slot,
                by: deadline,
                effect: effect,
                awaiting: replicas,
                for: timeout,
                after: isAsked ? Self.asking : nil
            )
        }
    }

    /// Runs `body` with the node that has a slot, and with others as long as there is hope and time.
    private func perform<Value>(
        on slot: RedisSlot,
        by deadline: NIODeadline,
        isRead: Bool,
        _ body: (RedisServerConnections, _ isAsked: Bool) async throws(RedisFailure) -> Value
    ) async throws(RedisFailure) -> Value {
        var attempt = Attempt(slot: slot, deadline: deadline, isRead: isRead)
        while true {
            do throws(RedisFailure) {
                if attempt.next == nil { attempt.next = try await owner(of: slot, by: deadline) }
                guard let destination = attempt.next else { throw Self.notServed }
                let value = try await body(destination.connections, destination.isAsked)
                if attempt.hasMoved { await refreshInPassing(after: destination, by: deadline) }
                return value
            } catch {
                try await recover(from: error, &attempt)
            }
        }
    }

    private static let notServed = RedisFailure(
        .refused(code: "CLUSTERDOWN"),
        "the Cluster has no server for the key's slot"
    )

    // MARK: Recovering

    /// How far one operation has come.
    private struct Attempt {
        let slot: RedisSlot
        let deadline: NIODeadline
        let isRead: Bool
        /// Where to go; `nil` for where the map says.
        var next: RedisClusterNodes.Destination?
        /// Whether a node has said that the map is wrong.
        var hasMoved = false
        var redirections = 0
        var pauses = 0
    }

    /// Prepares the next try.
    /// - Throws: The failure, if there is none.
    private func recover(from failure: RedisFailure, _ attempt: inout Attempt) async throws(RedisFailure) {
        let former = attempt.next
        attempt.next = nil
        if failure.fate == .unanswered, let former { state.withLock { $0.nodes.suspect(former.address) } }
        switch RedisClusterRecovery(failure, isRead: attempt.isRead) {
        case .giveUp:
            throw failure
        case .again(let withNewerMap):
            try await pause(after: failure, &attempt)
            guard withNewerMap, let former else { return }
            // If no node can tell, the one that failed may still be back.
            try? await refresh(since: former.version, by: attempt.deadline)
        case .follow(let redirection):
            guard redirection.slot == attempt.slot, let former, let address = redirection.address(from: former.address)
            else {
                try await pause(after: failure, &attempt)
                if let former { try? await refresh(since: former.version, by: attempt.deadline) }
                return
            }
            attempt.redirections += 1
            // Nodes that send the command to and fro have yet to agree.
            if attempt.redirections > 2 { try await pause(after: failure, &attempt) }
            attempt.hasMoved = attempt.hasMoved || redirection.kind == .moved
            attempt.next = try follow(redirection, to: address, from: former)
        }
    }

    private func follow(
        _ redirection: RedisRedirection,
        to address: Address,
        from former: RedisClusterNodes.Destination
    ) throws(RedisFailure) -> RedisClusterNodes.Destination {
        try state.withLock { state throws(RedisFailure) in
            guard !state.isShutDown else { throw RedisConnection.shutDownFailure }
            if redirection.kind == .moved { state.nodes.move(redirection.slot, to: address) }
            let connections = state.nodes.visit(address)
            scheduleSweep(&state)
            return RedisClusterNodes.Destination(
                address: address,
                connections: connections,
                isAsked: redirection.kind == .asked,
                version: former.version
            )
        }
    }

    /// Waits a moment, a longer one each time.
    /// - Throws: The failure, if there is no time left, or the operation is one that ends with its cancelled task.
    private func pause(after failure: RedisFailure, _ attempt: inout Attempt) async throws(RedisFailure) {
        attempt.pauses += 1
        let end = NIODeadline.now() + RedisClusterRecovery.pause(before: attempt.pauses)
        guard end < attempt.deadline else { throw failure }
        await wait(until: end)
        if attempt.isRead, Task.isCancelled { throw RedisFailure(.cancelled, "the request was cancelled") }
    }

    func wait(until moment: NIODeadline) async {
        // Not `Task.sleep`: what has been begun goes on even if its task is cancelled.
        try? await eventLoop.scheduleTask(deadline: moment) {}.futureResult.get()
    }

    // MARK: Servers

    func servers(by deadline: NIODeadline) async throws(RedisFailure) -> [any RedisServer] {
        try await primaries(by: deadline)
    }

    /// All primaries, by a map that is at most a second old.
    private func primaries(by deadline: NIODeadline) async throws(RedisFailure) -> [RedisServerConnections] {
        let (version, isOld) = state.withLock { ($0.nodes.version, !$0.refresh.isRecent(at: .now())) }
        if isOld { try await refresh(since: version, by: deadline) }
        return try state.withLock { state throws(RedisFailure) in
            guard !state.isShutDown else { throw RedisConnection.shutDownFailure }
            guard state.nodes.map.isComplete else {
                throw RedisFailure(.refused(code: "CLUSTERDOWN"), RedisReplyCode.explanation(of: "CLUSTERDOWN"))
            }
            return state.nodes.primaries
        }
    }

    /// Asks every primary; each must say that all slots are served. While one is down and no replica has taken over,
    /// this fails.
    func checkHealth(by deadline: NIODeadline) async throws(RedisFailure) {
        for server in try await primaries(by: deadline) {
            for reply in try await server.send([RedisClusterStatus.command], by: deadline) {
                let status = try reply.get().text.flatMap { RedisClusterStatus($0) }
                guard status?.isServing == true else {
                    throw RedisFailure(
                        .refused(code: "CLUSTERDOWN"),
                        "\(server.name): \(RedisReplyCode.explanation(of: "CLUSTERDOWN"))"
                    )
                }
            }
        }
    }

    func cachedRecord(_ id: SessionID, now: SessionInstant) -> SessionRecord? {
        let slot = RedisKeys.slot(of: id)
        return connections(for: slot)?.cachedRecord(id, in: slot, now: now)
    }

    private func connections(for slot: RedisSlot) -> RedisServerConnections? {
        state.withLock { $0.nodes.connections(for: slot) }
    }
}
#endif
