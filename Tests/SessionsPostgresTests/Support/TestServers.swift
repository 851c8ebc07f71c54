#if PostgreSQL
import Foundation
import Sessions
import SessionsPostgres
import Testing

/// The servers that `Scripts/services` has started, as its variables name them.
///
/// Without them a test that needs one is cancelled on a developer's machine and fails where `CI` is set.
enum TestServers {
    static func value(_ name: String) throws -> String {
        if let value = ProcessInfo.processInfo.environment[name], !value.isEmpty { return value }
        let message: Comment = "\(name) is not set: run this under Scripts/services run --"
        guard ProcessInfo.processInfo.environment["CI"] == nil else { throw Missing(name: name) }
        try Test.cancel(message)
    }

    struct Missing: Error, CustomStringConvertible {
        let name: String
        var description: String { "\(name) is not set: run the tests under Scripts/services run --" }
    }

    /// The configuration for the plain server, with tables that no other test has.
    static func plain() throws -> PostgresSessionStore.Configuration { try configuration("SESSIONS_POSTGRES_URL") }

    /// The configuration for the server at the address in a variable, with tables that no other test has.
    static func configuration(_ name: String) throws -> PostgresSessionStore.Configuration {
        var configuration = try PostgresSessionStore.Configuration(url: StoreURL(value(name)))
        configuration.table = uniqueTable()
        // Many tests run at the same time.
        configuration.maximumConnections = 4
        // A machine that is busy is no server that hangs.
        configuration.operationTimeout = .seconds(20)
        configuration.connectTimeout = .seconds(20)
        return configuration
    }

    static func uniqueTable() -> String { "test_\(String(UInt64.random(in: 0 ... .max), radix: 16))" }
}
#endif
