#if Redis
import Sessions

/// What a command means to the near cache.
enum NearCacheEffect: Sendable {
    /// Nothing: what it reads is not kept.
    case none
    /// Reads a record; the reply may be kept.
    case load(SessionID)
    /// Replaces a record. It is forgotten, and this one may be kept once it is confirmed.
    case commit(SessionID, SessionRecord)
    /// Reads the head of a record that a commit right before it has replaced; if it is this one's, this one may be kept.
    case confirm(SessionID, SessionRecord)
    /// Changes a record in another way.
    case forget(SessionID)
    /// Asks a Cluster's node for its state.
    case clusterStatus
}
#endif
