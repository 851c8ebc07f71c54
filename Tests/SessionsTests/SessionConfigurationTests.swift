import HTTPTypes
import InMemoryLogging
import Logging
import Sessions
import Testing

@Suite("A manager's configuration")
struct SessionConfigurationTests {
    /// A change of the default configuration, and what an error about it must name.
    struct Mistake: Sendable, CustomTestStringConvertible {
        var name: String
        var change: @Sendable (inout SessionManager.Configuration) -> Void

        init(_ name: String, _ change: @escaping @Sendable (inout SessionManager.Configuration) -> Void) {
            self.name = name
            self.change = change
        }

        var testDescription: String { name }
    }

    static let mistakes = [
        Mistake("lifetime.idle") { $0.lifetime.idle = .zero },
        Mistake("lifetime.absolute") { $0.lifetime.absolute = .seconds(401 * 86_400) },
        Mistake("rotation") { $0.rotation = .init(interval: .seconds(10), grace: .seconds(60)) },
        Mistake("rotation") { $0.rotation = .init(interval: .seconds(600), grace: .zero) },
        Mistake("rotation") { $0.rotation = .init(interval: .seconds(401 * 86_400)) },
        Mistake("limits") { $0.limits.bytesPerValue = 0 },
        Mistake("limits") { $0.limits.keysPerSession = 0 },
        Mistake("headerName") { $0.cookie = nil },
        Mistake("sweepInterval") { $0.sweepInterval = .zero },
        Mistake("maximumQueuedCommits") { $0.maximumQueuedCommits = 0 },
        Mistake("conflictTimeout") { $0.conflictTimeout = .seconds(-1) },
        Mistake("name") { $0.name = "" },
    ]

    @Test("What makes no sense is refused at the start, by its name", arguments: mistakes)
    func refuses(_ mistake: Mistake) {
        var configuration = SessionManager.Configuration()
        mistake.change(&configuration)
        let configured = configuration
        #expect {
            try SessionManager(store: MemorySessionStore(), configuration: configured)
        } throws: { error in
            let error = error as? SessionError
            return error?.code == .misconfigured && error?.message.contains(mistake.name) == true
        }
    }

    @Test("Tokens in addresses, and in a header beside the cookie, are worth a warning each")
    func warns() throws {
        let log = InMemoryLogHandler()
        var configuration = SessionManager.Configuration()
        configuration.queryParameter = "session"
        configuration.headerName = HTTPField.Name("X-Session")
        let logger = Logger(label: "test") { _ in log }
        _ = try SessionManager(store: MemorySessionStore(), configuration: configuration, logger: logger)
        let warnings = log.entries.filter { $0.level == .warning }.map { "\($0.message)" }
        #expect(warnings.count == 2)
        #expect(warnings.contains { $0.contains("query") })
        #expect(warnings.contains { $0.contains("header") })
        _ = try SessionManager(store: MemorySessionStore(), logger: Logger(label: "test") { _ in log })
        #expect(log.entries.filter { $0.level == .warning }.count == 2)
    }
}
