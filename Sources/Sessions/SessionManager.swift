public import HTTPTypes
public import Logging
import Synchronization

/// Finds, opens, commits, renews and ends sessions, over any store.
///
/// Make one for an application and give it to the adapter of your web framework; or, without one, use
/// ``exchange(for:peerAddress:policy:)`` yourself. It starts nothing by itself: ``run()`` sweeps expired sessions, so add the manager to your
/// service group.
/// ```swift
/// let sessions = try SessionManager(store: FileSessionStore(path: "sessions"))
/// ```
public final class SessionManager: Sendable {
    /// The configuration that the manager was made with.
    public let configuration: Configuration
    /// The store under the manager.
    public let store: any SessionStore

    let namespace: SessionNamespace
    let clock: any SessionClock
    let random: any SessionRandom
    let telemetry: SessionTelemetry
    let cookieWriter: SessionCookieWriter?
    // Beside the configuration, since each request needs them and a copy of the whole is not free.
    let cookieName: String?
    let headerName: HTTPField.Name?
    let rotation: Rotation?
    let stamps: SessionStampGenerator
    /// The commits that wait for each other, by session.
    let commitTurns: SessionTurns
    /// The requests that have a session for themselves, by session.
    let exclusiveTurns: SessionTurns
    let backOff: @Sendable (Duration) async throws -> Void

    // What the store can do beyond the basics; found once, here, because a dynamic cast is too slow for each request.
    let resident: (any ResidentSessionStore)?
    let deferring: (any DeferringSessionStore)?
    /// The store, if this manager has opened it and has to close it.
    let ownedStore: (any ConnectedSessionStore)?
    let renewing: (any RenewingSessionStore)?
    let subjects: (any SubjectIndexingSessionStore)?
    let leasing: (any LeasingSessionStore)?

    /// Creates a manager. Nothing is started and the store is not touched.
    /// - Parameters:
    ///   - store: Where sessions are kept.
    ///   - configuration: How sessions are treated; every default is the secure choice.
    ///   - clock: The time; tests move it by hand.
    ///   - random: Where tokens come from; leave it alone outside of tests.
    ///   - logger: What the manager logs to.
    /// - Throws: ``SessionError`` with the code `.misconfigured`, naming the property, for a configuration that browsers
    ///   would reject or that makes no sense.
    public convenience init(
        store: any SessionStore,
        configuration: Configuration = .init(),
        clock: any SessionClock = .system,
        random: any SessionRandom = SystemSessionRandom(),
        logger: Logger = Logger(label: "sessions")
    ) throws(SessionError) {
        try self.init(
            store: store,
            ownsStore: false,
            configuration: configuration,
            clock: clock,
            random: random,
            logger: logger
        ) {
            try await Task.sleep(for: $0)
        }
    }

    /// Creates a manager over a store that was opened for it.
    convenience init(owning store: any SessionStore, configuration: Configuration, logger: Logger) throws(SessionError)
    {
        try self.init(
            store: store,
            ownsStore: true,
            configuration: configuration,
            clock: .system,
            random: SystemSessionRandom(),
            logger: logger
        ) {
            try await Task.sleep(for: $0)
        }
    }

    init(
        store: any SessionStore,
        ownsStore: Bool = false,
        configuration: Configuration,
        clock: any SessionClock,
        random: any SessionRandom,
        logger: Logger,
        backOff: @escaping @Sendable (Duration) async throws -> Void
    ) throws(SessionError) {
        try configuration.validate()
        let name = configuration.name ?? configuration.cookie?.name ?? "session"
        self.configuration = configuration
        self.store = store
        self.clock = clock
        self.random = random
        self.backOff = backOff
        namespace = SessionNamespace(name)
        telemetry = SessionTelemetry(logger: logger, managerName: name)
        cookieWriter = configuration.cookie.map { SessionCookieWriter($0) }
        cookieName = configuration.cookie?.name
        headerName = configuration.headerName
        rotation = configuration.rotation
        stamps = SessionStampGenerator(seed: random.next())
        commitTurns = SessionTurns(maximumWaiters: configuration.maximumQueuedCommits)
        exclusiveTurns = SessionTurns(maximumWaiters: configuration.maximumQueuedCommits)
        resident = store as? any ResidentSessionStore
        deferring = store as? any DeferringSessionStore
        ownedStore = ownsStore ? store as? any ConnectedSessionStore : nil
        renewing = store as? any RenewingSessionStore
        subjects = store as? any SubjectIndexingSessionStore
        leasing = store as? any LeasingSessionStore
        for warning in configuration.warnings { logger.warning("\(warning)") }
    }

    /// What happens to sessions from now on, for audit logs and alarms.
    ///
    /// Every call gives a sequence of its own; none holds up a request.
    public func events() -> SessionEvents { telemetry.events.listen() }

    /// Begins the exchange of a request: nothing is read or parsed before the session is first used.
    /// - Parameters:
    ///   - request: The request's head.
    ///   - peerAddress: The IP address at the other end of the connection, if known; asked only when needed: for
    ///     ``Configuration/trustedProxies`` and for device lists.
    ///   - policy: How this request uses its session, if not as configured.
    public func exchange(
        for request: HTTPRequest,
        peerAddress: @autoclosure @escaping @Sendable () -> String? = nil,
        policy: SessionPolicy? = nil
    ) -> SessionExchange {
        SessionExchange(request, peerAddress: peerAddress, policy: policy ?? configuration.policy, manager: self)
    }

