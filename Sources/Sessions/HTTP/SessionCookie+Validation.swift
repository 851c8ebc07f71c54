extension SessionCookie {
    /// Checks that browsers accept the cookie.
    ///
    /// - Throws: `.misconfigured`, with the property, the reason and what to do.
    public func validate() throws(SessionError) {
        try validateName()
        try validatePath()
        if let domain { try validateDomain(domain) }
        try validateMaximumAge()
        try validateSecurity()
    }

    /// The longest name and value together that browsers keep (6265bis, storage model).
    static let maximumByteCount = 4096

    /// The longest attribute value that browsers heed (6265bis, storage model).
    static let maximumAttributeByteCount = 1024

    private func validateName() throws(SessionError) {
        guard !name.isEmpty, name.utf8.allSatisfy(HTTPSyntax.isTokenCharacter) else {
            throw Self.error("name", "is not a token: use letters, digits and !#$%&'*+-.^_`|~ only (RFC 9110, 5.6.2)")
        }
        guard name.utf8.count + SessionToken.characterCount <= Self.maximumByteCount else {
            throw Self.error("name", "is too long: name and value together may have \(Self.maximumByteCount) bytes")
        }
    }

    private func validatePath() throws(SessionError) {
        guard path.utf8.first == UInt8(ascii: "/") else {
            throw Self.error("path", "does not start with \"/\": browsers would replace it by the request's folder")
        }
        guard path.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ";") }) else {
            throw Self.error(
                "path",
                "contains a semicolon, a control character or a character outside ASCII: percent-encode it"
            )
        }
        guard path.utf8.last != UInt8(ascii: " ") else {
            throw Self.error("path", "ends with a space, which browsers remove: percent-encode it")
        }
        guard path.utf8.count <= Self.maximumAttributeByteCount else {
            throw Self.error(
                "path",
                "is longer than \(Self.maximumAttributeByteCount) bytes: browsers would ignore it"
            )
        }
    }

    private func validateDomain(_ domain: String) throws(SessionError) {
        let remedy = "write a host name such as example.com, or nil for the answering host alone"
        guard !domain.isEmpty else { throw Self.error("domain", "is empty: \(remedy)") }
        guard !domain.utf8.contains(UInt8(ascii: "/")) else {
            throw Self.error("domain", "contains a scheme or a path: \(remedy)")
        }
        guard !domain.utf8.contains(UInt8(ascii: ":")) else {
            throw Self.error("domain", "contains a port or is an IP address: \(remedy)")
        }
        guard domain.utf8.first != UInt8(ascii: ".") else {
            throw Self.error("domain", "starts with a dot: leave it out, subdomains are included without it")
        }
        guard domain.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw Self.error("domain", "is not ASCII: write it in its xn-- form")
        }
        let labels = domain.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let areLabels = labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                && label.allSatisfy {
                    HTTPSyntax.isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
                }
        }
        guard areLabels, domain.utf8.count <= 253 else {
            throw Self.error("domain", "is not a host name: \(remedy)")
        }
        guard labels.count > 1 else {
            throw Self.error("domain", "is a single label, which browsers refuse: \(remedy)")
        }
        guard labels.last?.allSatisfy(HTTPSyntax.isDigit) != true else {
            throw Self.error("domain", "is an IP address, which has no subdomains: use nil")
        }
    }

    private func validateMaximumAge() throws(SessionError) {
        guard let maximumAge else { return }
        guard maximumAge >= .seconds(1) else {
            throw Self.error("maximumAge", "is shorter than 1 second: browsers would drop the cookie; use nil for none")
        }
        guard maximumAge <= SessionManager.Lifetime.maximum else {
            throw Self.error("maximumAge", "is longer than 400 days, the longest that browsers keep a cookie")
        }
    }

    private func validateSecurity() throws(SessionError) {
        let isAlwaysSecure = security == .always
        // Browsers compare the prefixes without regard to case (6265bis 5.7), so __host-x is bound by them too.
        let prefixes: [(text: String, isHostBound: Bool, needsHTTPOnly: Bool)] = [
            ("__Host-Http-", true, true), ("__Host-", true, false), ("__Http-", false, true),
            ("__Secure-", false, false),
        ]
        if let prefix = prefixes.first(where: { HTTPSyntax.hasPrefix(name, ignoringCase: $0.text) }) {
            guard isAlwaysSecure else {
                throw Self.error("security", "must be .always: browsers refuse a \(prefix.text) cookie without Secure")
            }
            guard !prefix.isHostBound || domain == nil else {
                throw Self.error("domain", "must be nil: browsers refuse a \(prefix.text) cookie with a Domain")
            }
            guard !prefix.isHostBound || path == "/" else {
                throw Self.error("path", "must be \"/\": browsers refuse a \(prefix.text) cookie with another Path")
            }
            guard !prefix.needsHTTPOnly || isHTTPOnly else {
                throw Self.error("isHTTPOnly", "must be true: browsers refuse a \(prefix.text) cookie without HttpOnly")
            }
        }
        guard sameSite != .none || isAlwaysSecure else {
            throw Self.error("security", "must be .always: browsers refuse SameSite=None without Secure")
        }
        guard !isPartitioned || isAlwaysSecure else {
            throw Self.error("security", "must be .always: browsers refuse Partitioned without Secure")
        }
    }

    private static func error(_ property: String, _ problem: String) -> SessionError {
        SessionError(.misconfigured, "SessionCookie.\(property) \(problem)")
    }
}
