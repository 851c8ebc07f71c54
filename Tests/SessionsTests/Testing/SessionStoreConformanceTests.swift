import Sessions
import SessionsTesting
import Testing

@Suite struct SessionStoreConformanceTests {
    @Test("MemorySessionStore conforms", arguments: SessionStoreConformance.Check.allCases)
    func memory(_ check: SessionStoreConformance.Check) async {
        await SessionStoreConformance { MemorySessionStore() }.run(check)
    }

    @Test("One MemorySessionStore conforms to all checks in a row")
    func oneStore() async { await SessionStoreConformance(store: MemorySessionStore()).run() }

    @Test("MemorySessionStore with all its abilities hidden conforms")
    func basic() async { await SessionStoreConformance { BasicSessionStore(MemorySessionStore()) }.run() }

    @Test("FaultInjectingSessionStore without faults conforms")
    func wrapped() async { await SessionStoreConformance { FaultInjectingSessionStore(MemorySessionStore()) }.run() }

    @Test("A store that walks through hash tables, in no order and with records twice, conforms")
    func scanning() async { await SessionStoreConformance { ScanningSessionStore() }.run() }

    @Test("Two views of one store conform as two servers do")
    func shared() async {
        let store = MemorySessionStore()
        await SessionStoreConformance(store: store, secondStore: FaultInjectingSessionStore(store)).run()
    }

    @Test("The suite notices a store that breaks a rule", arguments: FlawedSessionStore.Flaw.allCases)
    func notices(_ flaw: FlawedSessionStore.Flaw) async {
        let violations = await SessionStoreConformance { FlawedSessionStore(flaw: flaw) }.violations()
        #expect(!violations.isEmpty)
    }

    @Test("The suite notices two servers that do not see each other's writes")
    func noticesUnsharedStores() async {
        let violations = await SessionStoreConformance(
            store: MemorySessionStore(),
            secondStore: MemorySessionStore()
        ).violations()
        #expect(!violations.isEmpty)
    }

    @Test("A store that cannot be made is a violation of all checks")
    func noticesMissingStore() async {
        let suite = SessionStoreConformance {
            throw SessionStoreError(.misconfigured, "no folder")
        }
        #expect(await suite.violations().count >= 20)
    }

    @Test("Checks have different names, which say the rule")
    func namesDiffer() {
        let names = SessionStoreConformance.Check.allCases.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { !$0.isEmpty })
    }
}
