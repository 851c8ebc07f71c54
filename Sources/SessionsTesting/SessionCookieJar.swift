public import HTTPTypes
public import Sessions

/// The cookies of one browser for one host: what it keeps of `Set-Cookie` fields and sends back.
///
/// It does what RFC 6265bis makes browsers do, so far as session cookies need it: names and paths, `Max-Age` and `Expires`
/// by the clock it is given, `Secure`, the prefixes `__Host-` and `__Secure-`, deletion. `SameSite` is not looked at:
/// all requests count as the site's own.
/// ```swift
/// var jar = SessionCookieJar(clock: clock)
/// jar.add(to: &request)
/// jar.receive(response.headerFields, for: request)
/// ```
public struct SessionCookieJar: Sendable {
    /// One stored cookie.
    public struct Cookie: Hashable, Sendable {
        /// The cookie's name.
        public var name: String
        /// The cookie's value, as it was set: quotes are part of it.
        public var value: String
        /// The part of the site that gets the cookie.
        public var path: String
        /// Whether the cookie stays off plain HTTP.
        public var isSecure: Bool
        /// Whether the page's scripts cannot read it.
        public var isHTTPOnly: Bool
        /// When it ends, or `nil` for when the browser is closed.
        public var expiresAt: SessionInstant?
    }

    /// The host that the browser talks to; cookies for other domains are refused.
    public let host: String
    private let clock: any SessionClock
    private var stored: [Cookie] = []

    /// Creates an empty jar.
    public init(host: String = "localhost", clock: some SessionClock = .system) {
        self.host = host
        self.clock = clock
    }

    /// The cookies that have not ended, in the order in which they were first set.
    public var cookies: [Cookie] { stored.filter { isLive($0) } }

    /// The value of the first cookie of a name.
    public subscript(name: String) -> String? { cookies.first { $0.name == name }?.value }

    /// Forgets the cookies that end when the browser is closed.
    public mutating func closeBrowser() { stored.removeAll { $0.expiresAt == nil } }

    /// Puts the `Cookie` field that belongs to a request into it, in place of one that is there.
    public func add(to request: inout HTTPRequest) {
        request.headerFields[.cookie] = field(
            path: Self.path(of: request),
            isSecure: request.scheme?.lowercased() == "https"
        )
    }

    /// The value of the `Cookie` field for a request, or `nil` if no cookie belongs to it. Longer paths come first.
    public func field(path: String = "/", isSecure: Bool = true) -> String? {
        let fitting = cookies.filter { Self.path(path, isWithin: $0.path) && (isSecure || !$0.isSecure) }
        guard !fitting.isEmpty else { return nil }
        // A stable order: among equal paths the one that was set first.
        let sorted = fitting.enumerated().sorted {
            ($1.element.path.utf8.count, $0.offset) < ($0.element.path.utf8.count, $1.offset)
        }
        return sorted.map { "\($0.element.name)=\($0.element.value)" }.joined(separator: "; ")
    }

    /// Keeps the cookies of a response.
    public mutating func receive(_ fields: HTTPFields, for request: HTTPRequest) {
        receive(fields, path: Self.path(of: request), isSecure: request.scheme?.lowercased() == "https")
    }

    /// Keeps the cookies of a response.
    /// - Parameters:
    ///   - fields: The fields of the response.
    ///   - path: The path of the request.
    ///   - isSecure: Whether the response came over HTTPS.
    public mutating func receive(_ fields: HTTPFields, path: String = "/", isSecure: Bool = true) {
        for field in fields[values: .setCookie] { receive(field, path: path, isSecure: isSecure) }
    }

