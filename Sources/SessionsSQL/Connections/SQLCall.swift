import Sessions

/// One call of a pool's, from its submission to its answer. Everything that changes does so under the pool's monitor.
///
/// `@unchecked Sendable`: see above; `SQLThreads` alone reads and writes it, and holds the monitor when it does.
final class SQLCall: @unchecked Sendable {
    enum Phase {
        /// Not submitted yet, or waiting for a connection.
        case waiting
        case running
        /// Its caller has the answer.
        case answered
    }

    let isRead: Bool
    let deadline: ContinuousClock.Instant
    var phase = Phase.waiting
    /// What it does, if that may be done together with others. `nil` if not, or not any more.
    var change: SQLChange?
    /// The row that it looks for, if that may be done together with others. `nil` if not, or not any more.
    var lookup: SQLLookup?
    /// Runs the body on a connection; gives what hands over the result, or the failure.
    var body: ((any SQLConnection) -> Result<Answer, SQLFailure>)?
    /// Hands over the result of a change that was done together with others, and has changed its row.
    var changed: Answer?
    /// Takes the row that a lookup has found together with others, `nil` if there is none; gives what hands it over.
    var found: (([SQLValue]?) -> Answer)?
    /// Hands over a failure.
    var fail: ((SQLFailure) -> Void)?

    /// Hands over the result, once.
    typealias Answer = () -> Void

    init(isRead: Bool, change: SQLChange? = nil, lookup: SQLLookup? = nil, deadline: ContinuousClock.Instant) {
        self.isRead = isRead
        self.change = change
        self.lookup = lookup
        self.deadline = deadline
    }

    /// Lets go of what the caller has given, and gives what hands over a failure; `nil` if there was an answer.
    func answer() -> ((SQLFailure) -> Void)? {
        guard phase != .answered else { return nil }
        phase = .answered
        defer { (change, lookup, body, changed, found, fail) = (nil, nil, nil, nil, nil, nil) }
        return fail
    }
}
