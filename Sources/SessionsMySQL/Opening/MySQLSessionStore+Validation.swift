#if MySQL
public import Sessions
import SessionsSQL

extension MySQLSessionStore.Configuration {
    /// Checks that every setting is in its range and that they fit together.
    ///
    /// Files are not looked at and servers not asked: that is for opening.
    /// - Throws: `.misconfigured`, naming the property and what it must be; never a password.
    public func validate() throws(SessionStoreError) {
        try validate(.properties)
    }

    func validate(_ names: MySQLFieldNames) throws(SessionStoreError) {
        guard (1...16).contains(hosts.count) else { throw names.error(.hosts, "must have 1 to 16 hosts") }
        for host in hosts {
            if let problem = host.problem { throw names.error(.hosts, problem) }
        }
        guard Set(hosts).count == hosts.count else { throw names.error(.hosts, "must not have a host twice") }
        try validateCredentials(names)
        try validateTLS(names)
        do throws(SessionStoreError) {
            _ = try SQLTables(table)
        } catch {
            throw names.error(
                .table,
                "must be 1 to 40 lower-case letters, digits and underscores, and begin with a letter"
            )
        }
        try validateLimits(names)
    }

    private func validateCredentials(_ names: MySQLFieldNames) throws(SessionStoreError) {
        guard (1...128).contains(username.utf8.count), Self.isPrintable(username) else {
            throw names.error(.username, "must be 1 to 128 bytes without control characters")
        }
        if let password {
            guard !password.isEmpty else {
                throw names.error(.password, "must not be empty: leave it out if there is none")
            }
            guard password.utf8.count <= 4096, Self.isPrintable(password) else {
                throw names.error(.password, "must be at most 4096 bytes without control characters")
            }
        }
        guard (1...64).contains(database.unicodeScalars.count), Self.isPrintable(database), database.last != " " else {
            throw names.error(
                .database,
                "must be 1 to 64 characters, without control characters and a space at the end"
            )
        }
    }

    private func validateTLS(_ names: MySQLFieldNames) throws(SessionStoreError) {
        if allowsCleartextPassword {
            guard let tls, !tls.insecureSkipVerify else {
                throw names.error(
                    .allowsCleartextPassword,
                    "must come together with TLS that verifies the server: anybody in between would read the password"
                )
            }
        }
        guard let tls else { return }
        guard !hosts.contains(where: \.isUnixSocket) else {
            throw names.error(.tls, "must be left out: there is none on a local socket")
        }
        let files = [
            (MySQLField.authorityFile, tls.authorityFile), (.certificateFile, tls.certificateFile),
            (.keyFile, tls.keyFile),
        ]
        for (field, path) in files {
            guard let path else { continue }
            guard !path.isEmpty, Self.isPrintable(path) else {
                throw names.error(field, "must be the path of a file, without control characters")
            }
        }
        guard (tls.certificateFile == nil) == (tls.keyFile == nil) else {
            let hasCertificate = tls.certificateFile != nil
            throw names.error(
                hasCertificate ? .certificateFile : .keyFile,
                "must come together with the file of the \(hasCertificate ? "key" : "certificate")"
            )
        }
    }

    private func validateLimits(_ names: MySQLFieldNames) throws(SessionStoreError) {
        guard Self.connectionCounts.contains(maximumConnections) else {
            throw names.error(.maximumConnections, "must be \(Self.shown(Self.connectionCounts))")
        }
        guard Self.waitingCounts.contains(maximumWaitingCalls) else {
            throw names.error(.maximumWaitingCalls, "must be \(Self.shown(Self.waitingCounts))")
        }
        for (field, timeout) in [(MySQLField.operationTimeout, operationTimeout), (.connectTimeout, connectTimeout)] {
            guard (.milliseconds(10)...(.seconds(60))).contains(timeout) else {
                throw names.error(field, "must be 10 milliseconds to 60 seconds")
            }
        }
        for (field, time) in [
            (MySQLField.maximumConnectionAge, maximumConnectionAge), (.maximumIdleTime, maximumIdleTime),
        ] {
            guard (.seconds(1)...(.seconds(7 * 86_400))).contains(time) else {
                throw names.error(field, "must be 1 second to 7 days")
            }
        }
    }

    static let connectionCounts = 1...256
    static let waitingCounts = 1...1_000_000

    private static func shown(_ range: ClosedRange<Int>) -> String { "\(range.lowerBound) to \(range.upperBound)" }

    /// What the library takes up to a NUL, and what would break the line of a log.
    private static func isPrintable(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }
}
#endif
