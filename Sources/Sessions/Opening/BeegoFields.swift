/// The fields of `ManagerConfig`, as they were written.
struct BeegoFields: Sendable {
    enum Field: String, CaseIterable {
        case cookieName, enableSetCookie, gclifetime, maxLifetime, disableHTTPOnly, secure, cookieLifeTime
        case providerConfig, domain, sessionIDLength, sessionIDPrefix, cookieSameSite
        case enableSidInHTTPHeader = "EnableSidInHTTPHeader"
        case sessionNameInHTTPHeader = "SessionNameInHTTPHeader"
        case enableSidInURLQuery = "EnableSidInURLQuery"
    }

    /// A field's value: from JSON, which has types, or from a file of settings, which has only text.
    enum Value {
        case json(FlatJSON.Value)
        case text(String)
    }

    private var values: [Field: (name: String, value: Value)] = [:]
    var warnings: [String] = []

    init() {}

    /// Reads the JSON form.
    init(json: String) throws(SessionError) {
        let members: [(name: String, value: FlatJSON.Value)]
        do throws(FlatJSON.Malformed) {
            members = try FlatJSON.members(in: json)
        } catch {
            throw SessionError(
                .misconfigured,
                "the manager's JSON cannot be read: \(error.problem) (at byte \(error.offset))"
            )
        }
        for member in members {
            guard let field = Self.field(named: member.name) else {
                try checkUnknown(member.name)
                continue
            }
            try set(field, name: field.rawValue, .json(member.value))
        }
    }

    mutating func set(_ field: Field, name: String, _ value: Value) throws(SessionError) {
        guard values[field] == nil else { throw Self.error(name, "stands there twice") }
        values[field] = (name, value)
    }

    private static func field(named name: String) -> Field? {
        Field.allCases.first { HTTPSyntax.equals($0.rawValue, name) }
    }

    /// Names that samples and older versions of the original have, and that it ignores.
    private static let ignoredNames = [
        "sessionIDHashFunc", "sessionIDHashKey", "sessionSavePath", "sessionHashFunc", "sessionHashKey",
    ]

    private mutating func checkUnknown(_ name: String) throws(SessionError) {
        // A sample in the original's documentation has Go's tag in the name: "enableSetCookie,omitempty".
        if let comma = name.utf8.firstIndex(of: UInt8(ascii: ",")),
            let field = Self.field(named: String(name[..<comma]))
        {
            warnings.append("\(Spelling.shown(name)) is ignored; did you mean \"\(field.rawValue)\"?")
            return
        }
        if let ignored = Self.ignoredNames.first(where: { HTTPSyntax.equals($0, name) }) {
            let remedy =
                ignored == "sessionSavePath" ? "the folder stands in providerConfig" : "it has had no effect for long"
            warnings.append("\"\(ignored)\" is ignored: \(remedy)")
            return
        }
        let suggestion = Spelling.suggestion(for: name, from: Field.allCases.map(\.rawValue))
        throw SessionError(
            .misconfigured,
            "the manager's JSON has an unknown field \(Spelling.shown(name))\(suggestion)"
        )
    }

    static func error(_ name: String, _ problem: String) -> SessionError {
        SessionError(.misconfigured, "\(name): \(problem)")
    }

    /// The name under which a field was given, for messages.
    func name(_ field: Field) -> String { values[field]?.name ?? field.rawValue }

    func error(_ field: Field, _ problem: String) -> SessionError { Self.error(name(field), problem) }
}

extension BeegoFields {
    func string(_ field: Field) throws(SessionError) -> String? {
        switch values[field]?.value {
        case nil, .json(.null): return nil
        case .json(.string(let text)), .text(let text): return text
        default: throw error(field, "must be a string; JSON inside it stands in quotes, with its own quotes escaped")
        }
    }

    func bool(_ field: Field) throws(SessionError) -> Bool? {
        switch values[field]?.value {
        case nil, .json(.null): return nil
        case .json(.bool(let value)): return value
        case .text(let text): return try Self.bool(text, name: name(field))
        default: throw error(field, "must be true or false")
        }
    }

    func integer(_ field: Field) throws(SessionError) -> Int64? {
        switch values[field]?.value {
        case nil, .json(.null): return nil
        case .json(.integer(let value)): return value
        case .json(.number): throw error(field, "must be a whole number of at most 64 bits")
        case .text(let text):
            let text = HTTPSyntax.trimmed(Substring(text))
            if text.isEmpty { return nil }
            guard let value = Int64(text) else { throw error(field, "must be a whole number of at most 64 bits") }
            return value
        default: throw error(field, "must be a whole number")
        }
    }

