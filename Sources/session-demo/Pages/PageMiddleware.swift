#if Hummingbird
import HTTPTypes
import Hummingbird
import Logging
import Sessions
import SessionsHummingbird

/// Gives pages their security headers, and people a page where programs would get JSON.
struct PageMiddleware: RouterMiddleware {
    private static let headers: HTTPFields = [
        .contentSecurityPolicy: """
        default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
        frame-ancestors 'none'
        """,
        .xContentTypeOptions: "nosniff",
        .referrerPolicy: "same-origin",
    ]

    func handle(
        _ request: Request,
        context: DemoRequestContext,
        next: @concurrent (Request, DemoRequestContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch let error as any HTTPResponseError {
            response = try errorPage(for: error, request, context)
        } catch {
            context.logger.error("request failed", metadata: ["error": "\(error)"])
            response = ErrorPage(.internalServerError).response()
        }
        response.headers.append(contentsOf: Self.headers)
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "private, no-cache" }
        return response
    }

    private func errorPage(
        for error: any HTTPResponseError,
        _ request: Request,
        _ context: DemoRequestContext
    ) throws -> Response {
        var page = ErrorPage(error.status).response()
        // What the error says beside its body, such as Retry-After, holds for the page as well.
        for field in try error.response(from: request, context: context).headers
        where field.name != .contentType && field.name != .contentLength {
            page.headers.append(field)
        }
        return page
    }
}

/// The page of a request that failed.
struct ErrorPage {
    let status: HTTPResponse.Status
    let title: String
    let message: String

    init(_ status: HTTPResponse.Status) {
        self.status = status
        switch status {
        case .badRequest:
            title = "That did not make sense"
            message = "The request could not be understood, or your browser sent two sessions at once."
        case .forbidden:
            title = "Refused"
            message = "This request came from another site, so nothing was done."
        case .notFound:
            title = "Nothing here"
            message = "There is no such page, or no such session of yours."
        case .conflict:
            title = "Your session has ended"
            message = "It was signed out or renewed somewhere else while you were here. Nothing was changed."
        case .contentTooLarge:
            title = "Too much"
            message = "That is more than a session may hold. Nothing was changed."
        case .serviceUnavailable:
            title = "One moment, please"
            message = "The session store does not answer. You are still signed in; try again shortly."
        default:
            title = "Something went wrong"
            message = "The server could not answer (status \(status.code))."
        }
    }

    func response() -> Response {
        Templates.page("error", ["title": title, "message": message], status: status)
    }
}

extension HTTPField.Name {
    // swift-format-ignore: NeverForceUnwrap, for the name is valid and constant
    fileprivate static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
#endif
