#if Hummingbird
public import Hummingbird
import Logging
public import Sessions

/// Gives a group of routes another policy than the manager's.
///
/// ```swift
/// router.group("checkout")
///     .add(middleware: SessionPolicyMiddleware(SessionPolicy(exclusiveTimeout: .seconds(5))))
///     .post("pay", use: pay)          // one request of a session at a time
/// router.group("news")
///     .add(middleware: SessionPolicyMiddleware(SessionPolicy(onOutage: .withoutSession)))
///     .get(use: news)                 // readable while the store is down
/// ```
/// Goes behind ``SessionMiddleware`` and in front of everything that looks at the session: a policy counts from the
/// first use on.
public struct SessionPolicyMiddleware<Context: SessionRequestContext>: RouterMiddleware {
    private let policy: SessionPolicy

    /// Creates the middleware.
    public init(_ policy: SessionPolicy) {
        self.policy = policy
    }

    /// Sets the policy and calls `next`.
    /// - Throws: `SessionError` with the code `.misconfigured` without a ``SessionMiddleware``.
    public func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let exchange = context.sessions.exchange else {
            let error = RequestSessions.noMiddleware
            context.logger.error("\(error)")
            throw error
        }
        exchange.policy = policy
        return try await next(request, context)
    }
}
#endif
