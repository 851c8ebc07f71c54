#if Hummingbird
import HTTPTypes
public import Hummingbird
public import Sessions

/// A `SessionError` as an HTTP answer: what ``SessionMiddleware`` throws when a session's error ends a request.
///
/// The status is `SessionError.httpStatusCode`: 503 with `Retry-After` when the store does not answer, 409 when the
/// session ended meanwhile, 400 when the request carries two sessions, 413 over a limit. The body names the code:
/// `{"error":{"code":"ended","message":"…"}}`. The message is the error's own where the client can act on it; what
/// concerns the operator (500 and 503) stays out of the answer.
///
/// To answer with a page, catch it in a middleware in front of ``SessionMiddleware``.
public struct SessionErrorResponse: HTTPResponseError {
    /// The session's error.
    public let error: SessionError

    /// Header fields of the answer.
    public var headers: HTTPFields

    /// The answer's status.
    public var status: HTTPResponse.Status { .init(code: error.httpStatusCode) }

    /// Creates the answer to an error.
    /// - Parameter headers: Further header fields of the answer.
    public init(_ error: SessionError, headers: HTTPFields = [:]) {
        self.error = error
        self.headers = headers
        if error.httpStatusCode == 503 { self.headers[.retryAfter] = "1" }
    }

    /// Renders the answer with the context's encoder.
    public func response(from request: Request, context: some RequestContext) throws -> Response {
        let body = Body(error: .init(code: error.code.description, message: message))
        var response = try context.responseEncoder.encode(body, from: request, context: context)
        response.status = status
        response.headers.append(contentsOf: headers)
        return response
    }

    private var message: String {
        switch error.httpStatusCode {
        case 503: "the session's store does not answer; try again. A change may or may not have been made."
        case 500...: "the server could not use the session"
        default: error.message
        }
    }

    private struct Body: Encodable {
        struct Content: Encodable {
            let code: String
            let message: String
        }

        let error: Content
    }
}

extension SessionErrorResponse: CustomStringConvertible {
    /// The session's error.
    public var description: String { error.description }
}

/// An error that failed a request which had ended its session: it answers 500 and clears the cookie.
///
/// An outer middleware that renders errors finds the handler's own error in ``underlyingError``.
public struct SessionEndedByFailedRequest: HTTPResponseError {
    /// What the handler threw.
    public let underlyingError: any Error

    /// Header fields of the answer: those that clear the session's cookie.
    public let headers: HTTPFields

    /// 500.
    public var status: HTTPResponse.Status { .internalServerError }

    /// An answer without a body.
    public func response(from request: Request, context: some RequestContext) -> Response {
        Response(status: status, headers: headers)
    }
}
#endif
