import SessionsTesting
import Testing

@Suite struct WritingAStoreTests {
    @Test("The sample store conforms", arguments: SessionStoreConformance.Check.allCases)
    func conforms(_ check: SessionStoreConformance.Check) async {
        await SessionStoreConformance { DictionarySessionStore() }.run(check)
    }
}
