import Foundation
import Testing

@Suite("What is fuzzed, with the inputs that are kept")
struct CorpusTests {
    private static let corpora = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Corpora")

    private static func inputs(of target: String) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(
            at: corpora.appending(path: target),
            includingPropertiesForKeys: nil
        )
    }

    @Test("Every target keeps its promises on each of them, whole and cut short", arguments: targets.keys.sorted())
    func replays(_ name: String) throws {
        let target = try #require(targets[name])
        let inputs = try Self.inputs(of: name)
        #expect(!inputs.isEmpty)
        for input in inputs {
            let bytes = [UInt8](try Data(contentsOf: input))
            // A promise that is broken ends the process here.
            for count in stride(from: bytes.count, through: 0, by: -max(1, bytes.count / 64)) {
                bytes[..<count].withUnsafeBytes { target($0) }
            }
        }
    }
}
