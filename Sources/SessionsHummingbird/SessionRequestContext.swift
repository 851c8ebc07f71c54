#if Hummingbird
public import Hummingbird
import Logging
public import Sessions

/// A request context that carries the request's session.
///
/// Declare one property, and the session is there once ``SessionMiddleware`` is in the router:
/// ```swift
/// struct AppRequestContext: SessionRequestContext {
///     var coreContext: CoreRequestContextStorage
///     var sessions = RequestSessions()
///
///     init(source: Source) { coreContext = .init(source: source) }
/// }
/// ```
/// A context that also conforms to `RemoteAddressRequestContext` lets the manager label sessions with the kind of
/// network they come from, and lets it recognise its trusted proxies.
public protocol SessionRequestContext: RequestContext {
    /// Where the middleware puts the request's session.
    var sessions: RequestSessions { get set }
}

extension SessionRequestContext {
    /// The request's session, looked up at the first call.
    ///
    /// Calling it costs one look-up in the store when the request carries a token, and nothing when it does not. It
    /// creates nothing: a session comes into being with the first write to it.
    /// - Parameter freshness: Whether a record that the store has at hand will do, as it does by default.
    /// - Throws: `SessionError`: `.unavailable` when the store does not answer, `.exclusiveTimeout`, and
    ///   `.misconfigured` when there is no ``SessionMiddleware`` in front of the route. Left uncaught, they become
    ///   answers (``SessionErrorResponse``).
    public func session(_ freshness: SessionFreshness = .near) async throws -> Session {
        guard let exchange = sessions.exchange else {
            let error = RequestSessions.noMiddleware
            logger.error("\(error)")
            throw error
        }
        return try await exchange.session(freshness)
    }
}

/// The part of a request context that ``SessionMiddleware`` fills in.
public struct RequestSessions: Sendable {
    /// The request's exchange with its session manager, or `nil` outside of ``SessionMiddleware``.
    ///
    /// For adapters and for what ``SessionRequestContext/session(_:)`` does not reach.
    public let exchange: SessionExchange?

    /// Creates the value that contexts start with.
    public init() {
        exchange = nil
    }

    init(_ exchange: SessionExchange) {
        self.exchange = exchange
    }

    static var noMiddleware: SessionError {
        SessionError(
            .misconfigured,
            "no SessionMiddleware in front of this route: add it to the router before the routes that use sessions"
        )
    }
}

/// Hummingbird's basic request context, with a session.
public struct BasicSessionRequestContext: SessionRequestContext {
    /// What Hummingbird itself needs.
    public var coreContext: CoreRequestContextStorage
    /// Where the middleware puts the request's session.
    public var sessions = RequestSessions()

    /// Creates the context of one request.
    public init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
    }
}
#endif
