public import HTTPTypes

extension SessionManager {
    /// How a manager treats its sessions. Every default is the secure choice; every property can be set on its own.
    public struct Configuration: Sendable {
        /// The manager's name, which goes into every ``SessionID``: two managers with different names can share a store,
        /// and neither accepts the other's tokens. Default: the cookie's name.
        public var name: String?

        /// How long sessions live. Default: 1 hour idle, 24 hours in all.
        public var lifetime = Lifetime()

        /// Timed rotation of tokens, or `nil`, the default, for none. Sign-ins renew the token in any case.
        public var rotation: Rotation?

        /// How much one session may hold.
        public var limits = SessionLimits()

        /// How requests use their session, unless a route says otherwise.
        public var policy = SessionPolicy()

        /// The cookie that carries the token, or `nil` for none. Default: `__Host-session`.
        public var cookie: SessionCookie? = SessionCookie()

        /// A header that carries the token as well, in both directions, or `nil`, the default. For programs that keep no
        /// cookies; a page's scripts can read it, so leave it off for browsers.
        public var headerName: HTTPField.Name?

        /// A query parameter from which a token is read as well, or `nil`, the default. Addresses end up in logs,
        /// histories and Referer fields: leave it off unless old clients leave no choice.
        public var queryParameter: String?

        /// The proxies whose word on `https` and on the client's address is believed.
        public var trustedProxies: [AddressRange] = []

        /// How long a commit goes on trying against writers in other processes before it fails with `.conflict`.
        /// At least 8 attempts are made in any case. Default: 5 seconds.
        public var conflictTimeout: Duration = .seconds(5)

        /// The most commits that wait in this process for one session at a time; more fail with `.conflict`.
        /// Default: 10,000.
        public var maximumQueuedCommits = 10_000

        /// How often ``SessionManager/run()`` sweeps expired sessions out of the store. Default: 60 seconds.
        public var sweepInterval: Duration = .seconds(60)

        /// Creates the default configuration.
        public init() {}
    }

    /// The two clocks of a session. Both are finite; the server enforces both.
    ///
    /// The defaults are those of NIST SP 800-63B-4 for its middle assurance level (AAL2).
    public struct Lifetime: Hashable, Sendable {
        /// How long a session lives without a request that uses it. 1 second to 400 days. Default: 1 hour.
        ///
        /// The deadline is moved at most once per tenth of this time, so a session may end up to a tenth early.
        public var idle: Duration

        /// How long a session lives in all, counted from its making or from the last sign-in, however busy it is.
        /// 1 second to 400 days. Default: 24 hours.
        public var absolute: Duration

        /// Creates a lifetime.
        public init(idle: Duration = .seconds(3600), absolute: Duration = .seconds(24 * 3600)) {
            self.idle = idle
            self.absolute = absolute
        }

        /// The longest lifetime: 400 days, which is also the longest that browsers keep a cookie (RFC 6265bis).
        public static let maximum: Duration = .seconds(400 * 24 * 3600)
    }

    /// Timed rotation: a session that is used gets a new token now and then, without anybody signing in.
    public struct Rotation: Hashable, Sendable {
        /// The age at which a token is replaced by the next request that uses it. At least ``grace``.
        public var interval: Duration

        /// How long requests with the old token still reach the session, so that parallel requests and lost responses
        /// log nobody out. 1 second to 1 hour. Default: 60 seconds.
        public var grace: Duration

        /// Creates a rotation.
        public init(interval: Duration, grace: Duration = .seconds(60)) {
            self.interval = interval
            self.grace = grace
        }
    }
}

/// How a request uses its session. The manager has one, a route or group of routes may have its own.
public struct SessionPolicy: Hashable, Sendable {
    /// What happens when the store does not answer.
    public struct Outage: Hashable, Sendable {
        private enum Wrapped { case fail, withoutSession }
        private let wrapped: Wrapped
        /// The request fails with the store's error: 503 with Retry-After in adapters.
        public static var fail: Self { .init(wrapped: .fail) }
        /// The request goes on without a session: reads find nothing, writes throw `.unavailable`. No cookie is set or
        /// cleared, so nobody is logged out.
        public static var withoutSession: Self { .init(wrapped: .withoutSession) }
    }

    /// What happens when a value that a request had read and then plainly set was changed by another in between.
    public struct LostUpdate: Hashable, Sendable {
        private enum Wrapped { case overwrite, fail }
        private let wrapped: Wrapped
        /// The later writer wins; a warning and an event name the key.
        public static var overwrite: Self { .init(wrapped: .overwrite) }
        /// The commit fails with `.lostUpdate`; nothing is written.
        public static var fail: Self { .init(wrapped: .fail) }
    }

    /// What happens when the store does not answer. Default: `.fail`.
    public var onOutage: Outage

    /// What happens to a plain set over somebody else's change. Default: `.overwrite`.
    public var onLostUpdate: LostUpdate

    /// How long a request waits to have the session for itself, or `nil`, the default, for optimistic access.
    ///
    /// With a timeout, requests to one session run one after the other, in the order in which they came.
    public var exclusiveTimeout: Duration?

    /// Creates a policy.
    public init(
        onOutage: Outage = .fail,
        onLostUpdate: LostUpdate = .overwrite,
        exclusiveTimeout: Duration? = nil
    ) {
        self.onOutage = onOutage
        self.onLostUpdate = onLostUpdate
        self.exclusiveTimeout = exclusiveTimeout
    }
}
