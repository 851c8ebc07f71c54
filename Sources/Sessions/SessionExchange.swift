public import HTTPTypes
import Synchronization

/// One request and its response, as far as sessions are concerned: what an adapter of a web framework works with.
///
/// ```swift
/// let exchange = sessions.exchange(for: request)
/// let session = try await exchange.session()      // in the handler, as often as it likes
/// try await exchange.finish(&response.headerFields) // before the response's head leaves
/// ```
public final class SessionExchange: Sendable {
    private enum Loading {
        case notYet
        case underWay([CheckedContinuation<Void, Never>])
        case done(Session)
    }

    private struct State {
        var policy: SessionPolicy
        /// The request, until a session has taken it over.
        var source: RequestSource?
        var loading: Loading = .notYet
        /// What the session is held for, in exclusive mode.
        var hold: ExclusiveHold?
        /// Whether the request brought anything under the names that the manager reads tokens from.
        var broughtToken = false
        /// Whether the session's record was at hand, so that the store has not been asked yet.
        var wasAtHand = false

        var session: Session? {
            guard case .done(let session) = loading else { return nil }
            return session
        }
    }

    private enum Step {
        case done(Session)
        case refresh(Session)
        case load(RequestSource, SessionPolicy)
        case wait
    }

    private let manager: SessionManager
    private let state: Mutex<State>

    init(
        _ request: HTTPRequest,
        peerAddress: @escaping @Sendable () -> String?,
        policy: SessionPolicy,
        manager: SessionManager
    ) {
        self.manager = manager
        state = Mutex(State(policy: policy, source: RequestSource(request: request, peerAddress: peerAddress)))
    }

    /// How this request uses its session. A change counts until the session is first used.
    public var policy: SessionPolicy {
        get { state.withLock { $0.policy } }
        set { state.withLock { $0.policy = newValue } }
    }

    /// The request's session; the first call loads it, all others give the same one.
    ///
    /// There always is one to write to: if the request brought none, the first commit makes it.
    /// - Parameter freshness: Whether a record that the store has at hand will do, as it does by default.
    /// - Throws: ``SessionError``: `.unavailable` if the store does not answer and the policy is to fail;
    ///   `.exclusiveTimeout` if other requests held the session for too long.
    public func session(_ freshness: SessionFreshness = .near) async throws -> Session {
        if let session = sessionAtHand(freshness) { return session }
        while true {
            switch begin(freshness) {
            case .done(let session):
                return session
            case .refresh(let session):
                try await manager.refresh(session)
                state.withLock { $0.wasAtHand = false }
                return session
            case .load(let source, let policy):
                return try await load(source, policy)
            case .wait:
                // Several tasks of one request: one loads, the others wait for it, and try themselves if it fails.
                await withCheckedContinuation { continuation in
                    let isOver = state.withLock { state in
                        guard case .underWay(let waiters) = state.loading else { return true }
                        state.loading = .underWay(waiters + [continuation])
                        return false
                    }
                    if isOver { continuation.resume() }
                }
            }
        }
    }

    /// The session, if it is open already or can be opened without asking the store.
    private func sessionAtHand(_ freshness: SessionFreshness) -> Session? {
        guard freshness == .near else { return nil }
        var isFound = false
        let session: Session? = state.withLock { state in
            if case .done(let session) = state.loading { return session }
            guard case .notYet = state.loading, state.policy.exclusiveTimeout == nil,
                let request = state.source?.request
            else { return nil }
            // With the lock held, so that no other task of the request does the same: what is at hand takes no time.
            let candidates = manager.candidates(in: request)
            guard let opened = manager.openAtHand(candidates), let source = state.source.take() else { return nil }
            isFound = opened.stored != nil
            let session = Session(opened, source: source, manager: manager, policy: state.policy)
            state.loading = .done(session)
            state.broughtToken = !candidates.isEmpty
            state.wasAtHand = true
            return session
        }
        // Traces show every opening, also those that take no time. Without the lock: a tracer is other people's code.
        if isFound, manager.telemetry.isTraced { manager.telemetry.startSpan("sessions.load").end(failing: nil) }
        return session
    }

    private func begin(_ freshness: SessionFreshness) -> Step {
        state.withLock { state in
            switch state.loading {
            case .done(let session):
                return state.wasAtHand && freshness == .fresh ? .refresh(session) : .done(session)
            case .underWay:
                return .wait
            case .notYet:
                // There until a session has it, and with a session the state is another.
                guard let source = state.source.take() else { return .wait }
                state.loading = .underWay([])
                return .load(source, state.policy)
            }
        }
    }

