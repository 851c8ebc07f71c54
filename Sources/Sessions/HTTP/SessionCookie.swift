/// The cookie that carries a session's token, as it is configured.
///
/// Every default is the secure choice. A configuration that browsers would reject, and so would lose every session
/// without a word, fails when the manager is made (``validate()``).
///
/// The rules are those of draft-ietf-httpbis-rfc6265bis ("6265bis"), of its successor "Cookies: HTTP State Management
/// Mechanism" for the `__Http-` prefixes, and of CHIPS for `Partitioned`.
public struct SessionCookie: Hashable, Sendable {
    /// The cookie's name: a token in the sense of RFC 9110, compared byte for byte. Default: `__Host-session`.
    ///
    /// The prefix `__Host-` makes browsers refuse a cookie of this name from any other host, from plain HTTP and for
    /// a part of the site only. A name without a prefix can be planted by a neighbouring subdomain.
    public var name: String

    /// The part of the site that gets the cookie. Default: `/`.
    public var path: String

    /// The domain whose hosts all get the cookie, or `nil`, the default, for the answering host alone.
    ///
    /// Every host below the domain can then read and plant the session. It must not be a public suffix, such as
    /// `co.uk` or `github.io`: browsers refuse those, and no list of them is at hand to check it here.
    public var domain: String?

    /// When the cookie is marked `Secure`, so that it never travels over plain HTTP. Default: `.always`.
    public var security: Security

    /// Whether the page's scripts are kept from reading the cookie. Default: `true`.
    public var isHTTPOnly: Bool

    /// Which requests that other sites cause carry the cookie. Default: `.lax`.
    public var sameSite: SameSite

    /// How long the browser keeps the cookie, 1 second to 400 days, in whole seconds; or `nil`, the default, for as
    /// long as the browser runs.
    ///
    /// The server enforces the session's own deadlines in any case; this is only when the browser forgets the token.
    public var maximumAge: Duration?

    /// Whether the cookie belongs to the pair of this site and the site that embeds it (CHIPS). Default: `false`.
    public var isPartitioned: Bool

    /// Creates a cookie's configuration.
    public init(
        name: String = "__Host-session",
        path: String = "/",
        domain: String? = nil,
        security: Security = .always,
        isHTTPOnly: Bool = true,
        sameSite: SameSite = .lax,
        maximumAge: Duration? = nil,
        isPartitioned: Bool = false
    ) {
        self.name = name
        self.path = path
        self.domain = domain
        self.security = security
        self.isHTTPOnly = isHTTPOnly
        self.sameSite = sameSite
        self.maximumAge = maximumAge
        self.isPartitioned = isPartitioned
    }

    /// When a cookie is marked `Secure`. More may come.
    public struct Security: Hashable, Sendable {
        private enum Wrapped { case always, matchingRequest, never }
        private let wrapped: Wrapped

        /// Always. Right behind a proxy that speaks TLS too; browsers accept it on `http://localhost` as well.
        public static var always: Self { .init(wrapped: .always) }
        /// When the request came over `https`, by its scheme or by the word of a trusted proxy
        /// (``SessionManager/Configuration/trustedProxies``).
        public static var matchingRequest: Self { .init(wrapped: .matchingRequest) }
        /// Never: the token travels in the clear. For development only.
        public static var never: Self { .init(wrapped: .never) }
    }

    /// Which requests that other sites cause carry a cookie. More may come.
    public struct SameSite: Hashable, Sendable {
        private enum Wrapped: String {
            case strict = "Strict"
            case lax = "Lax"
            case none = "None"
            case unspecified
        }
        private let wrapped: Wrapped

        /// None: somebody who follows a link from elsewhere arrives without a session.
        public static var strict: Self { .init(wrapped: .strict) }
        /// Only when somebody follows a link, not for forms, scripts and images.
        public static var lax: Self { .init(wrapped: .lax) }
        /// All. Needs `Secure`, and protection of one's own against forged requests.
        public static var none: Self { .init(wrapped: .none) }
        /// The attribute is left out, and browsers do what they please: most of them `Lax`, with two minutes of `None`
        /// after the cookie was set.
        public static var unspecified: Self { .init(wrapped: .unspecified) }

        /// The attribute's value, or `nil` to leave it out.
        var attributeValue: String? { wrapped == .unspecified ? nil : wrapped.rawValue }
    }
}
