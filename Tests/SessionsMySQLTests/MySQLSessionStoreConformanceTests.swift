#if MySQL
import Sessions
import SessionsMySQL
import SessionsTesting
import Testing

@Suite("The MySQL store conforms")
struct MySQLSessionStoreConformanceTests {
    @Test("On MariaDB", arguments: SessionStoreConformance.Check.allCases)
    func conforms(_ check: SessionStoreConformance.Check) async throws {
        let configuration = TestServers.patient(try TestServers.configuration())
        let store = try await MySQLSessionStore.open(configuration)
        let second = try await MySQLSessionStore.open(configuration)
        await SessionStoreConformance(store: store, secondStore: second).run(check)
        await store.shutDown()
        await second.shutDown()
    }
}
#endif
