/// What one request knows of its session and wants done to it: a value that decides, while ``SessionManager`` acts.
struct SessionState: ~Copyable, Sendable {
    /// A session that is stored, as this request last saw it.
    struct Stored: Sendable {
        var id: SessionID
        var token: SessionToken
        var record: SessionRecord
    }

    /// A renewal that the request asked for.
    enum Renewal: Hashable, Sendable {
        /// A new token for the same session.
        case token
        /// A sign-in or sign-out: a new token and a new subject.
        case subject(String?)
    }

    /// What the response says about the token.
    enum Announcement: Sendable {
        case token(SessionToken)
        case ended
    }

    /// How closing without a commit ended.
    enum Closing: Sendable {
        /// There was nothing to commit.
        case closed(Announcement?)
        /// There is: ask ``beginCommit(now:isFinal:rotation:)``.
        case needsCommit
    }

    /// What a commit takes with it.
    struct Pending: Sendable {
        var values: SessionValues
        var edits: [SessionEdit]
        var renewal: Renewal?
        var lifetime: SessionManager.Lifetime?
    }

    enum Plan: Sendable {
        case nothing
        /// Another commit of this request is under way: wait for it and ask again.
        case wait
        case touch(Stored)
        case create(Pending)
        case update(Pending, Stored)
        case renew(Pending, Stored)
        case rotate(Pending, Stored)
        case end([SessionID], Stored?)
    }

    /// The stored session, or `nil` if there is none (yet).
    private(set) var stored: Stored?
    /// The values as this request sees them, its own edits included.
    private(set) var values: SessionValues
    /// Why writes are refused, or `nil` if they are welcome.
    private(set) var refusal: SessionError?
    /// What the response must say.
    private(set) var announcement: Announcement?

    /// The sessions that a superseded token leads to: what `end()` ends in place of a session.
    private let successors: [SessionID]
    private var edits: [SessionEdit] = []
    private var renewal: Renewal?
    private var lifetime: SessionManager.Lifetime?
    private var isEnding = false
    private var isClosed = false
    /// The first error of an edit that could not throw it.
    private var failure: SessionError?
    /// The names of the values that were read; nearly always it is one.
    private var firstNameRead: String?
    private var moreNamesRead: [String] = []
    /// Whether the store has failed a commit of this request. It is not asked then for what the request can do without, so
    /// that the answer does not take twice as long.
    private var isStoreFailing = false
    private var isCommitting = false
    /// Those who wait for the commit that is under way.
    private var committers: [CheckedContinuation<Void, Never>] = []

    init(
        stored: Stored?,
        values: SessionValues,
        refusal: SessionError? = nil,
        successors: [SessionID] = [],
        announcing token: SessionToken? = nil
    ) {
        self.stored = stored
        self.values = values
        self.refusal = refusal
        self.successors = successors
        announcement = token.map { .token($0) }
    }

    // MARK: Reading

    /// Notes that a key was read: a plain set that follows may rest on what was read.
    mutating func noteRead(_ name: String) {
        guard stored != nil, !wasRead(name) else { return }
        if firstNameRead == nil { firstNameRead = name } else { moreNamesRead.append(name) }
    }

    private func wasRead(_ name: String) -> Bool { firstNameRead == name || moreNamesRead.contains(name) }

    /// The subject as this request sees it.
    var subject: String? {
        if case .subject(let subject) = renewal { return subject }
        return stored?.record.subject
    }

    // MARK: Editing

    /// Throws if the session takes no edits.
    /// - Parameter mayBeLate: Whether the edit is committed at once, so that it may come after the response's head as long
    ///   as no cookie is needed for it.
    func checkWritable(mayBeLate: Bool = false) throws(SessionError) {
        if let refusal { throw refusal }
        if isEnding { throw SessionError(.ended, "this request has ended the session; it takes no more edits") }
        if isClosed, !(mayBeLate && stored != nil) {
            throw SessionError(
                .alreadyCommitted,
                "the response's head has left, so this edit would be lost; commit it at once with session.commit { … }"
            )
        }
    }

    mutating func set(_ name: String, json: [UInt8], expiresAt: SessionInstant?) throws(SessionError) {
        try checkWritable()
        try values.setJSON(json, for: name, expiresAt: expiresAt)
        edits.append(.set(name: name, json: json, expiresAt: expiresAt, wasRead: wasRead(name)))
    }

