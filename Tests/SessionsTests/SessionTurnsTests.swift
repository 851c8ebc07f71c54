import Synchronization
import Testing

@testable import Sessions

@Suite("Turns of commits to one session")
struct SessionTurnsTests {
    private let id = SessionID(SessionToken(from: SystemSessionRandom()), managerName: SessionNamespace("test"))

    private final class Time: Sendable {
        private let instant = Mutex(ContinuousClock.now)
        var now: ContinuousClock.Instant { instant.withLock { $0 } }
        func advance(by duration: Duration) { instant.withLock { $0 += duration } }
    }

    @Test("A process that has written to a session for long without a pause rests, so that others get in")
    func rests() async throws {
        let time = Time()
        let turns = SessionTurns(maximumWaiters: 8) { time.now }
        let id = id
        /// Lets a waiter in after some time in which the turn was taken.
        func turn(after duration: Duration) async throws -> SessionTurns.Turn {
            let waiting = Task { try await turns.take(id) }
            while turns.waiterCount(id) == 0 { await Task.yield() }
            time.advance(by: duration)
            turns.give(id)
            return try await waiting.value
        }
        #expect(try await turns.take(id).mustRest == false)
        #expect(try await turn(after: .milliseconds(50)).mustRest == false)
        #expect(try await turn(after: .milliseconds(50)).mustRest)
        #expect(try await turn(after: .milliseconds(99)).mustRest == false)
        turns.give(id)
        // Whoever comes when nobody is there begins anew.
        #expect(try await turns.take(id).mustRest == false)
        #expect(try await turn(after: .milliseconds(99)).mustRest == false)
        turns.give(id)
        #expect(turns.count == 0)
    }
}
