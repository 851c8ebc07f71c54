#if Redis
import NIOCore
@testable import SessionsRedis
import Testing

@Suite("What a Redis server's reply may cost")
struct RESPDecoderLimitTests {
    private static let limits = RESPDecoder.Limits(
        maximumBulkLength: 10,
        maximumLineLength: 8,
        maximumElementCount: 6,
        maximumReplyLength: 40
    )

    @Test(
        "Each limit is the last that passes",
        arguments: [
            ("$10\r\n0123456789\r\n", "$11\r\n", "a length over the limit"),
            ("=10\r\ntxt:456789\r\n", "=11\r\n", "a length over the limit"),
            ("!8\r\nERR 5678\r\n", "!9\r\n", "a length over the limit"),
            ("+12345678\r\n", "+123456789", "a line is too long"),
            ("-ERR 5678\r\n", "-ERR 56789", "a line is too long"),
            ("*6\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n", "*7\r\n", "a length over the limit"),
            ("%3\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n", "%4\r\n", "a length over the limit"),
            ("*2\r\n*1\r\n_\r\n*3\r\n_\r\n_\r\n_\r\n", "*2\r\n*1\r\n_\r\n*4\r\n", "the reply has too many elements"),
            (
                "|2\r\n_\r\n_\r\n_\r\n_\r\n*2\r\n_\r\n_\r\n", "|2\r\n_\r\n_\r\n_\r\n_\r\n*3\r\n",
                "the reply has too many elements"
            ),
            // 4 + 15 + 15 + 6 and + 7
            (
                "*3\r\n$9\r\n123456789\r\n$9\r\n123456789\r\n+123\r\n",
                "*3\r\n$9\r\n123456789\r\n$9\r\n123456789\r\n+1234\r\n",
                "the reply is too long"
            ),
            (
                "*3\r\n$9\r\n123456789\r\n$9\r\n123456789\r\n$0\r\n\r\n",
                "*3\r\n$9\r\n123456789\r\n$9\r\n123456789\r\n$1\r\n",
                "the reply is too long"
            ),
            (
                String(repeating: "|0\r\n", count: 9) + "_\r\n", String(repeating: "|0\r\n", count: 11),
                "the reply is too long"
            ),
        ]
    )
    func edges(within: String, beyond: String, reason: String) {
        // Twice, since the count begins anew with each reply.
        let good = Array((within + within).utf8)
        for outcome in [.whole(good, limits: Self.limits), .byteByByte(good, limits: Self.limits)] as [RESPOutcome] {
            #expect(outcome.failure == nil)
            #expect(outcome.replies.count == 2)
        }
        let bad = Array((within + beyond).utf8)
        for outcome in [.whole(bad, limits: Self.limits), .byteByByte(bad, limits: Self.limits)] as [RESPOutcome] {
            #expect(outcome.failure?.reason == reason)
            #expect(outcome.replies.count == 1)
        }
    }

    @Test("A claimed length is given no memory")
    func claims() throws {
        var aggregate = RESPAggregate(.array, count: 1_000_000)
        aggregate.reserveCapacity(forBytes: 13)
        #expect(aggregate.elements.capacity < 10)
        aggregate.reserveCapacity(forBytes: .max)
        #expect(aggregate.elements.capacity < 200)

        var decoder = RESPDecoder()
        decoder.append(ByteBuffer(string: "*4\r\n*1000000\r\n"))
        #expect(try decoder.next() == nil)
        decoder.append(ByteBuffer(string: "$67108864\r\n+"))
        #expect(try decoder.next() == nil)
        decoder.append(ByteBuffer(string: "+"))
        #expect(try decoder.next() == nil)
        #expect(decoder.buffer.storageCapacity <= 64)
    }

    @Test("What was decoded is not kept, even if every read ends within a line")
    func forgetting() throws {
        var decoder = RESPDecoder()
        decoder.append(ByteBuffer(string: ":1\r"))
        for _ in 0..<10_000 {
            #expect(try decoder.next() == nil)
            decoder.append(ByteBuffer(string: "\n:1\r"))
            #expect(try decoder.next() == .integer(1))
        }
        #expect(decoder.buffer.storageCapacity <= 64)
    }

    @Test("A read that is used up is let go, so that its memory serves for the next")
    func release() throws {
        var decoder = RESPDecoder()
        decoder.append(ByteBuffer(string: "+OK\r\n"))
        while try decoder.next() != nil {}
        #expect(decoder.buffer.storageCapacity == 0)
    }

    @Test("A reply in crumbs does not keep the memory of every read")
    func crumbs() throws {
        var decoder = RESPDecoder()
        decoder.append(ByteBuffer(string: "*3\r\n"))
        for crumb in ["$1\r\na\r\n", "$1\r\nb", "\r\n", "$1\r\nc\r\n"] {
            #expect(try decoder.next() == nil)
            var read = ByteBuffer()
            read.reserveCapacity(2048)
            read.writeString(crumb)
            decoder.append(read)
        }
        guard case .array(let elements) = try decoder.next() else {
            Issue.record("no array")
            return
        }
        for element in elements {
            guard case .bulk(let bytes) = element else { continue }
            #expect(bytes.storageCapacity <= 64)
        }
        #expect(elements == ["a", "b", "c"].map { .bulk(ByteBuffer(string: $0)) })
    }
}
#endif
