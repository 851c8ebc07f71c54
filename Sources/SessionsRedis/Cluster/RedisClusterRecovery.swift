#if Redis
import NIOCore

/// What to do about a command that a Cluster's node did not answer as hoped.
enum RedisClusterRecovery: Hashable, Sendable {
    /// The node names another one.
    case follow(RedisRedirection)
    /// It may work soon, and perhaps on another node, which a newer map names.
    case again(withNewerMap: Bool)
    /// Trying again would help nobody, or do a thing twice.
    case giveUp

    init(_ failure: RedisFailure, isRead: Bool) {
        switch failure.fate {
        case .refused(let code):
            if let redirection = failure.redirection {
                self = .follow(redirection)
            } else {
                switch code {
                case "TRYAGAIN": self = .again(withNewerMap: false)
                // A node that is not, or not any more, or not yet, a primary that serves.
                case "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "MOVED", "ASK":
                    self = .again(withNewerMap: true)
                default: self = .giveUp
                }
            }
        case .notExecuted: self = failure.isOverload ? .giveUp : .again(withNewerMap: true)
        case .unanswered: self = isRead ? .again(withNewerMap: true) : .giveUp
        case .misconfigured, .cancelled, .shutDown: self = .giveUp
        }
    }

    /// The pause before the next try: a random part, between half and all, of 5 ms doubling to 80.
    static func pause(before attempt: Int) -> TimeAmount {
        let longest = Int64(5_000) << Int64(min(max(attempt - 1, 0), 4))
        return .microseconds(Int64.random(in: longest / 2...longest))
    }
}
#endif
