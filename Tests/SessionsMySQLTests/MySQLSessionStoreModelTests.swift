#if MySQL
import Sessions
import SessionsMySQL
import SessionsTesting
import Testing

@Suite("The MySQL store gives what the model gives")
struct MySQLSessionStoreModelTests {
    @Test("On MariaDB")
    func followsTheModel() async throws {
        let configuration = TestServers.patient(try TestServers.configuration())
        let open: @Sendable () async throws -> any SessionStore = { try await MySQLSessionStore.open(configuration) }
        await SessionModelTest(programs: 10, shrinkingLimit: 200, makeSecondStore: open, makeStore: open).run()
    }
}
#endif
