import HTTPTypes

/// The tokens that a request offers: at most ``maximumCount`` different ones, in the order in which they were found.
///
/// Neither of them is to be trusted more than the others: browsers promise no order, and a neighbouring site may have
/// planted any of them (RFC 6265, 4.2.2 and 8.6).
struct CandidateTokens: Sendable {
    /// The most tokens that one request can make the manager look up.
    static let maximumCount = 4

    /// The first token. Inline, so that the common request allocates nothing.
    private(set) var first: SessionToken?
    /// The others.
    private(set) var more: [SessionToken] = []
    /// Whether something stood where a token is looked for that is none. Empty values are not counted: some clients
    /// keep those instead of deleting a cookie.
    private(set) var sawMalformed = false
    /// Whether the cookie's name came more than once. With a `__Host-` name no conforming browser does that.
    private(set) var sawRepeatedName = false
    /// Whether there were more tokens, pairs or bytes than are looked at.
    private(set) var isTruncated = false

    private var cookieCount = 0

    /// How many tokens there are.
    var count: Int { (first == nil ? 0 : 1) + more.count }
    var isEmpty: Bool { first == nil }
    /// The tokens in an array: for tests and for the request that offers several.
    var all: [SessionToken] { first.map { [$0] + more } ?? [] }

    /// Reads the tokens from the places that are configured: the cookie, then the header, then the query.
    ///
    /// No other place is looked at: a token in the path, the body or `Authorization` is none.
    static func candidates(
        in request: HTTPRequest,
        cookieName: String?,
        headerName: HTTPField.Name? = nil,
        queryParameter: String? = nil
    ) -> CandidateTokens {
        var tokens = CandidateTokens()
        if let cookieName { tokens.readCookies(named: cookieName, in: request.headerFields) }
        if let headerName { tokens.readHeader(headerName, in: request.headerFields) }
        if let queryParameter, let path = request.path { tokens.readQuery(parameter: queryParameter, in: path) }
        return tokens
    }

    /// Takes the text found in one place: a token, nothing, or something malformed.
    mutating func take(_ text: UnsafeRawBufferPointer) {
        if text.isEmpty { return }
        guard let token = SessionToken(utf8: text) else {
            sawMalformed = true
            return
        }
        guard let first else {
            self.first = token
            return
        }
        if first == token || more.contains(token) { return }
        if count < Self.maximumCount {
            more.append(token)
        } else {
            isTruncated = true
        }
    }

    mutating func takeCookie(_ text: UnsafeRawBufferPointer) {
        cookieCount += 1
        if cookieCount > 1 { sawRepeatedName = true }
        take(text)
    }

    mutating func truncate() { isTruncated = true }
}
