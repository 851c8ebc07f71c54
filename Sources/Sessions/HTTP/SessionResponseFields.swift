import HTTPTypes

extension HTTPFields {
    /// Says to caches that the response depends on the session that was looked at: `Vary` with `Cookie` and, where the
    /// header transport is on, with its name too.
    ///
    /// It is needed whenever the session was looked at, not only when it was changed: without it a cache hands one
    /// person's page to the next (CVE-2023-30861, CVE-2026-27205). A `Vary: *` stays as it is, for it says more.
    mutating func addSessionVary(cookie: Bool, headerName: HTTPField.Name?) {
        if cookie { addVary(.cookie) }
        if let headerName { addVary(headerName) }
    }

    /// Puts our `Set-Cookie` into a response and keeps caches from storing it.
    ///
    /// A field that sets the cookie called `name` already is replaced: a response must not set one cookie twice
    /// (RFC 6265, 4.1.1). Others stay.
    mutating func setSessionCookie(_ value: String, named name: String) {
        let field = HTTPField(name: .setCookie, value: value)
        if contains(.setCookie) {
            removeAll { $0.name == .setCookie && Self.sets(name, $0) }
            append(field)
        } else {
            self[fields: .setCookie] = [field]
        }
        forbidStoring()
    }

    /// Puts a session's token into a response header and keeps caches from storing it.
    mutating func setSessionHeader(_ token: SessionToken, name: HTTPField.Name) {
        self[name] = token.secret
        forbidStoring()
    }

    /// Makes `Cache-Control` say `no-store`, replacing whatever allows more, and removes the fields that speak to
    /// single caches and would overrule it (RFC 9213).
    mutating func forbidStoring() {
        removeAll { field in
            let name = field.name.canonicalName
            return name.hasSuffix("-cache-control") || name == "surrogate-control"
        }
        guard contains(.cacheControl) else {
            self[fields: .cacheControl] = Self.noStore
            return
        }
        let existing = self[.cacheControl] ?? ""
        // A quoted argument may contain anything, so a value with quotes is not looked into.
        let isForbidden =
            !existing.utf8.contains(UInt8(ascii: "\""))
            && HTTPSyntax.elements(of: existing).contains { HTTPSyntax.equals($0, "no-store") }
        if !isForbidden { self[.cacheControl] = "no-store" }
    }

    private static let noStore = [HTTPField(name: .cacheControl, value: "no-store")]
    private static let varyCookie = [HTTPField(name: .vary, value: HTTPField.Name.cookie.rawName)]

    /// What becomes of fields that are empty, as those of a redirect or of an answer without a body often are.
    private static let onlyVaryCookie: HTTPFields = {
        var fields = HTTPFields()
        fields[fields: .vary] = varyCookie
        return fields
    }()

    private mutating func addVary(_ name: HTTPField.Name) {
        if isEmpty, name == .cookie {
            self = Self.onlyVaryCookie
            return
        }
        guard contains(.vary) else {
            // The field of nearly every response is made once; the subscript puts it in without the generic machinery
            // of append(_:).
            self[fields: .vary] = name == .cookie ? Self.varyCookie : [HTTPField(name: .vary, value: name.rawName)]
            return
        }
        let existing = self[.vary] ?? ""
        let names = HTTPSyntax.elements(of: existing)
        if names.contains(where: { $0 == "*" || HTTPSyntax.equals($0, name.canonicalName) }) { return }
        self[.vary] = names.isEmpty ? name.rawName : "\(existing), \(name.rawName)"
    }

    /// Whether a `Set-Cookie` field sets the cookie called `name`, as browsers read it.
    private static func sets(_ name: String, _ field: HTTPField) -> Bool {
        let value = field.value
        let pair = value.utf8.prefix { $0 != UInt8(ascii: ";") }
        guard let sign = pair.firstIndex(of: UInt8(ascii: "=")) else { return false }
        return HTTPSyntax.trimmed(Substring(pair[..<sign])).utf8.elementsEqual(name.utf8)
    }
}
