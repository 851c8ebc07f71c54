#if Redis
import NIOCore
@testable import SessionsRedis
import Testing

@Suite("What a Redis server sends")
struct RESPDecoderTests {
    /// Replies, and what becomes of them.
    static let replies: [(wire: String, value: RESPValue)] = [
        ("+OK\r\n", .simple("OK")),
        ("+\r\n", .simple("")),
        (
            "+d\u{e9}j\u{e0} vu, in more than fifteen bytes\r\n",
            .simple("d\u{e9}j\u{e0} vu, in more than fifteen bytes")
        ),
        ("-ERR unknown command\r\n", .error("ERR unknown command")),
        ("!10\r\nERR a\r\nb c\r\n", .error("ERR a\r\nb c")),
        ("!0\r\n\r\n", .error("")),
        (":0\r\n", .integer(0)),
        (":1000\r\n", .integer(1000)),
        (":-1\r\n", .integer(-1)),
        (":9223372036854775807\r\n", .integer(.max)),
        (":-9223372036854775808\r\n", .integer(.min)),
        ("$3\r\nfoo\r\n", .bulk(ByteBuffer(string: "foo"))),
        ("$4\r\n\r\n\r\n\r\n", .bulk(ByteBuffer(string: "\r\n\r\n"))),
        ("$0\r\n\r\n", .bulk(ByteBuffer())),
        ("$-1\r\n", .null),
        ("*-1\r\n", .null),
        ("_\r\n", .null),
        ("#t\r\n", .boolean(true)),
        ("#f\r\n", .boolean(false)),
        (",3.14\r\n", .double(3.14)),
        (",-0\r\n", .double(0)),
        (",10\r\n", .double(10)),
        (",1e+20\r\n", .double(1e20)),
        (",-2.5E-3\r\n", .double(-0.0025)),
        (",inf\r\n", .double(.infinity)),
        (",-inf\r\n", .double(-.infinity)),
        (",nan\r\n", .double(.nan)),
        (",-nan\r\n", .double(.nan)),
        ("(3492890328409238509324850943850943825024385\r\n", .simple("3492890328409238509324850943850943825024385")),
        ("(-1\r\n", .simple("-1")),
        ("=15\r\ntxt:Some string\r\n", .simple("Some string")),
        ("=4\r\nmkd:\r\n", .simple("")),
        ("*0\r\n", .array([])),
        ("*2\r\n$1\r\na\r\n*1\r\n_\r\n", .array([.bulk(ByteBuffer(string: "a")), .array([.null])])),
        ("~2\r\n:1\r\n:1\r\n", .array([.integer(1), .integer(1)])),
        ("~0\r\n", .array([])),
        ("%0\r\n", .map([:])),
        (
            "%2\r\n+a\r\n:1\r\n$1\r\nb\r\n%1\r\n:1\r\n#t\r\n",
            .map([
                .simple("a"): .integer(1), .bulk(ByteBuffer(string: "b")): .map([.integer(1): .boolean(true)]),
            ])
        ),
        ("%2\r\n+a\r\n:1\r\n+a\r\n:2\r\n", .map([.simple("a"): .integer(2)])),
        ("%1\r\n,1.5\r\n#f\r\n", .map([.double(1.5): .boolean(false)])),
        (
            ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
            .push([
                .bulk(ByteBuffer(string: "invalidate")), .array([.bulk(ByteBuffer(string: "k"))]),
            ])
        ),
        (">0\r\n", .push([])),
        // Attributes: before a reply, before an element, two of them, empty, with a key that no map may have.
        ("|1\r\n+ttl\r\n:3600\r\n:5\r\n", .integer(5)),
        ("*2\r\n:1\r\n|1\r\n+ttl\r\n*2\r\n:1\r\n:2\r\n:2\r\n", .array([.integer(1), .integer(2)])),
        ("|1\r\n+a\r\n+b\r\n|0\r\n%1\r\n|0\r\n+k\r\n|1\r\n_\r\n_\r\n+v\r\n", .map([.simple("k"): .simple("v")])),
        ("|1\r\n*1\r\n,nan\r\n_\r\n>1\r\n+p\r\n", .push([.simple("p")])),
        // Eight aggregates in each other.
        (String(repeating: "*1\r\n", count: 8) + ":1\r\n", (0..<8).reduce(.integer(1)) { value, _ in .array([value]) }),
        (String(repeating: "*1\r\n", count: 7) + "*0\r\n", (0..<7).reduce(.array([])) { value, _ in .array([value]) }),
    ]

