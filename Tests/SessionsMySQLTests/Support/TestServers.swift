#if MySQL
import Foundation
import Sessions
import SessionsMySQL
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

    /// The configuration for the server at the address in a variable, with tables that no other test has.
    static func configuration(
        _ name: String = "SESSIONS_MYSQL_URL"
    ) throws -> MySQLSessionStore.Configuration {
        var configuration = try MySQLSessionStore.Configuration(url: StoreURL(value(name)))
        configuration.table = "t\(UInt64.random(in: 0 ... .max))"
        // Many tests run beside each other, and the server takes only so many.
        configuration.maximumConnections = 4
        return configuration
    }

    /// The same for tests that say nothing about deadlines: a machine that is busy is no server that hangs.
    static func patient(
        _ configuration: MySQLSessionStore.Configuration
    ) -> MySQLSessionStore.Configuration {
        var configuration = configuration
        configuration.operationTimeout = .seconds(20)
        configuration.connectTimeout = .seconds(20)
        return configuration
    }
}
#endif