    private func load(_ source: RequestSource, _ policy: SessionPolicy) async throws -> Session {
        let candidates = manager.candidates(in: source.request)
        do {
            let session: Session
            var hold: ExclusiveHold?
            if let timeout = policy.exclusiveTimeout {
                let opened = try await manager.openExclusively(candidates, within: timeout, policy: policy)
                hold = opened.hold
                session = Session(opened.takeState(), source: source, manager: manager, policy: policy)
            } else {
                let opened = try await manager.open(candidates, policy: policy)
                session = Session(opened, source: source, manager: manager, policy: policy)
            }
            let broughtToken = !candidates.isEmpty || candidates.sawMalformed
            settle { state in
                state.loading = .done(session)
                state.hold = hold
                state.broughtToken = broughtToken
            }
            return session
        } catch {
            settle { state in
                state.loading = .notYet
                state.source = source
            }
            throw error
        }
    }

    /// Ends a load, and lets those go on who waited for it.
    private func settle(_ change: (inout sending State) -> Void) {
        let waiters = state.withLock { state in
            guard case .underWay(let waiters) = state.loading else { return [CheckedContinuation<Void, Never>]() }
            change(&state)
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Commits the session and puts what the response must say into its fields: call it before the head leaves.
    ///
    /// At most one cookie of ours is set, and only if this exchange made, renewed or ended the session. `Vary: Cookie` is
    /// added whenever the session was looked at (CVE-2023-30861), `Cache-Control: no-store` whenever a cookie is set.
    /// - Throws: as ``Session/save()``. Then answer with the error instead of the handler's response; the fields are
    ///   complete for that, and carry no cookie.
    public func finish(_ fields: inout HTTPFields) async throws {
        let (loaded, hold) = state.withLock { ($0.session, $0.hold) }
        guard let session = loaded else { return }
        if case .closed(let announcement) = session.closeIfClean() {
            if let hold { await release(hold) }
            announce(announcement, of: session, in: &fields)
            return
        }
        do {
            if let hold { try await manager.confirm(hold) }
            try await session.commit(isFinal: true)
        } catch {
            session.discard()
            if let hold { await release(hold) }
            // What an earlier save() of this exchange has made or ended stays made or ended.
            announce(session.announcement, of: session, in: &fields)
            throw error
        }
        if let hold { await release(hold) }
        announce(session.announcement, of: session, in: &fields)
    }

    /// Gives up on the handler's edits, because it failed; `end()` happens all the same.
    ///
    /// - Throws: as ``finish(_:)``, if ending fails.
    public func abandon(_ fields: inout HTTPFields) async throws {
        state.withLock { $0.session }?.discard()
        try await finish(&fields)
    }

    private func release(_ hold: ExclusiveHold) async {
        state.withLock { $0.hold = nil }
        await manager.release(hold)
    }

    private func announce(
        _ announcement: SessionState.Announcement?,
        of session: Session,
        in fields: inout HTTPFields
    ) {
        fields.addSessionVary(cookie: manager.cookieName != nil, headerName: manager.headerName)
        switch announcement {
        case .token(let token):
            if let writer = manager.cookieWriter, let name = manager.cookieName {
                let value = writer.setField(token: token, isSecureRequest: session.origin.isSecure)
                fields.setSessionCookie(value, named: name)
            }
            if let headerName = manager.headerName { fields.setSessionHeader(token, name: headerName) }
        case .ended where state.withLock({ $0.broughtToken }):
            if let writer = manager.cookieWriter, let name = manager.cookieName {
                fields.setSessionCookie(writer.deletionField(isSecureRequest: session.origin.isSecure), named: name)
            }
        case .ended, nil:
            break
        }
    }
}

/// How new a session's record must be when it is opened.
public struct SessionFreshness: Hashable, Sendable {
    private enum Wrapped { case near, fresh }
    private let wrapped: Wrapped

    /// A record that the store has at hand will do. With a near cache in front of a server it may be older than the
    /// newest one, by up to a second; a commit never builds on an older one.
    public static var near: Self { .init(wrapped: .near) }
    /// The store itself is asked, also for a session that was opened from what was at hand: for what must not be decided
    /// on a session that has just been ended elsewhere.
    public static var fresh: Self { .init(wrapped: .fresh) }
}

/// A request, as far as its session may want to know of it.
struct RequestSource: Sendable {
    let request: HTTPRequest
    /// Asked by the few requests that make a session or a cookie, or come through a proxy: to write an address as text costs
    /// more than a look-up.
    let peerAddress: @Sendable () -> String?

    func origin(trusting trustedProxies: [AddressRange]) -> RequestOrigin {
        RequestOrigin(
            scheme: request.scheme,
            peerAddress: peerAddress(),
            fields: request.headerFields,
            trustedProxies: trustedProxies
        )
    }

    /// What the request shows of its client; worked out only when a session is made or signed in to.
    func labels(trusting trustedProxies: [AddressRange]) -> SessionLabels {
        SessionLabels(
            client: ClientLabel.label(in: request.headerFields),
            addressClass: RequestOrigin.addressClass(of: origin(trusting: trustedProxies).clientAddress)
        )
    }
}
