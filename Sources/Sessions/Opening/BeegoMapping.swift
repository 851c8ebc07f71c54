import HTTPTypes

/// Makes a ``SessionManager/Configuration`` of the original's fields.
struct BeegoMapping {
    private let fields: BeegoFields
    private(set) var warnings: [String]

    init(_ fields: BeegoFields) {
        self.fields = fields
        warnings = fields.warnings
    }

    mutating func configuration() throws(SessionError) -> SessionManager.Configuration {
        var configuration = SessionManager.Configuration()
        let cookieName = try fields.string(.cookieName) ?? ""
        guard !cookieName.isEmpty else {
            throw fields.error(.cookieName, "is missing: name the cookie, such as \"gosessionid\"")
        }
        // The name stays part of every session's id where there is no cookie.
        configuration.name = cookieName
        try mapLifetimes(to: &configuration)
        try mapTransports(to: &configuration, cookieName: cookieName)
        configuration.cookie = try cookie(
            named: cookieName,
            hasOtherTransport: configuration.headerName != nil
                || configuration.queryParameter != nil
        )
        try mapIDs()
        return configuration
    }

    private mutating func warn(_ field: BeegoFields.Field, _ text: String) {
        warnings.append("\(fields.name(field)): \(text)")
    }

    /// A number of seconds from 1 second to 400 days.
    private func duration(_ field: BeegoFields.Field, _ seconds: Int64) throws(SessionError) -> Duration {
        guard seconds >= 1 else { throw fields.error(field, "must be at least 1 second") }
        guard .seconds(seconds) <= SessionManager.Lifetime.maximum else {
            throw fields.error(field, "must be at most 400 days (34560000 seconds)")
        }
        return .seconds(seconds)
    }

    private mutating func mapLifetimes(to configuration: inout SessionManager.Configuration) throws(SessionError) {
        let collection = try fields.integer(.gclifetime)
        if let collection { configuration.sweepInterval = try duration(.gclifetime, collection) }
        if let lifetime = try fields.integer(.maxLifetime), lifetime != 0 || collection == nil {
            configuration.lifetime.idle = try duration(.maxLifetime, lifetime)
        } else if let collection {
            configuration.lifetime.idle = try duration(.gclifetime, collection)
            if try fields.integer(.maxLifetime) == 0 { warn(.maxLifetime, "0 means as long as gclifetime") }
        } else {
            warn(.maxLifetime, "is missing, and so is gclifetime: sessions live for an hour without a request")
        }
        configuration.lifetime.absolute = max(configuration.lifetime.absolute, configuration.lifetime.idle)
    }

    private mutating func mapTransports(
        to configuration: inout SessionManager.Configuration,
        cookieName: String
    ) throws(SessionError) {
        if try fields.bool(.enableSidInHTTPHeader) ?? false {
            let name = try fields.string(.sessionNameInHTTPHeader) ?? ""
            guard !name.isEmpty else {
                throw fields.error(
                    .sessionNameInHTTPHeader,
                    "is missing, and EnableSidInHTTPHeader is on: name the header"
                )
            }
            // The original panics unless the name is spelled in Go's canonical way; names of headers have no case.
            guard let headerName = HTTPField.Name(name) else {
                throw fields.error(.sessionNameInHTTPHeader, "is no name of a header: use letters, digits and hyphens")
            }
            configuration.headerName = headerName
            warn(.enableSidInHTTPHeader, "scripts in a page can read the token in the header")
        }
        if try fields.bool(.enableSidInURLQuery) ?? false {
            configuration.queryParameter = cookieName
            warn(
                .enableSidInURLQuery,
                "tokens in addresses end up in logs and histories; only the query is read, not the body of a form"
            )
        }
    }

    private mutating func cookie(
        named name: String,
        hasOtherTransport: Bool
    ) throws(SessionError) -> SessionCookie? {
        switch try fields.bool(.enableSetCookie) {
        case nil:
            warn(.enableSetCookie, "is missing; the cookie is sent all the same, for without it nobody has a session")
        case false?:
            guard hasOtherTransport else {
                throw fields.error(
                    .enableSetCookie,
                    "must be true: without the cookie, EnableSidInHTTPHeader and EnableSidInURLQuery nobody has a session"
                )
            }
            return nil
        case true?: break
        }
        var cookie = SessionCookie(name: name)
        try mapSecurity(to: &cookie)
        if try fields.bool(.disableHTTPOnly) ?? false {
            cookie.isHTTPOnly = false
            warn(.disableHTTPOnly, "scripts in a page can read the token")
        }
        if var domain = try fields.string(.domain), !domain.isEmpty {
            if domain.utf8.first == UInt8(ascii: ".") {
                domain.removeFirst()
                warn(.domain, "the leading dot is left out: subdomains are included without it")
            }
            cookie.domain = domain
        }
        if let seconds = try fields.integer(.cookieLifeTime), seconds != 0 {
            guard seconds > 0 else { throw fields.error(.cookieLifeTime, "must not be negative") }
            cookie.maximumAge = min(.seconds(seconds), SessionManager.Lifetime.maximum)
            if .seconds(seconds) > SessionManager.Lifetime.maximum {
                warn(.cookieLifeTime, "is cut to 400 days, the longest that browsers keep a cookie")
            }
        }
        do throws(SessionError) {
            try cookie.validate()
        } catch {
            throw SessionError(.misconfigured, "\(fields.name(Self.field(of: error))): \(error.message)")
        }
        return cookie
    }

    private mutating func mapSecurity(to cookie: inout SessionCookie) throws(SessionError) {
        let secure = try fields.bool(.secure)
        switch secure {
        case true?: cookie.security = .always
        case false?: cookie.security = .never
        // The original leaves Secure out. Names with a prefix demand it; else it follows the request.
        case nil: cookie.security = HTTPSyntax.hasPrefix(cookie.name, ignoringCase: "__") ? .always : .matchingRequest
        }
        switch try fields.integer(.cookieSameSite) {
        case nil, 2: cookie.sameSite = .lax
        case 0, 1:
            cookie.sameSite = .unspecified
            warn(.cookieSameSite, "leaves the attribute out, and browsers differ then; 2 is Lax")
        case 3: cookie.sameSite = .strict
        case 4:
            guard cookie.security == .always else {
                throw fields.error(.cookieSameSite, "4 (None) needs \"secure\": true, or browsers refuse the cookie")
            }
            cookie.sameSite = .none
        default:
            throw fields.error(
                .cookieSameSite,
                "must be 0 or 1 (the browser's choice), 2 (Lax), 3 (Strict) or 4 (None)"
            )
        }
    }

    private mutating func mapIDs() throws(SessionError) {
        if try fields.integer(.sessionIDLength) ?? 0 != 0 {
            warn(.sessionIDLength, "is ignored: a token always has 256 random bits")
        }
        if try fields.string(.sessionIDPrefix)?.isEmpty == false {
            warn(.sessionIDPrefix, "is ignored: a token says nothing but randomness")
        }
    }

    /// The field to blame for what ``SessionCookie/validate()`` found.
    private static func field(of error: SessionError) -> BeegoFields.Field {
        let blamed: [(property: String, field: BeegoFields.Field)] = [
            ("domain", .domain), ("security", .secure), ("isHTTPOnly", .disableHTTPOnly),
            ("maximumAge", .cookieLifeTime),
        ]
        return blamed.first { error.message.hasPrefix("SessionCookie.\($0.property) ") }?.field ?? .cookieName
    }
}
