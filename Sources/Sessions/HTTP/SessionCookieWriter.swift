/// Writes the values of `Set-Cookie` fields. Made once per manager: all but the token is constant.
struct SessionCookieWriter: Sendable {
    // As bytes, so that a field's value is put together in one piece.
    private let head: [UInt8]
    private let attributes: [UInt8]
    private let secureAttributes: [UInt8]
    /// Whether what is written depends on how the client came. If not, nobody has to find that out.
    private let matchesRequest: Bool
    private let deletion: String
    private let secureDeletion: String

    /// - Parameter cookie: A configuration that passed ``SessionCookie/validate()``: nothing is escaped here.
    init(_ cookie: SessionCookie) {
        matchesRequest = cookie.security == .matchingRequest
        let isSecure = cookie.security == .always
        let isSecureOverHTTPS = cookie.security != .never
        let lifetime = cookie.maximumAge.map { "; Max-Age=\(max(1, $0.components.seconds))" } ?? ""
        // Max-Age wins where it is known; Expires is for clients that know no other (RFC 6265, 4.1.2.2).
        let past = "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        let head = "\(cookie.name)="
        self.head = Array(head.utf8)
        attributes = Array(Self.attributes(of: cookie, lifetime: lifetime, isSecure: isSecure).utf8)
        secureAttributes = Array(Self.attributes(of: cookie, lifetime: lifetime, isSecure: isSecureOverHTTPS).utf8)
        deletion = head + Self.attributes(of: cookie, lifetime: past, isSecure: isSecure)
        secureDeletion = head + Self.attributes(of: cookie, lifetime: past, isSecure: isSecureOverHTTPS)
    }

    /// The value of the field that hands `token` to the browser.
    func setField(token: SessionToken, isSecureRequest: @autoclosure () -> Bool) -> String {
        let attributes = matchesRequest && isSecureRequest() ? secureAttributes : attributes
        let count = head.count + SessionToken.characterCount + attributes.count
        return String(unsafeUninitializedCapacity: count) { text in
            var end = text.update(fromContentsOf: head)
            end += token.write(to: UnsafeMutableBufferPointer(rebasing: text[end...]))
            return UnsafeMutableBufferPointer(rebasing: text[end...]).update(fromContentsOf: attributes) + end
        }
    }

    /// The value of the field that makes the browser forget the cookie.
    ///
    /// It repeats every attribute that the cookie was set with: browsers keep cookies apart by name, domain, path and
    /// partition, and refuse one with a prefix in its name and no `Secure`, also when it is to be deleted (D37).
    func deletionField(isSecureRequest: @autoclosure () -> Bool) -> String {
        matchesRequest && isSecureRequest() ? secureDeletion : deletion
    }

    private static func attributes(of cookie: SessionCookie, lifetime: String, isSecure: Bool) -> String {
        var text = "; Path=\(cookie.path)"
        if let domain = cookie.domain { text += "; Domain=\(domain)" }
        text += lifetime
        if isSecure { text += "; Secure" }
        if cookie.isHTTPOnly { text += "; HttpOnly" }
        if let sameSite = cookie.sameSite.attributeValue { text += "; SameSite=\(sameSite)" }
        if cookie.isPartitioned { text += "; Partitioned" }
        return text
    }
}
