import Synchronization

/// One request's view of one session: read, edit, renew, end it.
///
/// What you change is committed before the response's head leaves (by the adapter), or when you call ``save()`` or
/// ``commit(_:)``. A commit writes your *edits*: if another request has committed in between, they are applied to what
/// that one left, so keys you did not touch keep its values, and ``update(_:default:_:)`` and ``increment(_:by:)`` add up.
/// Until then everything you read is provisional.
///
/// A session may be used from several tasks of the same request.
public final class Session: Sendable {
    let state: Mutex<SessionState>
    let manager: SessionManager
    let policy: SessionPolicy
    private let source: RequestSource

    init(
        _ state: consuming sending SessionState,
        source: consuming RequestSource,
        manager: SessionManager,
        policy: SessionPolicy
    ) {
        self.state = Mutex(state)
        self.manager = manager
        self.policy = policy
        self.source = source
    }

    var origin: RequestOrigin { source.origin(trusting: manager.configuration.trustedProxies) }

    var labels: SessionLabels { source.labels(trusting: manager.configuration.trustedProxies) }

    // MARK: What it is

    /// Whether there is a stored session. A session that this request is about to make is stored by its commit.
    public var exists: Bool { state.withLock { $0.stored != nil } }

    /// The session's id, or `nil` if it is not stored (yet).
    public var id: SessionID? { state.withLock { $0.stored?.id } }

    /// Who the session belongs to, or `nil` for nobody. Set it with ``renew(subject:)``.
    public var subject: String? { state.withLock { $0.subject } }

    /// When the session was made, or `nil` if it is not stored (yet).
    public var createdAt: SessionInstant? { record?.createdAt }

    /// When somebody last signed in to this session, or `nil`.
    public var authenticatedAt: SessionInstant? { record?.authenticatedAt }

    /// When the session ends if nobody uses it, or `nil` if it is not stored (yet).
    public var expiresAt: SessionInstant? { record?.expiresAt }

    /// When the session ends in any case, or `nil` if it is not stored (yet).
    public var absoluteDeadline: SessionInstant? { record?.absoluteDeadline }

    /// When the session was last used before this request, up to a tenth of the idle time early.
    public var lastSeenAt: SessionInstant? { record?.lastSeenAt }

    /// What a device list shows of the client.
    public var clientLabels: SessionLabels? { record?.labels }

    /// The number of commits so far; 0 if the session is not stored (yet).
    public var revision: UInt64 { record?.revision ?? 0 }

    private var record: SessionRecord? { state.withLock { $0.stored?.record } }

    // MARK: Its life

    /// Gives the session a new token; the old one is dead for every use as soon as the commit has won.
    ///
    /// Do this at every change of what the session may do. Nothing happens if there is no session.
    /// - Throws: ``SessionError`` if the session takes no edits.
    public func renew() throws(SessionError) {
        try state.withLock { state throws(SessionError) in
            if state.stored != nil { try state.renew(.token) } else { try state.checkWritable() }
        }
    }

    /// Signs somebody in or out: gives the session a new token and a new subject, and starts the absolute clock anew.
    ///
    /// A token that was known before the sign-in is worth nothing after it, so nobody can plant a session
    /// (CVE-2024-38513). The values stay; call ``removeAll()`` first if they should not.
    /// - Parameter subject: Who the session belongs to from now on, such as a user's id; 1 to 1024 bytes. `nil` signs out
    ///   but keeps the session; ``end()`` is the usual way to sign out.
    /// - Throws: ``SessionError``: `.invalidSubject`, or why the session takes no edits.
    public func renew(subject: String?) throws(SessionError) {
        if let subject, !(1...SessionRecord.maximumSubjectByteCount ~= subject.utf8.count) {
            throw SessionError(
                .invalidSubject,
                "a subject has 1 to \(SessionRecord.maximumSubjectByteCount) bytes, this one has \(subject.utf8.count)"
            )
        }
        try state.withLock { state throws(SessionError) in try state.renew(.subject(subject)) }
    }

    /// Gives this session lifetimes of its own, such as longer ones for "remember me".
    ///
    /// Where somebody is signed in already, an absolute lifetime that ends later comes with a new token, as from ``renew()``.
    /// - Throws: ``SessionError``: `.misconfigured` for lifetimes outside 1 second to 400 days, or why the session takes
    ///   no edits.
    public func setLifetime(idle: Duration, absolute: Duration) throws(SessionError) {
        let lifetime = SessionManager.Lifetime(idle: idle, absolute: absolute)
        try lifetime.validate()
        try state.withLock { state throws(SessionError) in try state.setLifetime(lifetime) }
    }

    /// Ends the session: its edits are dropped, its record is deleted and the cookie is cleared by the commit.
    ///
    /// A request that still runs with this session cannot bring it back (CVE-2025-46336). With a token that was
    /// superseded, the session that took its place ends. Nothing happens if there is none.
    /// - Throws: ``SessionError``: `.ambiguous` or `.unavailable` if it is not known which session this is.
    public func end() throws(SessionError) {
        try state.withLock { state throws(SessionError) in try state.end() }
    }

    /// Drops what this request has changed since the last commit, a renewal included.
    public func discard() { state.withLock { $0.discard() } }

    /// Commits what has been changed so far, without waiting for the end of the handler.
    ///
    /// Afterwards everything you read is committed. A commit that fails drops its edits; it is never tried again, since
    /// an edit must not take effect twice.
    /// - Throws: ``SessionError``: `.ended`, `.conflict`, `.lostUpdate`, `.unavailable`, or what an edit could not throw;
    ///   and what an `update` closure throws when it is run again.
    public func save() async throws {
        try await commit(isFinal: false)
    }

    /// Commits; the tasks of one request do so one after the other, each building on what the one before has written.
    /// - Parameter isFinal: Whether the response's head leaves after this: later edits are refused.
    func commit(isFinal: Bool) async throws {
        while true {
            let now = manager.now
            let plan = try state.withLock { state throws(SessionError) in
                try state.beginCommit(now: now, isFinal: isFinal, rotation: manager.rotation)
            }
            switch plan {
            case .nothing:
                return
            case .wait:
                await withCheckedContinuation { continuation in
                    if state.withLock({ $0.waitForCommit(continuation) }) { continuation.resume() }
                }
            case .update(let pending, let stored):
                // By far the most frequent, so it does without the frame that serves all the others.
                defer {
                    for committer in state.withLock({ $0.endCommit() }) { committer.resume() }
                }
                return try await manager.update(self, pending, stored, now: now)
            default:
                defer {
                    for committer in state.withLock({ $0.endCommit() }) { committer.resume() }
                }
                return try await manager.perform(plan, for: self, now: now)
            }
        }
    }

    /// Closes the session without a commit, if there is nothing to commit.
    func closeIfClean() -> SessionState.Closing {
        let rotation = manager.rotation
        return state.withLock { $0.closeIfClean(rotation: rotation) }
    }

    /// What the response must say.
    var announcement: SessionState.Announcement? { state.withLock { $0.announcement } }
}

extension Session: CustomStringConvertible, CustomReflectable {
    /// The id, no values.
    public var description: String { "Session(\(id.map { "\($0)" } ?? "none"))" }
    /// Redacted as ``description`` is.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
