#if PostgreSQL
import Sessions

/// The settings of a store as they were written, by name: in an address, or in a string of `name=value` pairs, which is how
/// Go's `session` package, through lib/pq, and libpq have them.
struct PostgresSettings {
    /// How messages begin.
    let provider: String
    private(set) var values: [String: String] = [:]

    /// What this package does with a name.
    enum Treatment {
        /// It is a setting of this store's.
        case used
        /// It may stand there and has no effect, for this reason.
        case ignored(String)
        /// It may not stand there, for this reason.
        case refused(String)
    }

    func error(_ problem: String) -> SessionStoreError { SessionStoreError(.misconfigured, "\(provider): \(problem)") }

    subscript(name: String) -> String? { values[name] }

    /// Reads `name=value name='quoted value' …`, by libpq's rules: white space between pairs and around `=`; quotes for
    /// values that are empty or have spaces; a backslash before a quote or another backslash.
    init(pairs text: String, provider: String) throws(SessionStoreError) {
        self.provider = provider
        guard text.utf8.count <= 16 * 1024 else { throw error("the configuration string is longer than 16384 bytes") }
        var rest = text.utf8[...]
        while true {
            rest = rest.drop(while: Self.isSpace)
            guard !rest.isEmpty else { break }
            let name = rest.prefix { !Self.isSpace($0) && $0 != UInt8(ascii: "=") }
            rest = rest[name.endIndex...].drop(while: Self.isSpace)
            // Not what stands there: it may be a piece of a password with a space in it.
            guard !name.isEmpty, rest.first == UInt8(ascii: "=") else {
                throw error(
                    "after \(values.count) settings of the form name=value something else follows: a value with spaces is "
                        + "in single quotes"
                )
            }
            rest = rest.dropFirst().drop(while: Self.isSpace)
            let nameText = String(Substring(name))
            try add(nameText, try value(&rest, of: nameText))
        }
        try check()
    }

    private func value(_ rest: inout Substring.UTF8View, of name: String) throws(SessionStoreError) -> String {
        let isQuoted = rest.first == UInt8(ascii: "'")
        if isQuoted { rest.removeFirst() }
        var bytes: [UInt8] = []
        var isClosed = !isQuoted
        while let byte = rest.first {
            if isQuoted ? byte == UInt8(ascii: "'") : Self.isSpace(byte) {
                if isQuoted { rest.removeFirst() }
                isClosed = true
                break
            }
            rest.removeFirst()
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            guard let escaped = rest.popFirst() else {
                throw error("a backslash in the value of \(Spelling.shown(name)) has nothing behind it")
            }
            bytes.append(escaped)
        }
        guard isClosed else { throw error("the quote in the value of \(Spelling.shown(name)) does not end") }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private mutating func add(_ name: String, _ value: String) throws(SessionStoreError) {
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw error("the value of \(Spelling.shown(name)) has a control character")
        }
        guard values.updateValue(value, forKey: name) == nil else {
            throw error("\(Spelling.shown(name)) must not stand there twice")
        }
    }

    /// Reads an address: its parts under the names that they have in the other form.
    init(_ url: StoreURL) throws(SessionStoreError) {
        provider = url.scheme
        guard ["postgres", "postgresql"].contains(url.scheme) else {
            throw SessionStoreError(
                .misconfigured,
                "the scheme of a PostgreSQL address must be postgres or postgresql"
            )
        }
        // A comma would make two of it.
        guard !url.hosts.contains(where: { $0.name.contains(",") }) else {
            throw error("the list of hosts must have socket directories without commas")
        }
        values = url.parameters
        let path = url.path.utf8.first == UInt8(ascii: "/") ? String(url.path.dropFirst()) : url.path
        let parts: [(name: String, value: String?)] = [
            ("user", url.user.flatMap { $0.isEmpty ? nil : $0 }),
            ("password", url.password.flatMap { $0.isEmpty ? nil : $0 }),
            ("dbname", path.isEmpty ? nil : path),
            ("host", url.hosts.isEmpty ? nil : url.hosts.map(\.name).joined(separator: ",")),
            (
                "port",
                url.hosts.contains { $0.port != nil }
                    ? url.hosts.map { $0.port.map { "\($0)" } ?? "" }.joined(separator: ",") : nil
            ),
        ]
        for (name, value) in parts {
            guard let value else { continue }
            guard values.updateValue(value, forKey: name) == nil else {
                throw error("\(name) must stand in the address or among the parameters, not in both")
            }
        }
        try check()
    }

    // MARK: Names

