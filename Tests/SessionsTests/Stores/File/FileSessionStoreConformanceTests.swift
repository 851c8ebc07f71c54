import Sessions
import SessionsTesting
import Testing

@Suite("The file store conforms")
struct FileSessionStoreConformanceTests {
    @Test("Alone", arguments: SessionStoreConformance.Check.allCases)
    func alone(_ check: SessionStoreConformance.Check) async throws {
        let folder = TemporaryFolder()
        await SessionStoreConformance { try FileSessionStore(path: folder("sessions")) }.run(check)
    }

    @Test("With a second one on the same folder, as another server has it")
    func shared() async throws {
        let folder = TemporaryFolder()
        let path = folder("sessions")
        await SessionStoreConformance(
            store: try FileSessionStore(path: path),
            secondStore: try FileSessionStore(path: path)
        ).run()
    }

    @Test("With every write flushed")
    func flushed() async throws {
        let folder = TemporaryFolder()
        await SessionStoreConformance(
            store: try FileSessionStore(path: folder("sessions"), durability: .flushed)
        ).run()
    }
}