    /// Handles one request with its session: opens it, runs `body`, commits, and puts the cookie into the response.
    ///
    /// For servers without an adapter. If `body` throws, its edits are dropped.
    /// - Parameters:
    ///   - request: The request's head.
    ///   - peerAddress: The IP address at the other end of the connection, if known.
    ///   - fields: The response's fields, to which cookie, `Vary` and `Cache-Control` are added.
    ///   - body: What the request does with its session.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws, and as ``SessionExchange/session(_:)`` and ``SessionExchange/finish(_:)``.
    public func withSession<Result>(
        for request: HTTPRequest,
        peerAddress: @autoclosure @escaping @Sendable () -> String? = nil,
        responseFields fields: inout HTTPFields,
        _ body: (Session) async throws -> Result
    ) async throws -> Result {
        let exchange = exchange(for: request, peerAddress: peerAddress())
        let session = try await exchange.session()
        let result: Result
        do {
            result = try await body(session)
        } catch {
            try await exchange.abandon(&fields)
            throw error
        }
        try await exchange.finish(&fields)
        return result
    }

    /// Asks the store whether it works.
    /// - Throws: ``SessionError`` with the code `.unavailable`.
    public func checkHealth() async throws(SessionError) {
        if let store = store as? any HealthCheckingSessionStore {
            try await reporting("health") { () async throws(SessionStoreError) in try await store.checkHealth() }
        } else {
            // Any id will do: what counts is that there is an answer.
            let id = SessionID(SessionToken(from: random), managerName: namespace)
            _ = try await reporting("health") { () async throws(SessionStoreError) in
                try await store.load(id, now: now)
            }
        }
    }

    var now: SessionInstant { clock.now }

    func makeStamp() -> SessionStamp { stamps.next() }

    /// Runs a store's operation; an error is logged, counted and becomes the one that handlers see.
    func reporting<Result>(
        _ operation: String,
        _ body: () async throws(SessionStoreError) -> Result
    ) async throws(SessionError) -> Result {
        do throws(SessionStoreError) {
            return try await body()
        } catch {
            // A cursor may come from an address, and a mistyped one is no reason for an alarm.
            if error.code != .invalidCursor { telemetry.storeError(error, in: operation) }
            throw SessionError(error)
        }
    }
}

extension SessionError {
    /// What a handler sees of a store's error.
    init(_ error: SessionStoreError) {
        switch error.code {
        case .recordTooLarge:
            self.init(.sessionTooLarge, "the store cannot keep a session of this size", cause: error)
        case .invalidCursor:
            self.init(.invalidCursor, error.message, cause: error)
        case .unsupported:
            self.init(.unsupported, error.message, cause: error)
        case .outcomeUnknown:
            self.init(.unavailable, "the session store did not answer: the write may take effect or not", cause: error)
        default:
            self.init(.unavailable, "the session store is not available now; try again", cause: error)
        }
    }
}

extension SessionManager.Configuration {
    /// Checks what can be checked without a request.
    func validate() throws(SessionError) {
        try lifetime.validate()
        if let rotation {
            guard .seconds(1)...(.seconds(3600)) ~= rotation.grace, rotation.interval >= rotation.grace,
                rotation.interval <= SessionManager.Lifetime.maximum
            else {
                throw SessionError(
                    .misconfigured,
                    "rotation: grace is 1 second to 1 hour and interval is at least grace, at most 400 days"
                )
            }
        }
        guard limits.bytesPerValue >= 1, limits.bytesPerSession >= 1, limits.keysPerSession >= 1 else {
            throw SessionError(.misconfigured, "limits: each limit is at least 1")
        }
        guard cookie != nil || headerName != nil || queryParameter != nil else {
            throw SessionError(.misconfigured, "cookie: without one, headerName or queryParameter must be set")
        }
        guard sweepInterval >= .milliseconds(10) else {
            throw SessionError(.misconfigured, "sweepInterval: at least 10 milliseconds")
        }
        guard maximumQueuedCommits >= 1, conflictTimeout >= .zero else {
            throw SessionError(.misconfigured, "maximumQueuedCommits is at least 1, conflictTimeout at least 0")
        }
        if let name, name.isEmpty { throw SessionError(.misconfigured, "name: must not be empty") }
        try cookie?.validate()
    }

    /// What is allowed and yet worth a line in the log.
    var warnings: [String] {
        var warnings: [String] = []
        if queryParameter != nil {
            warnings.append(
                "session tokens are read from the query: they will show up in logs, histories and Referer fields"
            )
        }
        if headerName != nil, cookie != nil {
            warnings.append(
                "session tokens are sent in a header beside the cookie: scripts in a page can read them there"
            )
        }
        return warnings
    }
}

extension SessionManager.Lifetime {
    /// Checks the ranges, and that the absolute lifetime is not the shorter one.
    func validate() throws(SessionError) {
        let range = Duration.seconds(1)...Self.maximum
        guard range ~= idle else {
            throw SessionError(.misconfigured, "lifetime.idle: 1 second to 400 days")
        }
        guard range ~= absolute else {
            throw SessionError(.misconfigured, "lifetime.absolute: 1 second to 400 days")
        }
    }
}
