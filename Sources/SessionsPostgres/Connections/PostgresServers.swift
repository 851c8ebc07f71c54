#if PostgreSQL
import Sessions
import SessionsSQL
import Synchronization

/// The servers of a store, one of which is the primary.
final class PostgresServers: Sendable {
    private let addresses: [PostgresSessionStore.Address]
    private let parameters: [PostgresParameters]
    private let connectTimeout: Duration
    /// The index of the one that was right last.
    private let preferred = Atomic(0)

    init(_ configuration: PostgresSessionStore.Configuration) {
        addresses = configuration.hosts
        parameters = configuration.hosts.map { Self.parameters(configuration, $0) }
        connectTimeout = configuration.connectTimeout
    }

    /// The oldest version that will do.
    private static let oldestVersion = 12

    /// Opens a connection to the first server that writes.
    /// - Parameter deadline: When to stop trying, at the latest.
    /// - Throws: What the last one said, or the one that said more than that it is not there.
    func connect(by deadline: ContinuousClock.Instant = .now + .seconds(60)) throws(SQLFailure) -> PostgresLink {
        let first = preferred.load(ordering: .relaxed)
        var failures: [(server: String, failure: SQLFailure)] = []
        for step in addresses.indices {
            let index = (first + step) % addresses.count
            let server = addresses[index].description
            guard step == 0 || deadline > .now else { break }
            do throws(SQLFailure) {
                let link = try PostgresLink(
                    parameters[index],
                    server: server,
                    isLocal: addresses[index].isSocket,
                    deadline: min(deadline, .now + connectTimeout)
                )
                do throws(SQLFailure) {
                    try Self.checkVersion(link)
                } catch {
                    link.close()
                    throw error
                }
                preferred.store(index, ordering: .relaxed)
                return link
            } catch {
                failures.append((server, error))
                // The others would not let this user in either.
                if error.kind == .refused || error.kind == .misconfigured { break }
            }
        }
        guard var failure = failures.last(where: { $0.failure.kind != .connection })?.failure ?? failures.last?.failure
        else { throw SQLFailure(.connection, "no server was asked") }
        failure.message = failures.map { "\($0.server): \($0.failure.message)" }.joined(separator: "; ")
        failure.mayHaveExecuted = false
        failure.closesConnection = true
        throw failure
    }

    private static func checkVersion(_ link: PostgresLink) throws(SQLFailure) {
        let version = link.serverVersion / 10_000
        guard version >= oldestVersion else {
            throw SQLFailure(.misconfigured, "PostgreSQL \(oldestVersion) or later is needed, and this is \(version)")
        }
    }

    // MARK: What libpq is told

    static func parameters(
        _ configuration: PostgresSessionStore.Configuration,
        _ address: PostgresSessionStore.Address
    ) -> PostgresParameters {
        var parameters = PostgresParameters([
            "host": address.name,
            "port": "\(address.port)",
            "user": configuration.username,
            "dbname": configuration.database,
            "application_name": configuration.applicationName,
            // The primary: one that is in recovery, or was told to write nothing, is passed over.
            "target_session_attrs": "read-write",
        ])
        if let password = configuration.password { parameters["password"] = password }
        if !configuration.usesTransactionPooler { parameters["options"] = options(configuration) }
        if let tls = configuration.tls, !address.isSocket {
            encrypt(&parameters, tls)
        } else if !address.isSocket {
            // Known to libpq 16 and later; before, the guard sees to it.
            parameters["require_auth"] = "!password"
        }
        return parameters
    }

    /// The session's settings, which then hold from its beginning.
    private static func options(_ configuration: PostgresSessionStore.Configuration) -> String {
        // A little before ours: then it is known that the statement was taken back.
        let timeout = max(1, configuration.operationTimeout.milliseconds * 9 / 10)
        var settings = [
            "statement_timeout=\(timeout)",
            // Nobody holds locks whose client is stuck.
            "idle_in_transaction_session_timeout=\(timeout * 2)",
            "default_transaction_isolation=read\\ committed",
        ]
        if let path = configuration.searchPath { settings.append("search_path=\(path)") }
        return settings.map { "-c \($0)" }.joined(separator: " ")
    }

    private static func encrypt(_ parameters: inout PostgresParameters, _ tls: PostgresSessionStore.TLS) {
        switch tls.verification.wrapped {
        case .full: parameters["sslmode"] = "verify-full"
        case .authorityOnly: parameters["sslmode"] = "verify-ca"
        case .insecureNone: parameters["sslmode"] = "require"
        }
        if tls.verification != .insecureNone {
            parameters["sslrootcert"] = tls.authorityFile ?? PostgresAuthorities.system ?? PostgresParameters.noFile
        }
        if let certificate = tls.certificateFile { parameters["sslcert"] = certificate }
        if let key = tls.keyFile { parameters["sslkey"] = key }
    }
}
#endif
