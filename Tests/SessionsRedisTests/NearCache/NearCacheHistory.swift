#if Redis
import Sessions
import Synchronization

@testable import SessionsRedis

/// What was acknowledged about some sessions, and when: what no later read may fall behind.
final class NearCacheHistory: Sendable {
    /// A session with one number for each change; its end counts as the highest.
    private struct Course {
        var user: TestUser
        /// What was acknowledged, in the order of the moments.
        var acknowledged: [(change: UInt64, moment: ContinuousClock.Instant)] = []
    }

    private struct State {
        var courses: [Course]
        var longestDelay: Duration = .zero
        var violations: [String] = []
        var readCount = 0
        var changeCount = 0
    }

    static let end = UInt64.max

    private let state: Mutex<State>

    init(_ users: [TestUser]) { state = Mutex(State(courses: users.map { Course(user: $0) })) }

    var violations: [String] { state.withLock { $0.violations } }
    var readCount: Int { state.withLock { $0.readCount } }
    var changeCount: Int { state.withLock { $0.changeCount } }
    /// The longest time for which a change was acknowledged and a read that began afterwards still missed it.
    var longestDelay: Duration { state.withLock { $0.longestDelay } }

    func user(_ index: Int) -> TestUser { state.withLock { $0.courses[index].user } }

    /// Another session takes the place of one that has ended.
    func replace(_ old: TestUser, at index: Int, with new: TestUser) {
        state.withLock { state in
            if state.courses[index].user.id == old.id { state.courses[index] = Course(user: new) }
        }
    }

    /// The store has said that it did this.
    func acknowledged(_ change: UInt64, _ user: TestUser, at index: Int) {
        let moment = ContinuousClock.now
        state.withLock { state in
            guard state.courses[index].user.id == user.id else { return }
            state.changeCount += 1
            state.courses[index].acknowledged.append((change, moment))
        }
    }

    /// Runs what ends all sessions that there are before.
    func ended<Failure>(by body: () async throws(Failure) -> Void) async throws(Failure) {
        let before = state.withLock { $0.courses.map(\.user.id) }
        try await body()
        for (index, id) in before.enumerated() {
            let user = user(index)
            if user.id == id { acknowledged(Self.end, user, at: index) }
        }
    }

    /// A store has said that the session is like this, to somebody who asked at `start`.
    /// - Parameter tolerance: How long after its acknowledgment a change may still be missed.
    func read(
        _ change: UInt64,
        _ user: TestUser,
        at index: Int,
        askedAt start: ContinuousClock.Instant,
        tolerance: Duration
    ) {
        state.withLock { state in
            guard state.courses[index].user.id == user.id else { return }
            state.readCount += 1
            // The first change that this read has missed, of those that were acknowledged before it began.
            guard let missed = state.courses[index].acknowledged.first(where: { $0.change > change }) else { return }
            let delay = start - missed.moment
            guard delay > .zero else { return }
            state.longestDelay = max(state.longestDelay, delay)
            if delay > tolerance {
                state.violations.append("\(change) was read \(delay) after \(missed.change) was acknowledged")
            }
        }
    }
}

extension SessionRecord? {
    /// The number of the change that a history knows it by.
    var change: UInt64 { self?.revision ?? NearCacheHistory.end }
}
#endif