    private mutating func receive(_ field: String, path: String, isSecure: Bool) {
        let parts = field.split(separator: ";", omittingEmptySubsequences: false).map { Self.trimmed($0) }
        guard let pair = parts.first, let equals = pair.firstIndex(of: "=") else { return }
        var cookie = Cookie(
            name: String(Self.trimmed(pair[..<equals])),
            value: String(Self.trimmed(pair[pair.index(after: equals)...])),
            path: Self.defaultPath(of: path),
            isSecure: false,
            isHTTPOnly: false
        )
        var hasPath = false
        var hasDomain = false
        var maximumAge: Int64?
        var expires: SessionInstant?
        for part in parts.dropFirst() {
            let equals = part.firstIndex(of: "=")
            let name = Self.trimmed(part[..<(equals ?? part.endIndex)]).lowercased()
            let value = equals.map { String(Self.trimmed(part[part.index(after: $0)...])) } ?? ""
            switch name {
            case "path":
                hasPath = value.hasPrefix("/")
                cookie.path = hasPath ? value : Self.defaultPath(of: path)
            case "domain":
                let domain = (value.hasPrefix(".") ? String(value.dropFirst()) : value).lowercased()
                guard domain.isEmpty || domain == host || host.hasSuffix("." + domain) else { return }
                hasDomain = hasDomain || !domain.isEmpty
            case "secure": cookie.isSecure = true
            case "httponly": cookie.isHTTPOnly = true
            case "max-age": maximumAge = Int64(value) ?? maximumAge
            case "expires": expires = Self.date(value) ?? expires
            default: break
            }
        }
        guard isSecure || !cookie.isSecure else { return }
        let lowercasedName = cookie.name.lowercased()
        if lowercasedName.hasPrefix("__secure-"), !cookie.isSecure { return }
        if lowercasedName.hasPrefix("__host-"), !cookie.isSecure || hasDomain || !hasPath || cookie.path != "/" {
            return
        }
        // A page over plain HTTP cannot replace a secure cookie.
        if !isSecure, stored.contains(where: { $0.name == cookie.name && $0.isSecure && isLive($0) }) { return }
        cookie.expiresAt = maximumAge.map { $0 <= 0 ? .distantPast : clock.now + .seconds($0) } ?? expires
        let position = stored.firstIndex { $0.name == cookie.name && $0.path == cookie.path }
        if !isLive(cookie) {
            if let position { stored.remove(at: position) }
        } else if let position {
            stored[position] = cookie
        } else {
            stored.append(cookie)
        }
    }

    private func isLive(_ cookie: Cookie) -> Bool { cookie.expiresAt.map { $0 > clock.now } ?? true }
}

extension SessionCookieJar {
    private static func path(of request: HTTPRequest) -> String {
        let target = request.path ?? "/"
        return String(target.prefix { $0 != "?" && $0 != "#" })
    }

    /// RFC 6265bis, "Paths and Path-Match".
    private static func path(_ path: String, isWithin cookiePath: String) -> Bool {
        if path == cookiePath { return true }
        guard path.hasPrefix(cookiePath) else { return false }
        return cookiePath.hasSuffix("/") || path.dropFirst(cookiePath.count).hasPrefix("/")
    }

    /// The folder of the request's path.
    private static func defaultPath(of path: String) -> String {
        guard path.hasPrefix("/"), let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    private static func trimmed(_ text: some StringProtocol) -> Substring {
        var text = Substring(text)
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }

    private static let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    /// Reads the date format that servers write: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
    static func date(_ text: String) -> SessionInstant? {
        let words = text.lowercased().split { $0 == " " || $0 == "-" || $0 == "," }
        guard words.count == 6, let day = Int64(words[1]), let month = months.firstIndex(of: String(words[2])),
            let year = Int64(words[3]), 1...31 ~= day, 1601...9999 ~= year
        else { return nil }
        let time = words[4].split(separator: ":").compactMap { Int64($0) }
        guard time.count == 3, 0...23 ~= time[0], 0...59 ~= time[1], 0...59 ~= time[2] else { return nil }
        // Days from 1970-01-01 in the Gregorian calendar, with years that begin in March.
        let shifted = month < 2 ? year - 1 : year
        let monthFromMarch = Int64((month + 10) % 12)
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        let seconds = days * 86_400 + time[0] * 3600 + time[1] * 60 + time[2]
        return SessionInstant(millisecondsSince1970: seconds * 1000)
    }
}
