#if Redis
public import Sessions

extension RedisSessionStore.Configuration {
    /// Checks that every setting is in its range and that they fit together.
    ///
    /// Files are not looked at and servers not asked: that is for opening.
    /// - Throws: `.misconfigured`, naming the property and what it must be; never a password.
    public func validate() throws(SessionStoreError) {
        try validate(.properties)
    }

    func validate(_ names: RedisFieldNames) throws(SessionStoreError) {
        try validateTopology(names)
        try Self.validateCredentials(username, password, (.username, .password), names)
        try validateTLS(names)
        try validateLimits(names)
        try validateReplication(names)
    }

    private func validateTopology(_ names: RedisFieldNames) throws(SessionStoreError) {
        let addresses = topology.addresses
        guard !addresses.isEmpty else { throw names.error(.addresses, "must have at least one address") }
        guard addresses.count <= 100 else { throw names.error(.addresses, "must have at most 100 addresses") }
        for address in addresses {
            if let problem = address.problem { throw names.error(.addresses, problem) }
        }
        guard Self.databases.contains(database) else {
            throw names.error(.database, "must be 0 to \(Self.databases.upperBound)")
        }
        switch topology.wrapped {
        case .single: break
        case .sentinel(let sentinel):
            guard (1...255).contains(sentinel.masterName.utf8.count),
                sentinel.masterName.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
            else {
                throw names.error(.masterName, "must be 1 to 255 bytes without spaces and control characters")
            }
            let fields = (RedisField.sentinelUsername, RedisField.sentinelPassword)
            try Self.validateCredentials(sentinel.username, sentinel.password, fields, names)
        case .cluster:
            guard database == 0 else { throw names.error(.database, "must be 0, the only one that a Cluster has") }
            // The nodes tell each other's hosts and ports, so that the others would be looked for elsewhere.
            guard !addresses.contains(where: \.isUnixSocket) else {
                throw names.error(
                    .addresses,
                    "must not have the path of a socket: a Cluster's nodes have hosts and ports"
                )
            }
        }
    }

    private static func validateCredentials(
        _ username: String?,
        _ password: String?,
        _ fields: (username: RedisField, password: RedisField),
        _ names: RedisFieldNames
    ) throws(SessionStoreError) {
        if let username {
            guard (1...255).contains(username.utf8.count), username.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
                throw names.error(
                    fields.username,
                    "must be 1 to 255 bytes without spaces and control characters, or left out"
                )
            }
            guard password != nil else { throw names.error(fields.username, "must have a password beside it") }
        }
        if let password {
            // An empty one is a user's who has none; without a user it is a setting that somebody forgot to fill in.
            guard username != nil || !password.isEmpty else {
                throw names.error(fields.password, "must not be empty: leave it out if there is none")
            }
            guard password.utf8.count <= 4096, password.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw names.error(fields.password, "must be at most 4096 bytes without control characters")
            }
        }
    }

    private func validateTLS(_ names: RedisFieldNames) throws(SessionStoreError) {
        guard let tls else { return }
        guard !topology.addresses.contains(where: \.isUnixSocket) else {
            throw names.error(.tls, "must be left out: there is none on a local socket")
        }
        let files = [
            (RedisField.authorityFile, tls.authorityFile), (.certificateFile, tls.certificateFile),
            (.keyFile, tls.keyFile),
        ]
        for (field, path) in files {
            guard let path else { continue }
            guard !path.isEmpty, path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
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
        if let name = tls.serverName {
            // The name goes into the handshake (RFC 6066, 3), where there are no addresses.
            guard HostAndPort.isHostName(name), IPAddress(name) == nil else {
                throw names.error(.serverName, "must be a host name")
            }
        }
    }

    private func validateLimits(_ names: RedisFieldNames) throws(SessionStoreError) {
        // A list of what is allowed: braces would move keys in a Cluster, and others are patterns to SCAN and to ACLs.
        guard (1...64).contains(keyPrefix.utf8.count),
            keyPrefix.utf8.allSatisfy({ HTTPSyntax.isAlphanumeric($0) || "-._:/".utf8.contains($0) })
        else {
            throw names.error(.keyPrefix, "must be 1 to 64 of the letters A to Z, digits and -._:/ characters")
        }
        guard Self.connectionCounts.contains(connectionsPerServer) else {
            throw names.error(.connectionsPerServer, "must be \(Self.shown(Self.connectionCounts))")
        }
        guard Self.pendingCounts.contains(maximumPendingCommands) else {
            throw names.error(.maximumPendingCommands, "must be \(Self.shown(Self.pendingCounts))")
        }
        for (field, timeout) in [(RedisField.operationTimeout, operationTimeout), (.connectTimeout, connectTimeout)] {
            guard (.milliseconds(10)...(.seconds(60))).contains(timeout) else {
                throw names.error(field, "must be 10 milliseconds to 60 seconds")
            }
        }
        guard (.zero...(.seconds(30 * 86_400))).contains(sweepInterval) else {
            throw names.error(.sweepInterval, "must be 0 to 30 days")
        }
        if let nearCache, !Self.nearCacheCounts.contains(nearCache.maximumCount) {
            throw names.error(.nearCacheCount, "must be \(Self.shown(Self.nearCacheCounts))")
        }
    }

    private func validateReplication(_ names: RedisFieldNames) throws(SessionStoreError) {
        guard let replication else { return }
        guard Self.replicaCounts.contains(replication.replicas) else {
            throw names.error(.replicas, "must be \(Self.shown(Self.replicaCounts))")
        }
        guard (.milliseconds(1)...(.seconds(10))).contains(replication.timeout) else {
            throw names.error(.replicationTimeout, "must be 1 millisecond to 10 seconds")
        }
        guard replication.timeout < operationTimeout else {
            throw names.error(
                .replicationTimeout,
                "must be less than the time of a whole operation, so that there is time left for the answer"
            )
        }
    }

    static let databases = 0...Int(Int32.max)
    static let connectionCounts = 1...64
    static let pendingCounts = 16...1_000_000
    static let replicaCounts = 1...16
    static let nearCacheCounts = 1...10_000_000

    private static func shown(_ range: ClosedRange<Int>) -> String { "\(range.lowerBound) to \(range.upperBound)" }
}

extension RedisSessionStore.Topology {
    /// What was given to begin with.
    var addresses: [RedisSessionStore.Address] {
        switch wrapped {
        case .single(let address): [address]
        case .sentinel(let sentinel): sentinel.addresses
        case .cluster(let nodes): nodes
        }
    }
}
#endif
