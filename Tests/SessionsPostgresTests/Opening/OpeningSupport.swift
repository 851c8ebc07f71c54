#if PostgreSQL
import Sessions
import Testing

@testable import SessionsPostgres

typealias PostgresConfiguration = PostgresSessionStore.Configuration

/// What every test's passwords are made of, to be looked for where it must not be.
let testSecret = "5ecret"

/// Reads a configuration string and gives what was warned about as well.
func read(config: String) throws(SessionStoreError) -> (PostgresConfiguration, warnings: [String]) {
    var warnings: [String] = []
    let configuration = try PostgresConfiguration(postgresConfig: config) { warnings.append($0) }
    return (configuration, warnings)
}

/// Reads an address and gives what was warned about as well.
func read(url: String) throws(SessionStoreError) -> (PostgresConfiguration, warnings: [String]) {
    var warnings: [String] = []
    let configuration = try PostgresConfiguration(url: StoreURL(url)) { warnings.append($0) }
    return (configuration, warnings)
}

/// Sees that something is refused in words that name a part and show no secret.
func expectRefusal(
    naming part: String,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> some Any
) {
    do {
        _ = try body()
        Issue.record("it was accepted", sourceLocation: sourceLocation)
    } catch let error as SessionStoreError {
        #expect(error.code == .misconfigured, sourceLocation: sourceLocation)
        #expect(error.message.contains(part), "\(error)", sourceLocation: sourceLocation)
        #expect(!everythingShown(of: error).contains(testSecret), sourceLocation: sourceLocation)
    } catch {
        Issue.record("another error than a store's: \(error)", sourceLocation: sourceLocation)
    }
}
#endif
