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
        var loading: Loading = .notYet
        /// What the session is held for, in exclusive mode.
        var hold: ExclusiveHold?
        /// Whether the request brought anything under the names that the manager reads tokens from.
        var broughtToken = false
    }

    private let manager: SessionManager
    private let source: RequestSource
    private let state: Mutex<State>

    init(_ request: HTTPRequest, peerAddress: String?, policy: SessionPolicy, manager: SessionManager) {
        source = RequestSource(request: request, peerAddress: peerAddress)
        self.manager = manager
        state = Mutex(State(policy: policy))
    }

    deinit {
        // An adapter that forgot to finish must not lock everybody else out.
        if let hold = state.withLock({ $0.hold }) { manager.exclusiveTurns.give(hold.id) }
    }

    /// How this request uses its session. A change counts until the session is first used.
    public var policy: SessionPolicy {
        get { state.withLock { $0.policy } }
        set { state.withLock { $0.policy = newValue } }
    }

    /// The request's session; the first call loads it, all others give the same one.
    ///
    /// There always is one to write to: if the request brought none, the first commit makes it.
    /// - Throws: ``SessionError``: `.unavailable` if the store does not answer and the policy is to fail;
    ///   `.exclusiveTimeout` if other requests held the session for too long.
    public func session() async throws -> Session {
        while true {
            enum Step {
                case done(Session)
                case load(SessionPolicy)
                case wait
            }
            let step: Step = state.withLock { state in
                switch state.loading {
                case .done(let session): return .done(session)
                case .underWay: return .wait
                case .notYet:
                    state.loading = .underWay([])
                    return .load(state.policy)
                }
            }
            switch step {
            case .done(let session):
                return session
            case .load(let policy):
                return try await load(policy)
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

    private func load(_ policy: SessionPolicy) async throws -> Session {
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
            settle(.done(session), hold: hold, broughtToken: !candidates.isEmpty || candidates.sawMalformed)
            return session
        } catch {
            settle(.notYet, hold: nil, broughtToken: false)
            throw error
        }
    }

    private func settle(_ loading: Loading, hold: ExclusiveHold?, broughtToken: Bool) {
        let waiters = state.withLock { state in
            guard case .underWay(let waiters) = state.loading else { return [CheckedContinuation<Void, Never>]() }
            state.loading = loading
            state.hold = hold
            state.broughtToken = broughtToken
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
        guard let session = loadedSession else { return }
        if session.closeIfClean() {
            if isHolding { await release() }
            announce(session, in: &fields)
            return
        }
        do {
            if let hold = state.withLock({ $0.hold }) { try await manager.confirm(hold) }
            try await session.commit(isFinal: true)
        } catch {
            session.discard()
            await release()
            // What an earlier save() of this exchange has made or ended stays made or ended.
            announce(session, in: &fields)
            throw error
        }
        await release()
        announce(session, in: &fields)
    }

    /// Gives up on the handler's edits, because it failed; `end()` happens all the same.
    ///
    /// - Throws: as ``finish(_:)``, if ending fails.
    public func abandon(_ fields: inout HTTPFields) async throws {
        loadedSession?.discard()
        try await finish(&fields)
    }

    private var loadedSession: Session? {
        state.withLock { state in
            guard case .done(let session) = state.loading else { return nil }
            return session
        }
    }

    private var isHolding: Bool { state.withLock { $0.hold != nil } }

    private func release() async {
        let hold = state.withLock { state in
            defer { state.hold = nil }
            return state.hold
        }
        if let hold { await manager.release(hold) }
    }

    private func announce(_ session: Session, in fields: inout HTTPFields) {
        let announcement = session.state.withLock { $0.announcement }
        fields.addSessionVary(cookie: manager.cookieName != nil, headerName: manager.headerName)
        switch announcement {
        case .token(let token):
            if let writer = manager.cookieWriter, let name = manager.cookieName {
                let value = writer.setField(token: token, isSecureRequest: origin.isSecure)
                fields.setSessionCookie(value, named: name)
            }
            if let headerName = manager.headerName { fields.setSessionHeader(token, name: headerName) }
        case .ended where state.withLock({ $0.broughtToken }):
            if let writer = manager.cookieWriter, let name = manager.cookieName {
                fields.setSessionCookie(writer.deletionField(isSecureRequest: origin.isSecure), named: name)
            }
        case .ended, nil:
            break
        }
    }

    private var origin: RequestOrigin { source.origin(trusting: manager.configuration.trustedProxies) }
}

/// A request, as far as its session may want to know of it.
struct RequestSource: Sendable {
    let request: HTTPRequest
    let peerAddress: String?

    func origin(trusting trustedProxies: [AddressRange]) -> RequestOrigin {
        RequestOrigin(
            scheme: request.scheme,
            peerAddress: peerAddress,
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
