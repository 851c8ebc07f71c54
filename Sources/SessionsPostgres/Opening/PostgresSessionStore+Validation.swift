#if PostgreSQL
public import Sessions
import SessionsSQL

extension PostgresSessionStore.Configuration {
    static let connectionCounts = 1...256
    static let waitingCounts = 1...1_000_000
    static let nearCacheCounts = 1...10_000_000

    /// Checks that every setting is in its range and that they fit together.
    ///
    /// Files are not looked at and servers not asked: that is for opening.
    /// - Throws: `.misconfigured`, naming the property and what it must be; never a password.
    public func validate() throws(SessionStoreError) {
        try validate(.properties)
    }

    func validate(_ names: PostgresFieldNames) throws(SessionStoreError) {
        guard !hosts.isEmpty else { throw names.error(.hosts, "must have at least one address") }
        guard hosts.count <= 16 else { throw names.error(.hosts, "must have at most 16 addresses") }
        for address in hosts {
            if let problem = address.problem { throw names.error(.hosts, problem) }
        }
        try validateNames(names)
        try validateTLS(names)
        try validateLimits(names)
        guard usesTransactionPooler else { return }
        // Both are settings of a session, which there is none of.
        guard searchPath == nil else {
            throw names.error(
                .searchPath,
                "must be left out with a pooler in transaction mode: set it for the user (ALTER ROLE … SET search_path)"
            )
        }
        guard nearCache == nil else {
            throw names.error(
                .nearCacheCount,
                "must be left out with a pooler in transaction mode, which has no LISTEN"
            )
        }
    }

    private func validateNames(_ names: PostgresFieldNames) throws(SessionStoreError) {
        for (field, name) in [(PostgresField.username, username), (.database, database)] {
            guard (1...63).contains(name.utf8.count), name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw names.error(field, "must be 1 to 63 bytes without control characters")
            }
        }
        if let password {
            guard !password.isEmpty else {
                throw names.error(.password, "must not be empty: leave it out if there is none")
            }
            guard password.utf8.count <= 4096, password.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw names.error(.password, "must be at most 4096 bytes without control characters")
            }
        }
        do throws(SessionStoreError) {
            _ = try SQLTables(table)
        } catch {
            throw names.error(
                .table,
                "must be 1 to 40 lower-case letters, digits and underscores, beginning with a letter"
            )
        }
        if let searchPath {
            guard (1...63).contains(searchPath.utf8.count), let first = searchPath.utf8.first, Self.isLetter(first),
                searchPath.utf8.allSatisfy({
                    Self.isLetter($0) || HTTPSyntax.isDigit($0) || $0 == UInt8(ascii: "_")
                })
            else {
                throw names.error(
                    .searchPath,
                    "must be 1 to 63 lower-case letters, digits and underscores, beginning with a letter"
                )
            }
        }
        guard applicationName.utf8.count <= 63, applicationName.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            throw names.error(.applicationName, "must be at most 63 ASCII characters, none of them a control character")
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }

    private func validateTLS(_ names: PostgresFieldNames) throws(SessionStoreError) {
        guard let tls else { return }
        guard !hosts.contains(where: \.isSocket) else {
            throw names.error(.tls, "must be left out: there is none on a local socket")
        }
        let files = [
            (PostgresField.authorityFile, tls.authorityFile), (.certificateFile, tls.certificateFile),
            (.keyFile, tls.keyFile),
        ]
        for (field, path) in files {
            guard let path else { continue }
            guard !path.isEmpty, path.utf8.count <= 1000, path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
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
        guard tls.verification != .insecureNone || tls.authorityFile == nil else {
            throw names.error(.authorityFile, "must be left out where nothing is verified")
        }
    }

    private func validateLimits(_ names: PostgresFieldNames) throws(SessionStoreError) {
        guard Self.connectionCounts.contains(maximumConnections) else {
            throw names.error(.maximumConnections, "must be \(Self.shown(Self.connectionCounts))")
        }
        guard Self.waitingCounts.contains(maximumWaitingCalls) else {
            throw names.error(.maximumWaitingCalls, "must be \(Self.shown(Self.waitingCounts))")
        }
        for (field, time) in [(PostgresField.operationTimeout, operationTimeout), (.connectTimeout, connectTimeout)] {
            guard (.milliseconds(10)...(.seconds(60))).contains(time) else {
                throw names.error(field, "must be 10 milliseconds to 60 seconds")
            }
        }
        for (field, time) in [
            (PostgresField.maximumConnectionAge, maximumConnectionAge), (.maximumIdleTime, maximumIdleTime),
        ] {
            guard (.seconds(1)...(.seconds(86_400))).contains(time) else {
                throw names.error(field, "must be 1 second to 1 day")
            }
        }
        if let nearCache, !Self.nearCacheCounts.contains(nearCache.maximumCount) {
            throw names.error(.nearCacheCount, "must be \(Self.shown(Self.nearCacheCounts))")
        }
    }

    private static func shown(_ range: ClosedRange<Int>) -> String { "\(range.lowerBound) to \(range.upperBound)" }
}
#endif