    mutating func remove(_ name: String) throws(SessionError) {
        try checkWritable()
        values.remove(name)
        edits.append(.remove(name: name))
    }

    mutating func removeAll() throws(SessionError) {
        try checkWritable()
        values.removeAll()
        edits.append(.removeAll)
    }

    /// Takes over the result of an update that was computed outside the lock, if nothing has changed since.
    mutating func edit(
        _ edit: SessionEdit,
        giving updated: SessionValues,
        ifStill before: SessionValues,
        mayBeLate: Bool
    ) throws(SessionError) -> Bool {
        try checkWritable(mayBeLate: mayBeLate)
        guard values == before else { return false }
        values = updated
        edits.append(edit)
        return true
    }

    mutating func setLifetime(_ lifetime: SessionManager.Lifetime) throws(SessionError) {
        try checkWritable()
        self.lifetime = lifetime
    }

    mutating func renew(_ renewal: Renewal) throws(SessionError) {
        try checkWritable()
        // A sign-in stays one, whatever else asks for a new token in the same request.
        if case .subject = self.renewal, renewal == .token { return }
        self.renewal = renewal
    }

    mutating func end() throws(SessionError) {
        if let refusal, refusal.code != .ended { throw refusal }
        if isClosed, !isEnding {
            throw SessionError(
                .alreadyCommitted,
                "the response's head has left, so the cookie can no longer be cleared; end the session by its id"
            )
        }
        isEnding = true
        dropEdits()
    }

    /// Forgets what the request has changed since the last commit.
    mutating func discard() { dropEdits() }

    /// Keeps the first error of an edit that could not throw it, for the commit to throw.
    mutating func noteFailure(_ error: SessionError) { failure = failure ?? error }

    private mutating func dropEdits() {
        edits = []
        renewal = nil
        lifetime = nil
        failure = nil
        values = currentValues
    }

    /// The values of the stored record, without this request's edits.
    private var currentValues: SessionValues {
        guard let stored else { return SessionValues(now: values.now, limits: values.limits) }
        return stored.record.values(at: values.now, limits: values.limits)
    }

    // MARK: Committing

    /// Decides what a commit has to do, and takes the edits out for it.
    ///
    /// - Parameter isFinal: Whether the response's head leaves after this commit: later edits are refused.
    /// - Parameter rotation: Timed rotation, if it is on and this exchange can still set a cookie.
    mutating func beginCommit(
        now: SessionInstant,
        isFinal: Bool,
        rotation: SessionManager.Rotation? = nil
    ) throws(SessionError) -> Plan {
        if isCommitting { return .wait }
        let mayAnnounce = !isClosed
        if isFinal { isClosed = true }
        if isEnding {
            defer {
                isEnding = false
                refusal = SessionError(.ended, "this request has ended the session; it takes no more edits")
            }
            isCommitting = true
            return .end(successors, stored)
        }
        if let failure {
            dropEdits()
            throw failure
        }
        guard let stored else {
            // Nothing is stored for a stranger until somebody writes something for him.
            let pending = takePending()
            guard !pending.values.isEmpty || pending.signsIn else { return .nothing }
            isCommitting = true
            return .create(pending)
        }
        isCommitting = true
        if renewal != nil || stored.record.isProlonged(by: lifetime) {
            return .renew(takePending(), stored)
        }
        if let rotation, mayAnnounce, isFinal, !isStoreFailing, stored.record.isRotationDue(rotation, at: now) {
            return .rotate(takePending(), stored)
        }
        if lifetime != nil || (!edits.isEmpty && values != currentValues) { return .update(takePending(), stored) }
        edits = []
        if refusal == nil, !isStoreFailing, stored.record.isExtensionDue(at: now) { return .touch(stored) }
        isCommitting = false
        return .nothing
    }

    /// Closes a session that has nothing to commit, which is what most requests leave.
    ///
    /// Whether the session's life must be extended is asked as of the time when it was opened: activity is a request that
    /// comes, not one that ends, and reading the clock again is a twentieth of what a whole reading request costs.
    mutating func closeIfClean(rotation: SessionManager.Rotation?) -> Closing {
        guard !isEdited else { return .needsCommit }
        if let stored, refusal == nil, !isStoreFailing {
            if stored.record.isExtensionDue(at: values.now) { return .needsCommit }
            if let rotation, stored.record.isRotationDue(rotation, at: values.now) { return .needsCommit }
        }
        isClosed = true
        return .closed(announcement)
    }

