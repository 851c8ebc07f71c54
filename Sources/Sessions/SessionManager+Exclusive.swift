import Synchronization

/// A session that a request has for itself. The turn is given to the next one when the hold is let go of, at the latest:
/// an adapter that forgets to finish an exchange must not lock everybody else out.
final class ExclusiveHold: Sendable {
    let id: SessionID
    let leaseHolder: UInt64?
    private let turns: SessionTurns
    private let isGiven = Atomic(false)

    init(id: SessionID, leaseHolder: UInt64? = nil, turns: SessionTurns) {
        self.id = id
        self.leaseHolder = leaseHolder
        self.turns = turns
    }

    deinit { giveTurn() }

    func giveTurn() {
        if !isGiven.exchange(true, ordering: .relaxed) { turns.give(id) }
    }
}

/// What exclusive opening gives.
struct ExclusivelyOpened: ~Copyable, Sendable {
    private let state: SessionState
    let hold: ExclusiveHold?

    init(state: consuming SessionState, hold: ExclusiveHold?) {
        self.state = state
        self.hold = hold
    }

    consuming func takeState() -> SessionState { state }
}

extension SessionManager {
    /// Finds the session of a request and waits until no other exclusive request has it.
    func openExclusively(
        _ candidates: CandidateTokens,
        within timeout: Duration,
        policy: SessionPolicy
    ) async throws -> ExclusivelyOpened {
        let deadline = now + timeout
        var state = try await open(candidates, policy: policy)
        while let id = state.stored?.id {
            let hold = try await hold(id, until: deadline)
            do {
                // While this request waited, the session may have ended or moved to another token.
                state = try await open(candidates, policy: policy)
            } catch {
                await release(hold)
                throw error
            }
            if state.stored?.id == id { return ExclusivelyOpened(state: state, hold: hold) }
            await release(hold)
        }
        return ExclusivelyOpened(state: state, hold: nil)
    }

    private func hold(_ id: SessionID, until deadline: SessionInstant) async throws -> ExclusiveHold {
        let clock = clock
        let turns = exclusiveTurns
        let timedOut = SessionError(
            .exclusiveTimeout,
            "other requests held the session for longer than this one waits"
        )
        if turns.isTaken(id) {
            let gotTurn = try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    do {
                        _ = try await turns.take(id)
                        return true
                    } catch SessionTurns.Failure.cancelled {
                        return false
                    }
                }
                group.addTask {
                    try? await clock.sleepUntil(deadline)
                    return false
                }
                let first = try await group.next() ?? false
                group.cancelAll()
                // The turn may have come at the same moment as the timeout: then it is kept.
                let second = try await group.next() ?? false
                return first || second
            }
            guard gotTurn else {
                try Task.checkCancellation()
                throw timedOut
            }
        } else {
            _ = try await turns.take(id)
        }
        guard let leasing else { return ExclusiveHold(id: id, turns: turns) }
        let holder = random.next()
        do {
            while now < deadline {
                let isOurs = try await reporting("lease") { () async throws(SessionStoreError) in
                    try await leasing.acquireLease(
                        on: id,
                        holder: holder,
                        expiresAt: now + Self.leaseTime,
                        now: now
                    )
                }
                if isOurs { return ExclusiveHold(id: id, leaseHolder: holder, turns: turns) }
                try await backOff(.milliseconds(Int64(5 + holder % 10)))
            }
            throw timedOut
        } catch {
            turns.give(id)
            throw error
        }
    }

    /// Makes sure that no other process has taken the session over, because this request took longer than its lease.
    /// - Throws: ``SessionError`` with the code `.conflict` if one has.
    func confirm(_ hold: ExclusiveHold) async throws(SessionError) {
        guard let leasing, let holder = hold.leaseHolder else { return }
        let isOurs = try await reporting("lease") { () async throws(SessionStoreError) in
            try await leasing.acquireLease(on: hold.id, holder: holder, expiresAt: now + Self.leaseTime, now: now)
        }
        guard isOurs else {
            throw SessionError(
                .conflict,
                "the request held the session for longer than its lease, and another has it now; nothing was written"
            )
        }
    }

    /// How long a process may hold a session before others take it for dead.
    private static let leaseTime: Duration = .seconds(30)

    /// Lets the next request have the session.
    func release(_ hold: ExclusiveHold) async {
        if let leasing, let holder = hold.leaseHolder {
            do throws(SessionStoreError) {
                try await leasing.releaseLease(on: hold.id, holder: holder)
            } catch {
                // It runs out by itself; until then other processes wait.
                telemetry.storeError(error, in: "release lease")
            }
        }
        hold.giveTurn()
    }
}

extension SessionClock {
    /// Sleeps until `deadline`, without a tolerance.
    func sleepUntil(_ deadline: SessionInstant) async throws { try await sleep(until: deadline, tolerance: nil) }
}
