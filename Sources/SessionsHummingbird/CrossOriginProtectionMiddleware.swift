#if Hummingbird
import HTTPTypes
public import Hummingbird

/// Refuses unsafe requests that another site made a browser send (cross-site request forgery).
///
/// No tokens and no cookies are needed: browsers say themselves where a request comes from. A request whose method is
/// not GET, HEAD, OPTIONS or TRACE is refused with 403
/// - when `Sec-Fetch-Site` is there and neither `same-origin` nor `none` (Fetch Metadata; every browser since 2023),
/// - or, without that field, when `Origin` is there and its host and port are not those of the request.
///
/// A request with neither field comes from no browser and passes; it carries no cookie that it does not know anyway.
/// These are the rules of Go 1.25's `http.CrossOriginProtection`. They protect only what changes nothing on GET. The
/// session's `SameSite=Lax` cookie alone is not enough: it trusts all subdomains, and all that answers to them.
public struct CrossOriginProtectionMiddleware<Context: RequestContext>: RouterMiddleware {
    private let trustedOrigins: Set<String>

    /// Creates the middleware.
    /// - Parameter trustedOrigins: Other origins that may send unsafe requests, as browsers write them: scheme, host
    ///   and, unless it is the scheme's default, port, such as `https://login.example.com`. Default: none.
    public init(trustedOrigins: Set<String> = []) {
        self.trustedOrigins = trustedOrigins
    }

    /// Calls `next` for requests that may pass.
    /// - Throws: `HTTPError` with the status 403 for those that may not.
    public func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard isAllowed(request.head) else {
            throw HTTPError(.forbidden, message: "This request was sent by another site and has been refused.")
        }
        return try await next(request, context)
    }

    func isAllowed(_ request: HTTPRequest) -> Bool {
        switch request.method {
        case .get, .head, .options: return true
        default: break
        }
        // Joined, so that a field that was sent twice never reads as one good value.
        let origin = request.headerFields[.origin]
        if let origin, trustedOrigins.contains(origin) { return true }
        if let site = request.headerFields[.secFetchSite] {
            return site == "same-origin" || site == "none"
        }
        guard let origin else { return true }
        guard let authority = request.authority, let host = Self.host(ofOrigin: origin) else { return false }
        return host.lowercased() == authority.lowercased()
    }

    /// What stands behind `scheme://`; `nil` for the origin `null` and for what is no origin.
    private static func host(ofOrigin origin: String) -> Substring? {
        let utf8 = origin.utf8
        guard let colon = utf8.firstIndex(of: UInt8(ascii: ":")), origin[colon...].hasPrefix("://") else { return nil }
        let host = origin[utf8.index(colon, offsetBy: 3)...]
        let isHost = !host.isEmpty && host.utf8.allSatisfy { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "@") }
        return isHost ? host : nil
    }
}

extension HTTPField.Name {
    fileprivate static var secFetchSite: Self { secFetchSiteName }
}

// swift-format-ignore: NeverForceUnwrap, for the name is valid and constant
private let secFetchSiteName = HTTPField.Name("Sec-Fetch-Site")!
#endif
