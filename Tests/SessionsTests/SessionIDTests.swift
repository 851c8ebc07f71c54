import Testing

@testable import Sessions

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Session ids")
struct SessionIDTests {
    private let token = SessionToken(bytes: Digest32())

    private func id(_ name: String, _ token: SessionToken) -> SessionID {
        SessionID(token, managerName: SessionNamespace(name))
    }

    @Test("the text form is 64 lower-case hexadecimal digits and reads back")
    func roundTrip() throws {
        for _ in 0..<200 {
            let id = id("app", SessionToken(from: SystemSessionRandom()))
            #expect(id.description.utf8.count == 64)
            #expect(id.description.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) })
            #expect(SessionID(id.description) == id)
            #expect(SessionID(bytes: id.bytes) == id)
            #expect(try JSONDecoder().decode([SessionID].self, from: JSONEncoder().encode([id])) == [id])
        }
    }

    @Test(
        "I2, I3, I5: any other text is no id, upper case included",
        arguments: [
            "", "0", String(repeating: "0", count: 63), String(repeating: "0", count: 65),
            String(repeating: "A", count: 64), String(repeating: "g", count: 64),
            String(repeating: "0", count: 63) + " ",
            "../" + String(repeating: "0", count: 61), String(repeating: "0", count: 63) + "\u{0}",
            String(repeating: "\u{664}", count: 32), String(repeating: "%", count: 64),
        ]
    )
    func malformed(text: String) {
        #expect(SessionID(text) == nil)
        #expect(SubjectID(text) == nil)
    }

    @Test("other counts of bytes are no id")
    func byteCounts() {
        for count in [0, 1, 31, 33, 64] { #expect(SessionID(bytes: [UInt8](repeating: 0, count: count)) == nil) }
    }

    @Test("the id is SHA-256 over the name's length, the name, a zero and the token")
    func knownDigest() {
        #expect(id("app", token).description == knownID)
    }

    // printf '\0\0\0\3app\0' | cat - <(head -c 32 /dev/zero) | sha256sum
    private let knownID = "c93cb4a41d1d85da9c89286a5be046870e68411683bb8e218c39fe7bf838ffe9"

    @Test("C13, CVE-2022-46170: managers with different names give one token different ids")
    func names() {
        #expect(id("app", token) != id("admin", token))
        #expect(id("", token) != id("\u{0}", token))
        #expect(id("a", token) != id("a\u{0}", token))
        #expect(id("app", token) == id("app", token))
    }

    @Test("CVE-2019-16782, CVE-2019-25025, CVE-2020-26228, CVE-2021-21339: the id shows nothing of the token")
    func oneWay() {
        let token = SessionToken(from: SystemSessionRandom())
        let id = id("app", token)
        #expect(!id.description.contains(token.secret) && id.description != token.bytes.hex)
        #expect(SessionToken(id.description) == nil)
    }

    @Test("subjects and tokens hash apart, also where their bytes agree")
    func subjects() {
        let namespace = SessionNamespace("app")
        let subject = String(decoding: [UInt8](repeating: 0, count: 32), as: UTF8.self)
        #expect(namespace.subjectID(subject).description != id("app", token).description)
        #expect(namespace.subjectID("u1") == namespace.subjectID("u1"))
        #expect(namespace.subjectID("u1") != namespace.subjectID("U1"))
        #expect(namespace.subjectID("u1") != SessionNamespace("admin").subjectID("u1"))
    }

    @Test("ids are ordered as their texts are")
    func order() {
        let ids = (0..<500).map { _ in id("app", SessionToken(from: SystemSessionRandom())) }
        #expect(ids.sorted().map(\.description) == ids.map(\.description).sorted())
    }
}