    @Test("Each type is read, however its bytes are cut", arguments: replies.indices)
    func types(index: Int) {
        let (wire, value) = Self.replies[index]
        let bytes = Array(wire.utf8)
        var random = SplitMix(state: UInt64(index))
        for outcome in [.whole(bytes), .byteByByte(bytes), .cut(bytes, using: &random)] as [RESPOutcome] {
            #expect(outcome.failure == nil)
            #expect(outcome.replies.count == 1)
            #expect(outcome.replies.first?.isSame(as: value) == true, "\(outcome)")
        }
    }

    @Test("Replies that come together are told apart, with pushes between them")
    func together() {
        let bytes = Self.replies.flatMap { $0.wire.utf8 }
        let values = Self.replies.map(\.value)
        var random = SplitMix(state: 1)
        var outcomes = [RESPOutcome.whole(bytes), .byteByByte(bytes)]
        for _ in 0..<100 { outcomes.append(.cut(bytes, longest: 40, using: &random)) }
        for outcome in outcomes {
            #expect(outcome.failure == nil)
            #expect(outcome.replies.elementsEqual(values) { $0.isSame(as: $1) })
        }
    }

    @Test("Of a reply that is cut short comes nothing, neither a value nor a fault", arguments: replies.indices)
    func truncation(index: Int) {
        let bytes = Array(Self.replies[index].wire.utf8)
        for count in 0..<bytes.count {
            let begun = Array("+before\r\n".utf8) + bytes[..<count]
            for outcome in [.whole(begun), .byteByByte(begun)] as [RESPOutcome] {
                #expect(outcome.failure == nil, "after \(count) bytes")
                #expect(outcome.replies == [.simple("before")], "after \(count) bytes")
            }
        }
    }

    @Test("What is no UTF-8 is replaced in errors and reports, which quote bytes of others")
    func repair() {
        let wrong: [UInt8] = [0xC3, 0x28]
        #expect(RESPOutcome.whole(Array("-ERR ".utf8) + wrong + [13, 10]).replies == [.error("ERR \u{FFFD}(")])
        #expect(RESPOutcome.whole(Array("!2\r\n".utf8) + wrong + [13, 10]).replies == [.error("\u{FFFD}(")])
        #expect(RESPOutcome.whole(Array("=6\r\ntxt:".utf8) + wrong + [13, 10]).replies == [.simple("\u{FFFD}(")])
    }

    @Test("A string is a slice of the read that it came with")
    func slices() throws {
        let read = ByteBuffer(string: "$5\r\nfirst\r\n*1\r\n$6\r\nsecond\r\n$5\r\nthird")
        let range = read.withUnsafeReadableBytes {
            UInt(bitPattern: $0.baseAddress)..<UInt(bitPattern: $0.baseAddress) + 64
        }
        func isSlice(_ value: RESPValue?) -> Bool {
            guard case .bulk(let bytes) = value else { return false }
            return bytes.withUnsafeReadableBytes { range.contains(UInt(bitPattern: $0.baseAddress)) }
        }
        var decoder = RESPDecoder()
        decoder.append(read)
        #expect(isSlice(try decoder.next()))
        guard case .array(let elements) = try decoder.next() else {
            Issue.record("no array")
            return
        }
        #expect(isSlice(elements.first))
        #expect(try decoder.next() == nil)
        // This one is joined from two reads, and must not change when the next is.
        decoder.append(ByteBuffer(string: "\r\n$6\r\nfourth\r"))
        let third = try decoder.next()
        #expect(try decoder.next() == nil)
        decoder.append(ByteBuffer(string: "\n$5\r\nfifth\r\n"))
        #expect(third == .bulk(ByteBuffer(string: "third")))
        #expect(!isSlice(third))
        #expect(try decoder.next() == .bulk(ByteBuffer(string: "fourth")))
        #expect(try decoder.next() == .bulk(ByteBuffer(string: "fifth")))
    }
}
#endif