    /// Reads a switch in the spellings that the original's settings allow; empty text is `nil`.
    static func bool(_ text: String, name: String) throws(SessionError) -> Bool? {
        let text = HTTPSyntax.trimmed(Substring(text))
        if text.isEmpty { return nil }
        if ["1", "t", "true", "y", "yes", "on"].contains(where: { HTTPSyntax.equals($0, text) }) { return true }
        if ["0", "f", "false", "n", "no", "off"].contains(where: { HTTPSyntax.equals($0, text) }) { return false }
        throw error(name, "must be true or false")
    }
}

/// The `session…` keys of an application's configuration.
struct BeegoApplicationKeys {
    var fields = BeegoFields()
    var isEnabled = false
    var providerName = "memory"

    private static let keys: [(key: String, field: BeegoFields.Field)] = [
        ("sessionname", .cookieName), ("sessiongcmaxlifetime", .gclifetime), ("sessionproviderconfig", .providerConfig),
        ("sessiondisablehttponly", .disableHTTPOnly), ("sessioncookielifetime", .cookieLifeTime),
        ("sessionautosetcookie", .enableSetCookie), ("sessiondomain", .domain),
        ("sessionenablesidinhttpheader", .enableSidInHTTPHeader), ("sessionnameinhttpheader", .sessionNameInHTTPHeader),
        ("sessionenablesidinurlquery", .enableSidInURLQuery), ("sessioncookiesamesite", .cookieSameSite),
        ("sessionidprefix", .sessionIDPrefix),
    ]

    /// What the original takes for a key that is missing.
    private static let defaults: [String: String] = [
        "sessionname": "beegosessionID", "sessiongcmaxlifetime": "3600", "sessionautosetcookie": "true",
        "sessionnameinhttpheader": "Beegosessionid",
    ]

    init(_ settings: [String: String]) throws(SessionError) {
        var values: [String: String] = [:]
        for (key, value) in settings where HTTPSyntax.hasPrefix(key, ignoringCase: "session") {
            let key = String(decoding: key.utf8.map(HTTPSyntax.lowercased), as: UTF8.self)
            guard values.updateValue(Self.unquoted(value), forKey: key) == nil else {
                throw BeegoFields.error(key, "stands there twice")
            }
        }
        var warnings: [String] = []
        isEnabled =
            try values.removeValue(forKey: "sessionon").flatMap { text throws(SessionError) in
                try BeegoFields.bool(text, name: "sessionon")
            } ?? false
        if let name = values.removeValue(forKey: "sessionprovider"), !name.isEmpty { providerName = name }
        // An old name of the same thing.
        if let path = values.removeValue(forKey: "sessionsavepath") {
            guard values["sessionproviderconfig"] == nil else {
                throw BeegoFields.error(
                    "sessionsavepath",
                    "is the old name of sessionproviderconfig, which is there too"
                )
            }
            values["sessionproviderconfig"] = path
            warnings.append("sessionsavepath is taken for sessionproviderconfig")
        }
        for key in ["sessionhashfunc", "sessionhashkey", "sessionidhashfunc", "sessionidhashkey"]
        where values.removeValue(forKey: key) != nil {
            warnings.append("\(key) is ignored: it has had no effect for long")
        }
        let json = values.removeValue(forKey: "sessionconfig").flatMap { $0.isEmpty ? nil : $0 }
        let known = Self.keys.map(\.key)
        if let unknown = values.keys.sorted().first(where: { !known.contains($0) }) {
            let all = known + ["sessionon", "sessionprovider", "sessionconfig", "sessionsavepath"]
            throw SessionError(
                .misconfigured,
                "unknown key \(Spelling.shown(unknown))\(Spelling.suggestion(for: unknown, from: all))"
            )
        }
        if let json {
            fields = try BeegoFields(json: json)
            for key in values.keys.sorted() { warnings.append("\(key) is ignored: sessionconfig replaces it") }
        } else {
            for (key, field) in Self.keys {
                guard let value = values[key] ?? Self.defaults[key] else { continue }
                try fields.set(field, name: key, .text(value))
            }
        }
        fields.warnings += warnings
    }

    private static func unquoted(_ text: String) -> String {
        let text = HTTPSyntax.trimmed(Substring(text))
        guard text.utf8.count >= 2, text.utf8.first == UInt8(ascii: "\""), text.utf8.last == UInt8(ascii: "\"") else {
            return String(text)
        }
        return String(text.dropFirst().dropLast())
    }
}
