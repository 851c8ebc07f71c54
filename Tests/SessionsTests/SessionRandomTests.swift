import Testing

@testable import Sessions

@Suite("The random source") struct SessionRandomTests {
    @Test(
        "D19, CVE-2025-66565, CVE-2025-66630, CVE-2026-2439: without entropy the process stops; nothing weaker steps in"
    )
    func noFallback() async {
        await #expect(processExitsWith: .failure) {
            // An address that is nobody's makes the system's source fail.
            Platform.fillWithEntropy(
                UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: 8), count: 32)
            )
        }
    }

    @Test("Any number of bytes is filled, also more than the system gives at once")
    func anyCount() {
        for count in [0, 1, 31, 256, 257, 1000] {
            var bytes = [UInt8](repeating: 0, count: count + 8)
            bytes.withUnsafeMutableBytes { buffer in
                SystemSessionRandom().fill(UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
            }
            #expect(bytes[count...].allSatisfy { $0 == 0 })
            if count >= 31 { #expect(bytes[(count - 31)..<count].contains { $0 != 0 }) }
        }
    }

    @Test("Stamps do not repeat")
    func stamps() {
        let stamps = SessionStampGenerator(seed: 0)
        #expect(Set((0..<100_000).map { _ in stamps.next() }).count == 100_000)
    }

    @Test("CVE-2019-10911: a manager's name and a token are told apart in what is hashed")
    func separatedFields() {
        let bytes = SessionToken(from: SystemSessionRandom()).bytes
        var seen: Set<Digest32> = []
        for name in ["", "a", "aa", "a\u{0}", "\u{0}a", "\u{0}\u{0}\u{0}\u{1}a"] {
            #expect(seen.insert(SessionNamespace(name).digest(of: bytes)).inserted)
            #expect(seen.insert(SessionNamespace(name).subjectID("").digest).inserted)
        }
        #expect(SessionNamespace("a").subjectID("bc") != SessionNamespace("ab").subjectID("c"))
    }
}
