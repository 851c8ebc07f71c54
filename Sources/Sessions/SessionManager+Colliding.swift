// Commits to one session, of this process and of others, at the same time.

extension SessionManager {
    /// Runs `body` when no other commit of this process writes to the session.
    ///
    /// - Parameter body: Gets the record that the one before has left, gives back the one that it leaves itself.
    func inTurn<Result>(
        _ id: SessionID,
        _ body: (SessionRecord?) async throws -> (Result, SessionRecord?)
    ) async throws -> Result {
        let turn: SessionTurns.Turn
        do {
            turn = try await commitTurns.take(id)
        } catch SessionTurns.Failure.tooManyWaiters {
            throw SessionError(.conflict, "too many requests write to this session at once; nothing was written")
        } catch {
            throw SessionError(.conflict, "the request was cancelled while its commit waited; nothing was written")
        }
        do {
            // Cut short by a cancellation, after which the commit goes on all the same.
            if turn.mustRest { try? await backOff(Self.rest) }
            let (result, left) = try await body(turn.latest)
            commitTurns.give(id, latest: left)
            return result
        } catch {
            commitTurns.give(id)
            throw error
        }
    }

    /// How long a process that has written to a session for long leaves it to others: longer than ``longestBackOff``, so that
    /// those who wait for their chance look in between.
    static let rest = Duration.milliseconds(6)

    /// The longest pause between two attempts, in microseconds.
    ///
    /// Of each process only one commit to a session is under way, so few compete, and one of them always wins: pauses need
    /// not grow beyond what spares the store the worst.
    private static let longestBackOff: UInt64 = 4000

    /// Runs `body` until it gives a result, with growing, random pauses: at least 8 times, then until
    /// ``Configuration/conflictTimeout`` is over.
    func retrying<Result>(_ body: () async throws -> Result?) async throws -> Result {
        let start = ContinuousClock.now
        var attempts = 0
        while attempts < 8 || ContinuousClock.now - start < configuration.conflictTimeout {
            if let result = try await body() { return result }
            attempts += 1
            // Every other time at once: an attempt that has lost knows the record as it is now, and loses that by waiting.
            guard attempts.isMultiple(of: 2) else { continue }
            let longest = min(Self.longestBackOff, 100 << UInt64(min(attempts, 10)))
            do {
                try await backOff(.microseconds(Int64(random.next() % longest)))
            } catch {
                throw SessionError(.conflict, "the request was cancelled between two attempts; nothing was written")
            }
        }
        throw SessionError(.conflict, "other writers won \(attempts) times in a row; nothing was written")
    }
}
