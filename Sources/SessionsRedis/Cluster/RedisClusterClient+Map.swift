#if Redis
import NIOCore
import Sessions
import Synchronization

/// When a Cluster's map was asked for, and who waits for the answer.
struct RedisClusterRefresh {
    /// Those who wait for the one who asks; `nil` if nobody asks.
    private var waiters: [RedisReply]?
    private var succeededAt: NIODeadline?
    private var notBefore = NIODeadline.uptimeNanoseconds(0)
    /// How many refreshes in a row have brought nothing new.
    private var vainCount = 0

    enum Role {
        /// To ask, and to tell the others.
        case ask
        case wait(RedisReply)
        /// The last one has just ended.
        case pause(until: NIODeadline)
    }

    /// Somebody wants a newer map.
    mutating func begin(at now: NIODeadline) -> Role {
        if waiters != nil {
            let reply = RedisReply()
            waiters?.append(reply)
            return .wait(reply)
        }
        guard now >= notBefore else { return .pause(until: notBefore) }
        if now > notBefore + .seconds(1) { vainCount = 0 }
        waiters = []
        return .ask
    }

    /// Whether one could begin now.
    func isDue(at now: NIODeadline) -> Bool { waiters == nil && now >= notBefore }

    /// - Returns: Those who wait.
    mutating func end(at now: NIODeadline, hasMap: Bool, isNew: Bool) -> [RedisReply] {
        vainCount = isNew ? 0 : vainCount + 1
        // A random part, between half and all, of 25 ms doubling to 400: the clients of a fleet all meet the same change.
        let longest = Int64(25) << Int64(min(vainCount, 4))
        notBefore = now + .milliseconds(Int64.random(in: longest / 2...longest))
        if hasMap { succeededAt = now }
        defer { waiters = nil }
        return waiters ?? []
    }

    /// Whether there is a map of the last second.
    func isRecent(at now: NIODeadline) -> Bool { succeededAt.map { now < $0 + .seconds(1) } ?? false }
}

extension RedisClusterClient {
    /// The primary that has a slot, by the present map; by a newer one if that is unknown, or does not answer.
    /// - Returns: `nil` if no primary has it.
    func owner(
        of slot: RedisSlot,
        by deadline: NIODeadline
    ) async throws(RedisFailure) -> RedisClusterNodes.Destination? {
        let (owner, isSuspect, version) = try state.withLock { state throws(RedisFailure) in
            guard !state.isShutDown else { throw RedisConnection.shutDownFailure }
            let owner = state.nodes.owner(of: slot)
            return (owner, owner.map { state.nodes.isSuspect($0.address) } ?? true, state.nodes.version)
        }
        guard isSuspect else { return owner }
        do throws(RedisFailure) {
            // If one that does not answer is still in office, there must be time to try it.
            let now = NIODeadline.now()
            let half = now + .nanoseconds((deadline - now).nanoseconds / 2)
            try await refresh(since: version, by: owner == nil ? deadline : half)
        } catch {
            guard owner != nil else { throw error }
        }
        return state.withLock { $0.nodes.owner(of: slot) }
    }

    /// Gets a newer map than the one that `version` says: once for all who want it at the same time.
    /// - Throws: If no node tells it in time. What the map is needed for has not been sent then.
    func refresh(since version: UInt64, by deadline: NIODeadline) async throws(RedisFailure) {
        while true {
            let role: RedisClusterRefresh.Role? = try state.withLock { state throws(RedisFailure) in
                guard !state.isShutDown else { throw RedisConnection.shutDownFailure }
                return state.nodes.version == version ? state.refresh.begin(at: .now()) : nil
            }
            switch role {
            case nil:
                return
            case .ask:
                return try await ask(by: deadline)
            case .wait(let reply):
                let timer = eventLoop.scheduleTask(deadline: deadline) { reply.settle(.failure(Self.notTold)) }
                let result = await reply.value()
                timer.cancel()
                _ = try result.get()
                return
            case .pause(let moment):
                guard moment < deadline else { throw Self.notTold }
                await wait(until: moment)
            }
        }
    }

