#if Hummingbird
import HTTPTypes
public import Hummingbird
public import Sessions

/// Gives every request its session, and every response the cookie that the session needs.
///
/// ```swift
/// let router = Router(context: BasicSessionRequestContext.self)
/// router.add(middleware: SessionMiddleware(manager))
/// ```
/// The middleware costs one small object per request until a handler calls ``SessionRequestContext/session(_:)``; only
/// then is the session looked up. What the handler did to it is committed after the handler returned and before the
/// response's head leaves, so no cookie comes too late and no acknowledged write is lost.
///
/// What a handler throws decides what becomes of its edits:
/// - An `HTTPResponseError`, such as `HTTPError(.notFound)`, is an answer: it is rendered here, edits are committed,
///   cookies are attached.
/// - A `SessionError` becomes ``SessionErrorResponse``, an answer with the error's own status. Edits are dropped.
/// - Anything else drops the edits and is thrown on. An `end()` takes effect nevertheless: a logout is never undone.
///
/// If the commit itself fails, its error replaces the response. Add the middleware inside of those that render errors
/// as pages and outside of everything that uses sessions.
public struct SessionMiddleware<Context: SessionRequestContext>: RouterMiddleware {
    private let manager: SessionManager

    /// Creates the middleware.
    /// - Parameter manager: The manager whose sessions the requests use. Run it as a service of the application, so
    ///   that it sweeps: `app.addServices(manager)`.
    public init(_ manager: SessionManager) {
        self.manager = manager
    }

    /// Opens the exchange, calls `next`, and commits.
    public func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let exchange = manager.exchange(for: request.head, peerAddress: Self.peerAddress(context))
        var context = context
        context.sessions = RequestSessions(exchange)
        var response: Response
        do {
            response = try await next(request, context)
        } catch {
            response = try await answer(error, request, context, exchange)
        }
        do {
            try await exchange.finish(&response.headers)
        } catch {
            throw Self.answer(to: error, adding: sessionFields(of: response.headers))
        }
        return response
    }

    /// The response of an error that is one; every other error drops the edits and is thrown on.
    private func answer(
        _ error: any Error,
        _ request: Request,
        _ context: Context,
        _ exchange: SessionExchange
    ) async throws -> Response {
        if let answer = error as? any HTTPResponseError, !(error is SessionErrorResponse) {
            do {
                return try answer.response(from: request, context: context)
            } catch {
                throw await abandon(exchange, for: error)
            }
        }
        throw await abandon(exchange, for: error)
    }

    /// Drops the edits and returns what to throw in place of `error`.
    private func abandon(_ exchange: SessionExchange, for error: any Error) async -> any Error {
        var fields = HTTPFields()
        do {
            try await exchange.abandon(&fields)
        } catch let failure {
            // The handler wanted the session ended, and it may live on: that is what the client must know.
            return Self.answer(to: failure, adding: fields)
        }
        return Self.answer(to: error, adding: fields)
    }

    /// An error in the form in which it becomes an answer that carries `fields`.
    private static func answer(to error: any Error, adding fields: HTTPFields) -> any Error {
        switch error {
        case let error as SessionError:
            return SessionErrorResponse(error, headers: fields)
        case var error as SessionErrorResponse:
            error.headers.append(contentsOf: fields)
            return error
        default:
            let hasCookie = fields.contains(.setCookie)
            return hasCookie ? SessionEndedByFailedRequest(underlyingError: error, headers: fields) : error
        }
    }

    /// What `finish` added to a response that its error replaces: the cookie of a session that an earlier `save()` of
    /// the request made or ended, which stays so.
    private func sessionFields(of fields: HTTPFields) -> HTTPFields {
        let cookie = manager.configuration.cookie.map { "\($0.name)=" }
        return fields.filter { field in
            if field.name == .setCookie, let cookie { return field.value.hasPrefix(cookie) }
            return field.name == .vary || field.name == manager.configuration.headerName
        }
    }

    private static func peerAddress(_ context: Context) -> String? {
        (context as? any RemoteAddressRequestContext)?.remoteAddress?.ipAddress
    }
}

#else

/// Sessions for Hummingbird. Enable the trait `Hummingbird` of the package swift-sessions to use it.
@available(*, unavailable, message: "enable the trait Hummingbird of the package swift-sessions")
public struct SessionMiddleware {}

#endif
