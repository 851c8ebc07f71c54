#if SQLite
import Sessions
import SessionsSQLite
import SessionsTesting
import Testing

@Suite("The SQLite store conforms")
struct SQLiteSessionStoreConformanceTests {
    @Test("With two stores on one file", arguments: SessionStoreConformance.Check.allCases)
    func conforms(_ check: SessionStoreConformance.Check) async throws {
        let folder = try TestFolder()
        var configuration = SQLiteSessionStore.Configuration(path: folder.database)
        // A machine that is busy is no database that hangs.
        configuration.operationTimeout = .seconds(20)
        let store = try await SQLiteSessionStore.open(configuration)
        let second = try await SQLiteSessionStore.open(configuration)
        await SessionStoreConformance(store: store, secondStore: second).run(check)
        await store.shutDown()
        await second.shutDown()
    }
}
#endif
