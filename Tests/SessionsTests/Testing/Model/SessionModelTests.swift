import Sessions
import Testing

@testable import SessionsTesting

@Suite("Random programs give what the model gives")
struct SessionModelTests {
    @Test("In memory")
    func memory() async { await SessionModelTest(programs: 300) { MemorySessionStore() }.run() }

    @Test("In memory, with renewals by several single steps")
    func stepwise() async {
        await SessionModelTest(programs: 300) { StepwiseSessionStore(base: MemorySessionStore()) }.run()
    }

    @Test("On files, with two servers on one folder")
    func files() async {
        let folder = TemporaryFolder()
        await SessionModelTest(programs: 60, makeSecondStore: { try FileSessionStore(path: folder("sessions")) }) {
            try FileSessionStore(path: folder("sessions"))
        }.run()
    }
}
