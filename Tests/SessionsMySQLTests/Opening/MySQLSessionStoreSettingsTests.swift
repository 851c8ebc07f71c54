#if MySQL
import Sessions
import Testing

@testable import SessionsMySQL

@Suite("The settings of a MySQL store")
struct MySQLSessionStoreSettingsTests {
    /// A change to a good configuration, and the property that the error has to name, or `nil` if it is good still.
    struct Change: CustomTestStringConvertible {
        let testDescription: String
        let property: String?
        let change: @Sendable (inout MySQLConfiguration) -> Void

        init(
            _ description: String,
            _ property: String?,
            _ change: @escaping @Sendable (inout MySQLConfiguration) -> Void
        ) {
            (testDescription, self.property, self.change) = (description, property, change)
        }
    }

    private static func encrypted(_ change: (inout MySQLSessionStore.TLS) -> Void) -> MySQLSessionStore.TLS {
        var tls = MySQLSessionStore.TLS()
        change(&tls)
        return tls
    }

    static let changes: [Change] = [
        .init("as it is", nil) { _ in },
        .init("no host", "hosts") { $0.hosts = [] },
        .init("16 hosts", nil) { $0.hosts = (1...16).map { .host("h\($0)") } },
        .init("17 hosts", "hosts") { $0.hosts = (1...17).map { .host("h\($0)") } },
        .init("a host twice", "hosts") { $0.hosts = [.host("h"), .host("h")] },
        .init("port 0", "hosts") { $0.hosts = [.host("h", port: 0)] },
        .init("port 65536", "hosts") { $0.hosts = [.host("h", port: 65_536)] },
        .init("no name", "hosts") { $0.hosts = [.host("")] },
        .init("CRLF in a host", "hosts") { $0.hosts = [.host("h\r\n")] },
        .init("NUL in a host", "hosts") { $0.hosts = [.host("h\u{0}")] },
        .init("a port in a host", "hosts") { $0.hosts = [.host("h:3306")] },
        .init("IPv6", nil) { $0.hosts = [.host("2001:db8::1")] },
        .init("a socket", nil) { $0.hosts = [.unixSocket("/run/mysqld.sock")] },
        .init("a relative socket", "hosts") { $0.hosts = [.unixSocket("mysqld.sock")] },
        .init("a long socket", "hosts") { $0.hosts = [.unixSocket("/" + String(repeating: "s", count: 107))] },
        .init("no user", "username") { $0.username = "" },
        .init("NUL in the user", "username") { $0.username = "a\u{0}b" },
        .init("an empty password", "password") { $0.password = "" },
        .init("no password", nil) { $0.password = nil },
        .init("NUL in the password", "password") { $0.password = "5ecret\u{0}" },
        .init("a long password", "password") { $0.password = String(repeating: "5ecret", count: 700) },
        .init("no database", "database") { $0.database = "" },
        .init("64 letters", nil) { $0.database = String(repeating: "ä", count: 64) },
        .init("65 letters", "database") { $0.database = String(repeating: "d", count: 65) },
        .init("CRLF in the database", "database") { $0.database = "d\r\n" },
        .init("a quote in the table", "table") { $0.table = "a`; DROP" },
        .init("an upper-case table", "table") { $0.table = "Sessions" },
        .init("a table of 40", nil) { $0.table = String(repeating: "t", count: 40) },
        .init("a table of 41", "table") { $0.table = String(repeating: "t", count: 41) },
        .init("no connection", "maximumConnections") { $0.maximumConnections = 0 },
        .init("257 connections", "maximumConnections") { $0.maximumConnections = 257 },
        .init("no waiting", "maximumWaitingCalls") { $0.maximumWaitingCalls = 0 },
        .init("9 ms", "operationTimeout") { $0.operationTimeout = .milliseconds(9) },
        .init("more than 60 s", "operationTimeout") { $0.operationTimeout = .seconds(60) + .nanoseconds(1) },
        .init("a negative time", "connectTimeout") { $0.connectTimeout = .seconds(-1) },
        .init("an endless time", "connectTimeout") { $0.connectTimeout = .seconds(Int64.max) },
        .init("no age", "maximumConnectionAge") { $0.maximumConnectionAge = .zero },
        .init("8 days", "maximumIdleTime") { $0.maximumIdleTime = .seconds(8 * 86_400) },
        .init("TLS", nil) { $0.tls = .init() },
        .init("TLS on a socket", "Configuration.tls") { ($0.hosts, $0.tls) = ([.unixSocket("/run/s")], .init()) },
        .init("certificate and key", nil) { $0.tls = encrypted { ($0.certificateFile, $0.keyFile) = ("c", "k") } },
        .init("a certificate without key", "TLS.certificateFile") { $0.tls = encrypted { $0.certificateFile = "c" } },
        .init("a key without certificate", "TLS.keyFile") { $0.tls = encrypted { $0.keyFile = "k" } },
        .init("an empty path", "TLS.authorityFile") { $0.tls = encrypted { $0.authorityFile = "" } },
        .init("NUL in a path", "TLS.authorityFile") { $0.tls = encrypted { $0.authorityFile = "ca\u{0}x" } },
        .init("the password itself over TLS", nil) { ($0.tls, $0.allowsCleartextPassword) = (.init(), true) },
        .init("the password itself without TLS", "allowsCleartextPassword") { $0.allowsCleartextPassword = true },
        .init("the password itself to anybody", "allowsCleartextPassword") {
            ($0.tls, $0.allowsCleartextPassword) = (encrypted { $0.insecureSkipVerify = true }, true)
        },
    ]

    @Test("4e: each is checked before anything connects, and the error names the property", arguments: changes)
    func validation(change: Change) async throws {
        var configuration = MySQLConfiguration(hosts: [.host("127.0.0.1")], username: "app", database: "app")
        configuration.password = testSecret
        change.change(&configuration)
        guard let property = change.property else {
            try configuration.validate()
            return
        }
        let error = try #require(throws: SessionStoreError.self) { try configuration.validate() }
        #expect(error.code == .misconfigured)
        #expect(error.message.hasPrefix("MySQLSessionStore."))
        #expect(error.message.contains("\(property) must "))
        #expect(!everythingShown(of: error).contains(testSecret))
        await #expect(throws: SessionStoreError.self) { _ = try await MySQLSessionStore.open(configuration) }
    }

    @Test("4e: no description shows a password; what is none is shown")
    func descriptions() throws {
        let configuration = try readSettings(url: "mysql://app:5ecret@h:1,[::1]/db?table=logins&tls=true")
        let store = try MySQLSessionStore.make(configuration)
        for text in [everythingShown(of: configuration), everythingShown(of: store)] {
            #expect(!text.contains(testSecret))
        }
        for part in ["h:1,[::1]:3306", "username: app", "password: redacted", "database: db", "table: logins"] {
            #expect(configuration.description.contains(part))
        }
        #expect(try readSettings(url: "mysql://app@h/db").description.contains("password: none"))
        #expect("\(store)" == "MySQLSessionStore(mysql: app@h:1,[::1]:3306/db)")
    }

    @Test("The statements that make the tables have names that cannot be more than names")
    func schema() throws {
        let statements = try MySQLSessionStore.schema(table: "logins")
        #expect(statements.count == 6 && statements.allSatisfy { $0.contains("logins") })
        #expect(statements.prefix(5).allSatisfy { $0.contains("ENGINE=InnoDB") })
        #expect(throws: SessionStoreError.self) { try MySQLSessionStore.schema(table: "a; DROP TABLE b") }
    }
}
#endif
