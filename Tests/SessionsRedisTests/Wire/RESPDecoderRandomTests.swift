#if Redis
import NIOCore
@testable import SessionsRedis
import Testing

// One after the other, and with pauses: they take all of a processor, and other tests of this process are about time.
@Suite("What a Redis server might send", .serialized, .timeLimit(.minutes(5)))
struct RESPDecoderRandomTests {
    @Test("Any value that is written is read again", arguments: 0..<4)
    func roundTrips(seed: UInt64) {
        var random = SplitMix(state: seed)
        for _ in 0..<2_000 {
            let values = (0..<Int.random(in: 1...3, using: &random)).map { _ in RESPValue.random(using: &random) }
            let bytes = values.flatMap(\.wire)
            #expect(RESPOutcome.whole(bytes).replies == values)
            #expect(RESPOutcome.cut(bytes, longest: 60, using: &random).replies == values)
        }
    }

    /// 200 000 in all.
    @Test("Bytes that were tampered with have one meaning, however they are cut, or none", arguments: 0..<8)
    func mutations(seed: UInt64) async {
        var random = SplitMix(state: 1000 + seed)
        let limits = RESPDecoder.Limits(
            maximumBulkLength: 40,
            maximumLineLength: 40,
            maximumElementCount: 12,
            maximumReplyLength: 120
        )
        var valid: [UInt8] = []
        var replies = 0
        var failures = 0
        for round in 0..<25_000 {
            if round % 50 == 0 { await Task.yield() }
            if round % 10 == 0 {
                valid = (0..<3).flatMap { _ in RESPValue.random(depth: 2, using: &random).wire }
            }
            var bytes = valid
            for _ in 0..<Int.random(in: 1...3, using: &random) { Self.mutate(&bytes, using: &random) }
            let limits = round % 2 == 0 ? limits : .init()
            let whole = RESPOutcome.whole(bytes, limits: limits)
            let cut = RESPOutcome.cut(bytes, longest: 20, limits: limits, using: &random)
            if whole != cut { Issue.record("\(bytes): \(whole), but in pieces \(cut)") }
            replies += whole.replies.count
            failures += whole.failure == nil ? 0 : 1
        }
        // Both happen often enough for this to have tested something.
        #expect(replies > 10_000)
        #expect(failures > 5_000)
    }

    private static func mutate(_ bytes: inout [UInt8], using random: inout SplitMix) {
        let special = Array("\r\n$*:+-_%~>|!=(,#.;?0123456789".utf8)
        let position = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0...5, using: &random) {
        case 0: bytes.insert(special.randomElement(using: &random) ?? 0, at: position)
        case 1 where position < bytes.count: bytes.remove(at: position)
        case 2 where position < bytes.count: bytes[position] = .random(in: 0...255, using: &random)
        case 3 where position < bytes.count: bytes[position] = special.randomElement(using: &random) ?? 0
        case 4: bytes.removeSubrange(position..<min(bytes.count, position + 5))
        default:
            let source = Int.random(in: 0...bytes.count, using: &random)
            bytes.insert(contentsOf: bytes[source..<min(bytes.count, source + 8)], at: position)
        }
    }

    // Each of the following takes seconds at the most; if any of it began again with each byte, hours.

    @Test("A long string takes time in proportion, byte by byte")
    func longString() {
        let count = 1 << 20
        let bytes = Array("$\(count)\r\n".utf8) + [UInt8](repeating: 7, count: count) + [13, 10]
        let expected = RESPValue.bulk(ByteBuffer(repeating: 7, count: count))
        #expect(RESPOutcome.byteByByte(bytes).replies == [expected])
    }

    @Test("A long array takes time in proportion, byte by byte")
    func longArray() {
        let count = 50_000
        let bytes = Array("*\(count)\r\n".utf8) + (0..<count).flatMap { _ in Array("$3\r\nfoo\r\n".utf8) }
        let expected = RESPValue.array(Array(repeating: .bulk(ByteBuffer(string: "foo")), count: count))
        #expect(RESPOutcome.byteByByte(bytes).replies == [expected])
    }

    @Test("Long lines take time in proportion, byte by byte")
    func longLines() {
        let line = Array("-".utf8) + [UInt8](repeating: 120, count: 65_536) + [13, 10]
        let outcome = RESPOutcome.byteByByte((0..<8).flatMap { _ in line })
        #expect(outcome.replies.count == 8)
        #expect(outcome.failure == nil)
    }
}
#endif
