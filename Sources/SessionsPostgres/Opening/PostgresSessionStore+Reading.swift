#if PostgreSQL
public import Sessions

extension PostgresSessionStore.Configuration {
    /// Reads an address.
    ///
    /// ```
    /// postgres://app:p%40ss@db1.example.com,db2.example.com:5433/app?sslrootcert=/etc/ssl/db.pem&pool=32
    /// postgres://app@%2Frun%2Fpostgresql/app
    /// postgresql://app:secret@127.0.0.1/app?table=web_sessions&search_path=web
    /// ```
    /// The schemes are `postgres` and `postgresql`. The port is 5432 unless told otherwise, the host `localhost`, the
    /// database the user's name.
    ///
    /// Parameters, with the properties that they set and whose ranges and defaults they have: `table` (``table``), `schema`
    /// (`create`, the default, or `expect`: ``schema``), `search_path` (``searchPath``), `pool` (``maximumConnections``),
    /// `waiting` (``maximumWaitingCalls``), `timeout` (``operationTimeout``), `connect_timeout` (``connectTimeout``),
    /// `max_age` (``maximumConnectionAge``), `max_idle` (``maximumIdleTime``), `transaction_pooler` (``usesTransactionPooler``),
    /// `near_cache` (``nearCache``: true, false or a count), `application_name` or `fallback_application_name`
    /// (``applicationName``), `sslrootcert`, `sslcert` and `sslkey` (``PostgresSessionStore/TLS``). Times are seconds, such
    /// as `1.5`, or have a unit: `250ms`, `2s`. User, password, database, hosts and ports may also be parameters, by
    /// libpq's names.
    ///
    /// | `sslmode` | here | lib/pq and libpq |
    /// |---|---|---|
    /// | missing | everything is verified; on this machine nothing is encrypted | lib/pq: as `require` |
    /// | `disable` | nothing is encrypted | the same |
    /// | `require` | **everything is verified**, with a warning | nothing is verified, or only the authority |
    /// | `verify-ca` | the authority is verified, the name is not | the same |
    /// | `verify-full` | everything is verified | the same |
    /// | `allow`, `prefer` | refused: whoever is in between decides | encrypted if the server likes |
    ///
    /// `insecure_skip_verify=true` beside `require` has nothing verified.
    /// - Parameters:
    ///   - url: The address.
    ///   - warn: Told what was accepted and has no effect, or not the one that it seems to have: the parameter's name,
    ///     never its value.
    /// - Throws: `.misconfigured`, naming the part that is wrong and never showing a password. A parameter that is not
    ///   known is an error too.
    public init(url: StoreURL, warn: (String) -> Void = { _ in }) throws(SessionStoreError) {
        try self.init(PostgresSettings(url), warn: warn)
    }

    /// Reads a configuration string of the provider `postgresql` of Go's `session` package, which is one of lib/pq's:
    /// `user=pqgotest dbname=pqgotest sslmode=verify-full`, or an address as in ``init(url:warn:)``.
    ///
    /// Values with spaces are in single quotes, in which `\'` is a quote and `\\` a backslash; spaces around `=` do not
    /// count. Names are those of ``init(url:warn:)``; hosts and ports are lists with commas. What lib/pq knows and has no
    /// effect here is warned about; files that hold passwords and other programs' settings are refused.
    /// - Parameters:
    ///   - postgresConfig: The string.
    ///   - warn: As for ``init(url:warn:)``.
    /// - Throws: `.misconfigured`, naming the parameter and never showing a password.
    public init(postgresConfig: String, warn: (String) -> Void) throws(SessionStoreError) {
        let text = HTTPSyntax.trimmed(Substring(postgresConfig))
        if text.utf8.firstRange(of: "://".utf8) != nil, !text.utf8.prefix(16).contains(UInt8(ascii: "=")) {
            try self.init(url: StoreURL(String(text)), warn: warn)
        } else {
            try self.init(PostgresSettings(pairs: String(text), provider: "postgres"), warn: warn)
        }
    }

    init(_ settings: PostgresSettings, warn: (String) -> Void) throws(SessionStoreError) {
        // Warnings come last, all together: what is refused needs none.
        var warnings = settings.ignored.map { "the parameter \($0.name) has no effect: \($0.reason)" }
        guard let user = settings.text("user") else {
            throw settings.error("the user must be given: the environment has no say")
        }
        self.init(
            hosts: try settings.addresses(),
            username: user,
            password: settings.text("password"),
            database: settings.text("dbname") ?? user
        )
        tls = try settings.tls(&warnings, isThisMachine: tls == nil, hasSocket: hosts.contains(where: \.isSocket))
        try settings.checkFixed(&warnings)
        table = settings["table"] ?? table
        searchPath = try settings.searchPath()
        switch settings["schema"] {
        case nil, "create": break
        case "expect": schema = .expect
        default:
            throw settings.error(
                "the parameter schema must be create or expect; where the tables are is the parameter search_path"
            )
        }
        maximumConnections = try settings.integer("pool", in: Self.connectionCounts) ?? maximumConnections
        maximumWaitingCalls = try settings.integer("waiting", in: Self.waitingCounts) ?? maximumWaitingCalls
        operationTimeout = try settings.duration("timeout") ?? operationTimeout
        if let time = try settings.duration("connect_timeout") {
            // For ever, in the original.
            if time == .zero {
                warnings.append(
                    "the parameter connect_timeout is 0, and stays what it is by default: nothing waits for ever"
                )
            } else {
                connectTimeout = time
            }
        }
        maximumConnectionAge = try settings.duration("max_age") ?? maximumConnectionAge
        maximumIdleTime = try settings.duration("max_idle") ?? maximumIdleTime
        usesTransactionPooler = try settings.boolean("transaction_pooler") ?? usesTransactionPooler
        applicationName =
            settings.text("application_name") ?? settings.text("fallback_application_name") ?? applicationName
        nearCache = try settings.nearCache()
        try validate(.parameters(settings.provider))
        for warning in warnings { warn("\(settings.provider): \(warning)") }
    }
}

