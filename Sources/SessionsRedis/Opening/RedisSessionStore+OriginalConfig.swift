#if Redis
public import Sessions

extension RedisSessionStore.Configuration {
    /// Reads a configuration string of the provider `redis` of Go's `session` package.
    ///
    /// `address,poolsize,password,dbnum,idleTimeout,idleCheckFrequency,maxRetries`, where all but the address may be
    /// missing, or JSON with `save_path`, `poolsize`, `password`, `db_num`, `idle_timeout`, `idle_check_frequency` and
    /// `max_retries`. The address is `host:port`, `host` (port 6379), `[2001:db8::1]:6379`, or the path of a local socket.
    /// An empty password is none.
    ///
    /// `poolsize` becomes ``connectionsPerServer``: 1 if it is missing or 0, at most 4 otherwise, since connections are
    /// shared here by all requests and not lent to one at a time. Idle timeouts and retries have no effect, for the same
    /// reason, and are warned about.
    ///
    /// Unlike in the original, a number that is none, an unknown field in JSON and one that is there twice are errors.
    /// - Parameters:
    ///   - redisConfig: The string.
    ///   - warn: Told what was accepted and has no effect, or not the one that it seems to have: the field's name, never
    ///     its value.
    /// - Throws: `.misconfigured`, naming the field and never showing a password.
    public init(redisConfig: String, warn: (String) -> Void) throws(SessionStoreError) {
        try self.init(OriginalRedisSettings(redisConfig, for: .single), warn: warn)
    }

    /// Reads a configuration string of the provider `redis_sentinel` of Go's `session` package.
    ///
    /// `address;address,poolsize,password,dbnum,master,idleTimeout,idleCheckFrequency,maxRetries`, or JSON as in
    /// ``init(redisConfig:warn:)`` with `master_name`. The addresses are the sentinels', port 26379 unless told otherwise;
    /// the password is that of the servers that they watch. The name is `mymaster` if it is missing.
    ///
    /// The original reads the fields behind the name one place too early: the name as idle timeout, the idle timeout as
    /// idle check, the idle check as retries, and the retries not at all. So strings are about that were written for either
    /// reading. None of these settings has an effect here, so both open, with a warning that names both meanings.
    /// - Parameters:
    ///   - redisSentinelConfig: The string.
    ///   - warn: As for ``init(redisConfig:warn:)``.
    /// - Throws: `.misconfigured`, naming the field and never showing a password.
    public init(redisSentinelConfig: String, warn: (String) -> Void) throws(SessionStoreError) {
        try self.init(OriginalRedisSettings(redisSentinelConfig, for: .sentinel), warn: warn)
    }

    /// Reads a configuration string of the provider `redis_cluster` of Go's `session` package.
    ///
    /// `address;address,poolsize,password,dbnum,idleTimeout,idleCheckFrequency,maxRetries`, or JSON as in
    /// ``init(redisConfig:warn:)`` with the addresses in `save_path`. The number of the database is ignored, as it is there,
    /// with a warning unless it is 0.
    /// - Parameters:
    ///   - redisClusterConfig: The string.
    ///   - warn: As for ``init(redisConfig:warn:)``.
    /// - Throws: `.misconfigured`, naming the field and never showing a password.
    public init(redisClusterConfig: String, warn: (String) -> Void) throws(SessionStoreError) {
        try self.init(OriginalRedisSettings(redisClusterConfig, for: .cluster), warn: warn)
    }

    init(_ settings: OriginalRedisSettings, warn: (String) -> Void) throws(SessionStoreError) {
        // Warnings come last, all together: what is refused needs none.
        var warnings: [String] = []
        self.init(try settings.topology(&warnings))
        password = try settings.text(.password).map { String($0) }
        connectionsPerServer = try settings.connectionsPerServer(&warnings) ?? connectionsPerServer
        database = try settings.database(&warnings) ?? database
        try settings.checkUnused(&warnings)
        try validate(settings.names)
        for warning in warnings { warn("\(settings.provider): \(warning)") }
    }
}

