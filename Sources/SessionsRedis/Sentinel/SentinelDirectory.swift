#if Redis
import Logging
import NIOCore
import Synchronization

/// What the connections to one primary know together: the sentinels, and which server they have settled on.
///
/// Each connection asks the sentinels for itself, and while a failover is under way two of them may be told of two
/// servers that both believe to be the primary: an old one that sentinels do not reach and we do goes on saying so. A
/// session ended on the one would live on for whoever reads the other. So they agree:
///
/// - No connection is used before its server has said, to `ROLE`, that it is the primary.
/// - Sentinels number failovers. What one says that has not heard of the last one is put aside.
/// - As soon as one connection is in use with another server, all others leave theirs before they send anything more.
final class SentinelDirectory: Sendable {
    private struct State {
        /// Whom to ask: those of the configuration, and then those that they have named.
        var addresses: [RedisSessionStore.Address]
        /// The one that is asked first: the one that answered last.
        var first = 0
        /// The last answer.
        var newest: SentinelAnswer?
        /// The server in use.
        var settled: RedisSessionStore.Address?
    }

    /// The primary in messages.
    let primaryName: String
    private let sentinel: RedisSessionStore.Sentinel
    private let tls: RedisTLS?
    private let connectTimeout: TimeAmount
    private let logger: Logger
    private let state: Mutex<State>
    private let generationNumber = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - tls: How connections to the sentinels are encrypted.
    ///   - connectTimeout: The time in which the primary must be found, connected to and greeted.
    init(_ sentinel: RedisSessionStore.Sentinel, tls: RedisTLS?, connectTimeout: TimeAmount, logger: Logger) {
        self.sentinel = sentinel
        self.tls = tls
        self.connectTimeout = connectTimeout
        self.logger = logger
        primaryName = "the Redis primary \"\(sentinel.masterName)\""
        state = Mutex(State(addresses: sentinel.addresses))
    }

    // MARK: Asking

    /// Asks where the primary is.
    func primary(on eventLoop: any EventLoop) -> EventLoopFuture<RedisSessionStore.Address> {
        let (addresses, epoch) = state.withLock { state in
            (Array(state.addresses[state.first...] + state.addresses[..<state.first]), state.newest?.epoch ?? 0)
        }
        return SentinelInquiry.ask(
            addresses.map { target(for: $0) },
            question,
            lowestEpoch: epoch,
            // What is left is for the primary itself.
            within: .nanoseconds(connectTimeout.nanoseconds / 4 * 3),
            on: eventLoop
        ).map { index, answer in
            self.note(answer, of: addresses[index])
            return answer.primary
        }
    }

    var question: SentinelQuestion { SentinelQuestion(masterName: sentinel.masterName) }

    /// The sentinels of the configuration.
    var configured: [RedisSessionStore.Address] { sentinel.addresses }

    /// A sentinel.
    func target(for address: RedisSessionStore.Address) -> RedisTarget {
        var target = RedisTarget(name: "Sentinel at \(address)", resolve: { address.resolved(on: $0) }, tls: tls)
        target.connectTimeout = connectTimeout
        target.handshake.hello(username: sentinel.username, password: sentinel.password)
        return target
    }

    private func note(_ answer: SentinelAnswer, of source: RedisSessionStore.Address) {
        state.withLock { state in
            // From the configuration anew, so that those that are gone are not asked for ever.
            state.addresses = sentinel.addresses
            for address in [source] + answer.sentinels where !state.addresses.contains(address) {
                state.addresses.append(address)
            }
            state.first = state.addresses.firstIndex(of: source) ?? 0
            state.newest = answer
        }
    }

    // MARK: Watching

    /// Whether there is a server in use.
    var isInUse: Bool { state.withLock { $0.settled != nil } }

    /// Whether another server has been named than the one in use.
    var isBehind: Bool { state.withLock { $0.settled != nil && $0.settled != $0.newest?.primary } }

    /// A sentinel has answered that was asked while all is well: what it says counts only if there was a failover.
    func receiveNews(_ replies: [RESPValue], of source: RedisSessionStore.Address) {
        let name = "Sentinel at \(source)"
        guard let answer = try? question.answer(replies, from: name), let epoch = answer.epoch else { return }
        state.withLock { state in
            guard epoch > state.newest?.epoch ?? 0, answer.primary != state.newest?.primary else { return }
            state.newest = answer
            // It knows; others may not yet.
            state.first = state.addresses.firstIndex(of: source) ?? state.first
        }
    }

    // MARK: Agreeing

    /// Changes whenever another server comes into use: connections of an earlier generation are to be left.
    var generation: UInt64 { generationNumber.load(ordering: .acquiring) }

    /// A connection is about to be used, with a server that says that it is the primary.
    /// - Returns: The generation, or `nil` if another server has been named since this one was.
    func settle(on address: RedisSessionStore.Address) -> UInt64? {
        let (generation, isOther) = state.withLock { state -> (UInt64?, Bool) in
            guard state.newest?.primary == address else { return (nil, false) }
            guard state.settled != address else { return (self.generation, false) }
            defer { state.settled = address }
            return (generationNumber.add(1, ordering: .acquiringAndReleasing).newValue, state.settled != nil)
        }
        if isOther {
            logger.notice(
                "the sentinels have another primary now",
                metadata: ["primary": "\(sentinel.masterName)", "server": "\(address)"]
            )
        }
        return generation
    }

    /// An attempt to connect came to nothing: the sentinel that was asked may be behind, so another one is next.
    func attemptFailed() {
        state.withLock { $0.first = ($0.first + 1) % $0.addresses.count }
    }
}
#endif