extension PostgresSettings {
    fileprivate func addresses() throws(SessionStoreError) -> [PostgresSessionStore.Address] {
        let hosts = (text("host") ?? "localhost").split(separator: ",", omittingEmptySubsequences: false)
        let ports = (text("port") ?? "").split(separator: ",", omittingEmptySubsequences: false)
        guard ports.count == 1 || ports.count == hosts.count else {
            throw error("the ports must be one for all hosts, or one for each")
        }
        var addresses: [PostgresSessionStore.Address] = []
        for (index, host) in hosts.enumerated() {
            let portText = ports.count == 1 ? ports[0] : ports[index]
            guard let port = portText.isEmpty ? 5432 : Self.number(portText) else {
                throw error("the ports must be numbers from 1 to 65535")
            }
            let name = String(host)
            addresses.append(
                name.utf8.first == UInt8(ascii: "/") ? .socket(directory: name, port: port) : .host(name, port: port)
            )
        }
        return addresses
    }

    /// - Parameters:
    ///   - isThisMachine: Whether nothing would be encrypted by default.
    fileprivate func tls(
        _ warnings: inout [String],
        isThisMachine: Bool,
        hasSocket: Bool
    ) throws(SessionStoreError) -> PostgresSessionStore.TLS? {
        let files = ["sslrootcert", "sslcert", "sslkey"]
        let skipsVerification = try boolean("insecure_skip_verify") ?? false
        var tls = PostgresSessionStore.TLS(
            authorityFile: text("sslrootcert"),
            certificateFile: text("sslcert"),
            keyFile: text("sslkey")
        )
        switch self["sslmode"] {
        case "disable":
            if let name = (files + ["insecure_skip_verify"]).first(where: { self[$0] != nil }) {
                throw error("the parameter \(name) must be left out where nothing is encrypted (sslmode=disable)")
            }
            return nil
        case nil:
            // Whoever names a certificate wants one to be looked at.
            let isAskedFor = skipsVerification || files.contains { self[$0] != nil }
            if !isAskedFor, isThisMachine || hasSocket { return nil }
            if !isThisMachine {
                warnings.append(
                    "sslmode is not set, which lib/pq takes for require: connections are encrypted here, and the server's "
                        + "certificate is verified as well (sslmode=verify-full)"
                )
            }
        case "require":
            if !skipsVerification {
                warnings.append(
                    "sslmode=require has the server's certificate verified here (as verify-full); elsewhere it has not"
                )
            }
        case "verify-ca": tls.verification = .authorityOnly
        case "verify-full": break
        case "allow", "prefer":
            throw error(
                "the parameter sslmode must be disable, require, verify-ca or verify-full: what is encrypted only if the "
                    + "other side likes is not protected"
            )
        default: throw error("the parameter sslmode must be disable, require, verify-ca or verify-full")
        }
        if skipsVerification {
            guard self["sslmode"] == nil || self["sslmode"] == "require" else {
                throw error("the parameter insecure_skip_verify contradicts sslmode, which has certificates verified")
            }
            tls.verification = .insecureNone
            warnings.append("insecure_skip_verify lets anybody in between read and change every session")
        }
        return tls
    }

    /// Those that can have but one value.
    fileprivate func checkFixed(_ warnings: inout [String]) throws(SessionStoreError) {
        switch self["target_session_attrs"] {
        case nil, "read-write", "primary": break
        case "any": warnings.append("the parameter target_session_attrs has no effect: it is read-write")
        default:
            throw error("the parameter target_session_attrs must be read-write: sessions are read from the primary")
        }
        guard ["disable", nil].contains(self["gssencmode"]) else {
            throw error("the parameter gssencmode must be disable: Kerberos is not available")
        }
    }

    fileprivate func searchPath() throws(SessionStoreError) -> String? {
        guard let path = self["search_path"] else { return nil }
        guard !path.contains(",") else {
            throw error("the parameter search_path must be one schema, in which the tables are")
        }
        return path
    }

    fileprivate func nearCache() throws(SessionStoreError) -> PostgresSessionStore.NearCache? {
        switch self["near_cache"] {
        case nil, "false": return nil
        case "true": return .init()
        case let text?:
            let range = PostgresSessionStore.Configuration.nearCacheCounts
            guard let count = Self.number(text), range.contains(count) else {
                throw error("the parameter near_cache must be true, false or 1 to \(range.upperBound)")
            }
            return .init(maximumCount: count)
        }
    }
}
#endif
