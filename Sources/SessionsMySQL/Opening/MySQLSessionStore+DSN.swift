#if MySQL
public import Sessions

extension MySQLSessionStore.Configuration {
    /// Reads a configuration string of the provider `mysql` of Go's `session` package: a DSN of Go's driver.
    ///
    /// ```
    /// user:password@tcp(db.example.com:3306)/app?tls=true
    /// user:p@ss:w/rd@tcp([2001:db8::1]:3306)/app
    /// user@unix(/run/mysqld/mysqld.sock)/app?timeout=5s
    /// user:password@/app
    /// ```
    /// The grammar is `[user[:password]@][protocol[(address)]]/dbname[?param=value&…]`. User and password stand there as
    /// they are: the last slash is the one before the database's name, and the last `@` before it ends the password. The
    /// database's name and the parameters' values are percent-encoded. Protocols are `tcp` and `unix`; without one it is
    /// `tcp`, and without an address `127.0.0.1:3306`.
    ///
    /// `tls`, `timeout`, `readTimeout`, `writeTimeout` and `allowCleartextPasswords` are heeded. Parameters that a store of
    /// sessions has no use for are warned about, those that would make it unsafe are refused, and so is what the driver does
    /// not know: it takes that for variables of the server's.
    /// - Parameters:
    ///   - dsn: The string.
    ///   - warn: Told what was accepted and has no effect: the parameter's name, never its value.
    /// - Throws: `.misconfigured`, naming the part that is wrong and never showing a password.
    public init(dsn: String, warn: (String) -> Void) throws(SessionStoreError) {
        // The newline of a file that holds the string included.
        let parts = try MySQLDSN(String(Self.trimmed(dsn)))
        let host = try parts.host()
        // Warnings come last, all together: what is refused needs none.
        var warnings: [String] = []
        let parameters = try MySQLDSNParameters(parts.parameters, &warnings)
        guard let user = parts.user, !user.isEmpty else {
            throw MySQLFieldNames.dsn.error(.username, "must be there, before an \"@\"")
        }
        guard !parts.database.isEmpty else {
            throw MySQLFieldNames.dsn.error(.database, "must be there, behind the last slash")
        }
        self.init(
            hosts: [host],
            username: user,
            password: parts.password.flatMap { $0.isEmpty ? nil : $0 },
            database: parts.database
        )
        tls = parameters.tls
        allowsCleartextPassword = parameters.allowsCleartextPassword
        connectTimeout = parameters.connectTimeout ?? connectTimeout
        operationTimeout = parameters.operationTimeout ?? operationTimeout
        try validate(.dsn)
        for warning in warnings { warn("mysql: \(warning)") }
    }

    private static func trimmed(_ text: String) -> Substring {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        var text = Substring(text).utf8
        while let first = text.first, isSpace(first) { text.removeFirst() }
        while let last = text.last, isSpace(last) { text.removeLast() }
        return Substring(text)
    }
}

extension MySQLDSN {
    /// - Throws: `.misconfigured`, naming the part.
    fileprivate func host() throws(SessionStoreError) -> MySQLSessionStore.Address {
        switch network {
        case "tcp", "":
            guard let address, !address.isEmpty else { return .host("127.0.0.1") }
            do throws(HostAndPort.Malformed) {
                return try MySQLSessionStore.Address(tcp: address)
            } catch {
                throw MySQLFieldNames.dsn.error(.hosts, error.problem)
            }
        case "unix":
            // Go's driver looks there; distributions put it elsewhere, and say so in the DSN.
            return .unixSocket(address.flatMap { $0.isEmpty ? nil : String($0) } ?? "/tmp/mysql.sock")
        default:
            throw SessionStoreError(
                .misconfigured,
                "mysql: the protocol must be tcp or unix, as in user:password@tcp(127.0.0.1:3306)/app: there is no "
                    + "protocol of the name that stands there\(Spelling.suggestion(for: network, from: ["tcp", "unix"]))"
            )
        }
    }
}
#endif