extension OriginalRedisSettings {
    fileprivate func topology(_ warnings: inout [String]) throws(SessionStoreError) -> RedisSessionStore.Topology {
        guard let list = try text(.addresses).map(HTTPSyntax.trimmed), !list.isEmpty else {
            throw error(.addresses, "must have an address, such as 127.0.0.1:\(arrangement.defaultPort)")
        }
        var addresses: [RedisSessionStore.Address] = []
        for part in list.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false) {
            do throws(HostAndPort.Malformed) {
                let text = HTTPSyntax.trimmed(Substring(part))
                addresses.append(try RedisSessionStore.Address(text, defaultPort: arrangement.defaultPort))
            } catch {
                throw self.error(.addresses, error.problem)
            }
        }
        guard let topology = arrangement.topology(addresses, masterName: try masterName(&warnings)) else {
            throw error(
                .addresses,
                "must have exactly one address; for several there are redis_sentinel and redis_cluster"
            )
        }
        return topology
    }

    private func masterName(_ warnings: inout [String]) throws(SessionStoreError) -> String? {
        guard arrangement == .sentinel, let name = try text(.masterName).map(HTTPSyntax.trimmed), !name.isEmpty else {
            return nil
        }
        if !isJSON, name.utf8.allSatisfy(HTTPSyntax.isDigit) {
            warnings.append(
                "\(self.name(.masterName)) is a number, which the original takes for an idle timeout as well; if it is "
                    + "one, write the name of the primary before it"
            )
        }
        return String(name)
    }

    /// The original lends a connection to one request at a time, and so needs as many as there are requests. Here a few
    /// carry all of them, each one a core's worth, and 100 would only cost the server memory.
    fileprivate func connectionsPerServer(_ warnings: inout [String]) throws(SessionStoreError) -> Int? {
        guard let size = try integer(.poolSize, in: 0...Int(Int32.max)), size > 0 else { return nil }
        // Nobody chose those that the original's samples and defaults have.
        if size > Self.mostConnections, size != 100, size != 1000 {
            warnings.append(
                "\(name(.poolSize)) becomes \(Self.mostConnections) connections, which all requests share"
            )
        }
        return min(size, Self.mostConnections)
    }

    private static let mostConnections = 4

    fileprivate func database(_ warnings: inout [String]) throws(SessionStoreError) -> Int? {
        let number = try integer(.database, in: RedisSessionStore.Configuration.databases)
        guard arrangement == .cluster else { return number }
        if let number, number != 0 { warnings.append("\(name(.database)) is ignored: a Cluster has database 0 only") }
        return nil
    }

    fileprivate func checkUnused(_ warnings: inout [String]) throws(SessionStoreError) {
        let reasons = [
            (Setting.idleTimeout, "connections are shared and stay open"),
            (.idleCheckFrequency, "connections are shared and stay open"),
            (.maximumRetries, "the time of an operation limits what is tried again"),
        ]
        for (setting, reason) in reasons {
            let isSet =
                switch setting {
                case .maximumRetries: try integer(setting, in: Self.off...Int(Int32.max)) ?? 0 != 0
                default: try isNonzeroTime(setting)
                }
            guard isSet else { continue }
            warnings.append("\(name(setting)) has no effect: \(reason)\(otherReading(of: setting))")
        }
    }

    /// What the original makes of a field behind the master's name, since it counts them from one too early.
    private func otherReading(of setting: Setting) -> String {
        guard arrangement == .sentinel, !isJSON else { return "" }
        return switch setting {
        case .idleTimeout: "; the original reads idle_check_frequency here, which has no effect either"
        case .idleCheckFrequency: "; the original reads max_retries here, which has no effect either"
        default: "; the original does not read this field at all"
        }
    }
}
#endif