    private mutating func takePending() -> Pending {
        defer {
            edits = []
            renewal = nil
            lifetime = nil
        }
        return Pending(values: values, edits: edits, renewal: renewal, lifetime: lifetime)
    }

    /// Waits, unless the commit under way is over already.
    /// - Returns: Whether it is over.
    mutating func waitForCommit(_ continuation: CheckedContinuation<Void, Never>) -> Bool {
        guard isCommitting else { return true }
        committers.append(continuation)
        return false
    }

    /// The commit under way is over.
    /// - Returns: Those who waited for it; resume them outside the lock.
    mutating func endCommit() -> [CheckedContinuation<Void, Never>] {
        isCommitting = false
        defer { committers = [] }
        return committers
    }

    /// Takes over what a commit wrote. Edits made while it ran stay, on top of it.
    mutating func completeCommit(_ committed: Stored, announcing token: SessionToken?) {
        stored = committed
        firstNameRead = nil
        moreNamesRead = []
        if let token { announcement = .token(token) }
        values = currentValues
        do {
            try edits.apply(to: &values)
        } catch {
            edits = []
            failure =
                error as? SessionError
                ?? SessionError(.conflict, "an edit could not be applied to the committed session", cause: error)
        }
    }

    /// Whether there is anything to commit.
    var isEdited: Bool {
        !edits.isEmpty || renewal != nil || lifetime != nil || failure != nil || isEnding || isCommitting
    }

    /// Takes over a newer record than the one that the session was opened from, if nothing has happened meanwhile.
    mutating func refresh(from opened: Stored, to current: Stored, isFollowed: Bool) {
        guard !isEdited, let stored, stored.id == opened.id, stored.record.stamp == opened.record.stamp else { return }
        completeCommit(current, announcing: isFollowed && !isClosed ? current.token : nil)
    }

    /// A touch has moved the idle deadline.
    mutating func extend(to expiresAt: SessionInstant) { stored?.record.expiresAt = expiresAt }

    /// The session is gone for this request.
    mutating func completeEnding() {
        stored = nil
        dropEdits()
        announcement = .ended
    }

    /// A commit failed: its edits are dropped, since a write whose outcome is unknown must not be run again.
    mutating func failCommit(_ error: any Error) {
        if let error = error as? SessionError, error.code == .ended {
            stored = nil
            refusal = error
            announcement = nil
        }
        isStoreFailing = (error as? SessionError)?.code == .unavailable
        dropEdits()
    }
}

extension SessionRecord {
    /// Whether a request at `now` must move the idle deadline: when at least a tenth of the idle time would be gained.
    func isExtensionDue(at now: SessionInstant) -> Bool {
        let idle = idleMilliseconds
        let (wanted, overflow) = now.millisecondsSince1970.addingReportingOverflow(idle)
        let deadline = min(overflow ? .max : wanted, absoluteDeadline.millisecondsSince1970)
        let gain = deadline.subtractingReportingOverflow(expiresAt.millisecondsSince1970)
        return !gain.overflow && gain.partialValue > 0 && gain.partialValue >= idle / 10
    }

    /// Whether a lifetime lets a session that somebody is signed in to end later than it would.
    ///
    /// A subject's index keeps an entry until the absolute deadline that was known when it was written, so such a session
    /// needs a new entry, and with it a new id: or "sign out everywhere" would not find it in its last days.
    func isProlonged(by lifetime: SessionManager.Lifetime?) -> Bool {
        guard let lifetime, subject != nil else { return false }
        return (authenticatedAt ?? createdAt) + lifetime.absolute > absoluteDeadline
    }

    /// Whether the token is old enough to be replaced.
    func isRotationDue(_ rotation: SessionManager.Rotation, at now: SessionInstant) -> Bool {
        now - renewedAt >= rotation.interval
    }
}

extension SessionState.Pending {
    /// Whether the commit gives the session to somebody.
    var signsIn: Bool {
        guard case .subject(.some) = renewal else { return false }
        return true
    }
}
