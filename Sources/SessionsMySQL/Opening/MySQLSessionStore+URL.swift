#if MySQL
public import Sessions

extension MySQLSessionStore.Configuration {
    /// Reads an address.
    ///
    /// ```
    /// mysql://app:p%40ss@db.example.com/app?tls=true
    /// mysql://app:password@db1:3306,db2:3306/app?pool=32&timeout=1.5
    /// mariadb://app@%2Frun%2Fmysqld%2Fmysqld.sock/app?table=logins&schema=expect
    /// ```
    /// The schemes are `mysql` and `mariadb`. Several hosts are tried in order; the port is 3306 unless told otherwise; a
    /// local socket is its percent-encoded path. The path is the database.
    ///
    /// | parameter | is |
    /// |---|---|
    /// | `tls` | `false`, the default; `true`; or `skip-verify`, which is ``MySQLSessionStore/TLS/insecureSkipVerify`` and warned about |
    /// | `cafile`, `certfile`, `keyfile` | the files of ``MySQLSessionStore/TLS`` |
    /// | `cleartext_password` | ``allowsCleartextPassword``: `true` or `false` |
    /// | `table` | ``table`` |
    /// | `schema` | `create`, the default, or `expect` (``schema``) |
    /// | `pool`, `waiting` | ``maximumConnections``, ``maximumWaitingCalls`` |
    /// | `timeout`, `connect_timeout` | ``operationTimeout``, ``connectTimeout`` |
    /// | `max_age`, `max_idle` | ``maximumConnectionAge``, ``maximumIdleTime`` |
    ///
    /// Times are seconds, such as `1.5`, or have a unit: `250ms`, `2s`, `30m`.
    /// - Throws: `.misconfigured`, naming the part that is wrong and never showing a password. A parameter that is not
    ///   known is an error too.
    public init(url: StoreURL) throws(SessionStoreError) {
        let reader = try MySQLURLReader(url)
        self.init(
            hosts: try reader.hosts(),
            username: url.user ?? "",
            password: url.password.flatMap { $0.isEmpty ? nil : $0 },
            database: try reader.database()
        )
        tls = try reader.tls()
        allowsCleartextPassword = try reader.boolean("cleartext_password") ?? allowsCleartextPassword
        table = url.parameters["table"] ?? table
        schema = try reader.schema() ?? schema
        maximumConnections = try url.integer("pool", in: Self.connectionCounts) ?? maximumConnections
        maximumWaitingCalls = try url.integer("waiting", in: Self.waitingCounts) ?? maximumWaitingCalls
        operationTimeout = try reader.duration("timeout") ?? operationTimeout
        connectTimeout = try reader.duration("connect_timeout") ?? connectTimeout
        maximumConnectionAge = try reader.duration("max_age") ?? maximumConnectionAge
        maximumIdleTime = try reader.duration("max_idle") ?? maximumIdleTime
        try validate(reader.names)
    }
}

/// Reads the parts of a store's address.
private struct MySQLURLReader {
    let url: StoreURL
    let names: MySQLFieldNames

    private static let encryptionParameters = ["cafile", "certfile", "keyfile"]
    private static let parameters =
        encryptionParameters + [
            "tls", "cleartext_password", "table", "schema", "pool", "waiting", "timeout", "connect_timeout", "max_age",
            "max_idle",
        ]

    init(_ url: StoreURL) throws(SessionStoreError) {
        guard url.scheme == "mysql" || url.scheme == "mariadb" else {
            throw SessionStoreError(.misconfigured, "the scheme of a MySQL address must be mysql or mariadb")
        }
        self.url = url
        names = .url(scheme: url.scheme)
        guard url.parameters["servername"] == nil else {
            throw SessionStoreError(
                .misconfigured,
                "\(url.scheme): the parameter servername must be left out: the client library verifies the host as it "
                    + "stands in the address, so write there the name that the certificate bears"
            )
        }
        try url.requireParameters(in: Self.parameters)
    }

    private func error(_ name: String, _ problem: String) -> SessionStoreError {
        SessionStoreError(.misconfigured, "\(url.scheme): the parameter \(name) \(problem)")
    }

    func hosts() throws(SessionStoreError) -> [MySQLSessionStore.Address] {
        var addresses: [MySQLSessionStore.Address] = []
        for host in url.hosts {
            if host.isSocketPath {
                guard host.port == nil else {
                    throw names.error(.hosts, "must have no port behind the path of a socket")
                }
                addresses.append(.unixSocket(host.name))
            } else {
                addresses.append(.host(host.name, port: host.port ?? 3306))
            }
        }
        return addresses
    }

    func database() throws(SessionStoreError) -> String {
        let name = url.path.utf8.first == UInt8(ascii: "/") ? String(url.path.dropFirst()) : url.path
        guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")) else {
            throw names.error(.database, "must be one name, as in mysql://user@host/name")
        }
        return name
    }

    func tls() throws(SessionStoreError) -> MySQLSessionStore.TLS? {
        var tls = MySQLSessionStore.TLS()
        switch url.parameters["tls"] {
        case "true": break
        case "skip-verify": tls.insecureSkipVerify = true
        case nil, "false":
            if let name = Self.encryptionParameters.first(where: { url.parameters[$0] != nil }) {
                throw error(name, "must be left out as long as connections are not encrypted: add tls=true")
            }
            return nil
        case "preferred":
            throw names.error(
                .tls,
                "must be true or false: with preferred anybody in between could have the encryption left out"
            )
        default: throw names.error(.tls, "must be true, false or skip-verify")
        }
        tls.authorityFile = url.parameters["cafile"]
        tls.certificateFile = url.parameters["certfile"]
        tls.keyFile = url.parameters["keyfile"]
        return tls
    }

    func schema() throws(SessionStoreError) -> MySQLSessionStore.Schema? {
        switch url.parameters["schema"] {
        case nil: nil
        case "create": .createIfNeeded
        case "expect": .expect
        default: throw names.error(.schema, "must be create or expect")
        }
    }

    func boolean(_ name: String) throws(SessionStoreError) -> Bool? {
        switch url.parameters[name] {
        case nil: nil
        case "true": true
        case "false": false
        default: throw error(name, "must be true or false")
        }
    }

    func duration(_ name: String) throws(SessionStoreError) -> Duration? {
        guard let text = url.parameters[name] else { return nil }
        guard let duration = DurationText.duration(text, allowsPlainSeconds: true) else {
            throw error(name, "must be a number of seconds such as 1.5, or a duration such as 250ms or 2s")
        }
        return duration
    }
}
#endif