    /// Gets a newer map for those who come later, unless somebody does, or did a moment ago.
    /// - Parameter destination: The node that has just answered.
    func refreshInPassing(after destination: RedisClusterNodes.Destination, by deadline: NIODeadline) async {
        let isDue = state.withLock { state in
            guard !state.isShutDown, state.nodes.version == destination.version,
                state.refresh.isDue(at: .now()), case .ask = state.refresh.begin(at: .now())
            else { return false }
            return true
        }
        guard isDue else { return }
        // The answer that waits meanwhile has no need of it.
        try? await ask(first: destination.address, by: min(deadline, .now() + .milliseconds(250)))
    }

    private static let notTold = RedisFailure(.notExecuted, "no node of the Cluster has told in time which has what")

    /// Asks one node after the other until one tells its map, and goes by that.
    private func ask(first: Address? = nil, by deadline: NIODeadline) async throws(RedisFailure) {
        let sources = state.withLock { $0.nodes.sources(first: first, seeds: seeds) }
        var result: Result<RedisClusterMap, RedisFailure> = .failure(Self.notTold)
        for (index, source) in sources.enumerated() {
            let now = NIODeadline.now()
            guard now < deadline else { break }
            // One that hangs leaves time for others.
            let share = TimeAmount.nanoseconds((deadline - now).nanoseconds / Int64(min(sources.count - index, 3)))
            do throws(RedisFailure) {
                result = .success(try await map(from: source, by: now + share))
                break
            } catch {
                // The next time it is asked after the others.
                state.withLock { $0.nodes.suspect(source) }
                // That a password is wrong says more than that another node is down.
                if case .failure(let former) = result, former.isConfiguration { continue }
                result = .failure(error.beforeSending)
            }
        }
        let waiters = state.withLock { state in
            let now = NIODeadline.now()
            guard case .success(let map) = result, !state.isShutDown else {
                return state.refresh.end(at: now, hasMap: false, isNew: false)
            }
            let isNew = state.nodes.adopt(map, at: now)
            scheduleSweep(&state)
            return state.refresh.end(at: now, hasMap: true, isNew: isNew)
        }
        let answer = result.map { _ in RESPValue.null }
        for waiter in waiters { waiter.settle(answer) }
        _ = try answer.get()
    }

    private func map(from source: Address, by deadline: NIODeadline) async throws(RedisFailure) -> RedisClusterMap {
        let connections = try state.withLock { state throws(RedisFailure) in
            guard !state.isShutDown else { throw RedisConnection.shutDownFailure }
            defer { scheduleSweep(&state) }
            return state.nodes.visit(source)
        }
        for reply in try await connections.send([RedisClusterMap.command], by: deadline) {
            do throws(RedisFailure) {
                return try RedisClusterMap(reply.get(), from: source)
            } catch {
                guard error.code == "ERR" else { throw error }
                throw RedisFailure(
                    .refused(code: "ERR"),
                    "\(connections.name) is no node of a Cluster: connect with redis://, or set cluster-enabled"
                )
            }
        }
        throw Self.notTold
    }

    // MARK: Leaving

    /// Sees to it that connections to nodes without slots are closed once nothing is on its way to them.
    func scheduleSweep(_ state: inout State) {
        guard state.sweep == nil, let idleSince = state.nodes.idleSince else { return }
        // A client that is dropped meanwhile closes everything by that.
        state.sweep = eventLoop.scheduleTask(deadline: idleSince + idleTimeout) { [weak self] in self?.sweep() }
    }

    private func sweep() {
        let left = state.withLock { state in
            state.sweep = nil
            guard !state.isShutDown else { return [RedisServerConnections]() }
            defer { scheduleSweep(&state) }
            return state.nodes.removeIdle(since: .now() - idleTimeout)
        }
        guard !left.isEmpty else { return }
        let closings = left.map { $0.close(RedisFailure(.unanswered, "\($0.name) has left the Cluster")) }
        state.withLock { state in
            state.closed = .andAllComplete(closings + [state.closed], on: eventLoop)
        }
    }

    func shutDown() async {
        let (nodes, closed) = state.withLock { state in
            state.isShutDown = true
            state.sweep?.cancel()
            state.sweep = nil
            return (state.nodes.removeAll(), state.closed)
        }
        for node in nodes { await node.shutDown() }
        // The future never fails.
        try? await closed.get()
    }
}
#endif