    private func check() throws(SessionStoreError) {
        for name in values.keys.sorted() {
            switch Self.treatments[name] {
            case .used, .ignored: continue
            case .refused(let reason): throw error("the parameter \(name) must be left out: \(reason)")
            case nil:
                let known = Self.treatments.compactMap { name, treatment in
                    if case .used = treatment { name } else { nil }
                }
                throw error(
                    "unknown parameter \(Spelling.shown(name))\(Spelling.suggestion(for: name, from: known))"
                )
            }
        }
    }

    /// Names that are there and have no effect, each with the reason.
    var ignored: [(name: String, reason: String)] {
        values.keys.sorted().compactMap { name in
            if case .ignored(let reason) = Self.treatments[name] { (name, reason) } else { nil }
        }
    }

    private static let treatments: [String: Treatment] = {
        var treatments: [String: Treatment] = [:]
        let used = [
            "host", "port", "user", "password", "dbname", "sslmode", "sslcert", "sslkey", "sslrootcert",
            "connect_timeout",
            "application_name", "fallback_application_name", "target_session_attrs", "gssencmode", "search_path",
            "insecure_skip_verify", "table", "schema", "pool", "waiting", "timeout", "max_age", "max_idle",
            "transaction_pooler", "near_cache",
        ]
        for name in used { treatments[name] = .used }
        let session = "only numbers and bytes are exchanged, which no setting of the session changes"
        let ignored: [String: String] = [
            "binary_parameters": "values are always sent in the binary form",
            "disable_prepared_binary_result": "results always come in the binary form",
            "sslsni": "the server's name is always sent",
            "sslcompression": "nothing is compressed",
            "client_encoding": session, "datestyle": session, "DateStyle": session, "timezone": session,
            "TimeZone": session, "extra_float_digits": session, "intervalstyle": session, "bytea_output": session,
            "statement_timeout": "timeout, the time of a whole operation, is the server's limit as well",
            "lock_timeout": "timeout, the time of a whole operation, is the limit for locks as well",
            "default_transaction_isolation": "it is always read committed",
            "keepalives": "they are always on", "keepalives_idle": "it is 30 seconds",
            "keepalives_interval": "it is 10 seconds", "keepalives_count": "it is 3",
            "tcp_user_timeout": "timeout ends what has no answer",
        ]
        for (name, reason) in ignored { treatments[name] = .ignored(reason) }
        let files = "where sessions go is to be seen here alone"
        let refused: [String: String] = [
            "passfile": files, "service": files, "servicefile": files, "sslinline": "name files instead",
            "sslpassword": "the key's file must not be encrypted",
            "sslcrl": "lists of revoked certificates are not read",
            "sslcrldir": "lists of revoked certificates are not read",
            "sslcertmode": "the certificate is sent if there is one",
            "sslnegotiation": "encryption is asked for as PostgreSQL has always done",
            "channel_binding": "it is used where the server offers it",
            "require_auth": "SCRAM and certificates always do, a password as it is only over TLS or a local socket",
            "requirepeer": "it is not available", "replication": "sessions are not replicated that way",
            "hostaddr": "write the address as host; the name in the certificate is then the address",
            "options": "settings of the session are the store's own",
            "krbsrvname": "Kerberos is not available", "krbspn": "Kerberos is not available",
            "gsslib": "Kerberos is not available", "gssdelegation": "Kerberos is not available",
            "load_balance_hosts": "hosts are tried in order, since one alone writes",
        ]
        for (name, reason) in refused { treatments[name] = .refused(reason) }
        return treatments
    }()
}

// MARK: - Values

extension PostgresSettings {
    /// The value, or `nil` if there is none or nothing in it.
    func text(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

    func boolean(_ name: String) throws(SessionStoreError) -> Bool? {
        switch values[name] {
        case nil: nil
        case "true", "yes", "1", "on": true
        case "false", "no", "0", "off": false
        default: throw error("the parameter \(name) must be true or false")
        }
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws(SessionStoreError) -> Int? {
        guard let text = values[name] else { return nil }
        guard let number = Self.number(text), range.contains(number) else {
            throw error("the parameter \(name) must be \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func duration(_ name: String) throws(SessionStoreError) -> Duration? {
        guard let text = values[name] else { return nil }
        guard let duration = DurationText.duration(text, allowsPlainSeconds: true) else {
            throw error(
                "the parameter \(name) must be a number of seconds such as 1.5, or a duration such as 250ms or 2s"
            )
        }
        return duration
    }

    /// A number in decimal digits and nothing else.
    static func number(_ text: some StringProtocol) -> Int? {
        guard (1...10).contains(text.utf8.count), text.utf8.allSatisfy(HTTPSyntax.isDigit) else { return nil }
        return Int(text)
    }
}
#endif
