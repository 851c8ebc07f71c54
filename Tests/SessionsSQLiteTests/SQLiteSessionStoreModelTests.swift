#if SQLite
import Sessions
import SessionsSQLite
import SessionsTesting
import Testing

@Suite("The SQLite store gives what the model gives")
struct SQLiteSessionStoreModelTests {
    @Test("With two stores on one file")
    func followsTheModel() async throws {
        let folder = try TestFolder()
        let open: @Sendable () async throws -> any SessionStore = {
            var configuration = SQLiteSessionStore.Configuration(path: folder.database)
            // A machine that is busy is no database that hangs.
            configuration.operationTimeout = .seconds(20)
            return try await SQLiteSessionStore.open(configuration)
        }
        await SessionModelTest(programs: 40, shrinkingLimit: 500, makeSecondStore: open, makeStore: open).run()
    }
}
#endif
