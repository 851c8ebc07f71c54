#if Redis
import NIOCore
@testable import SessionsRedis
import Testing

/// N1 of the security requirements: garbage on the wire closes the connection, with a typed error and bounded memory.
@Suite("What no Redis server sends")
struct RESPDecoderFaultTests {
    static let faults: [(wire: String, reason: String)] = [
        ("HTTP/1.1 400 Bad Request\r\n", "an unknown type"),
        ("\r\n", "an unknown type"),
        (" +OK\r\n", "an unknown type"),
        ("\0", "an unknown type"),
        ("*1\r\n;1\r\n", "an unknown type"),
        ("*1\r\n.\r\n", "an unknown type"),
        ("$9999999999\r\n", "a length over the limit"),
        ("*2147483647\r\n", "a length over the limit"),
        ("%2147483647\r\n", "a length over the limit"),
        ("%4611686018427387904\r\n", "a length over the limit"),
        ("|9223372036854775807\r\n", "a length over the limit"),
        ("~1048577\r\n", "a length over the limit"),
        (">1048577\r\n", "a length over the limit"),
        ("!65537\r\n", "a length over the limit"),
        ("=67108865\r\n", "a length over the limit"),
        ("$67108865\r\n", "a length over the limit"),
        ("$9223372036854775808\r\n", "a number out of range"),
        ("$18446744073709551617\r\n", "a number out of range"),
        ("$-2\r\n", "a negative length"),
        ("$-0\r\n", "a negative length"),
        ("$-10\r\n", "a negative length"),
        ("*-2\r\n", "a negative length"),
        ("%-1\r\n", "a negative length"),
        ("~-1\r\n", "a negative length"),
        (">-1\r\n", "a negative length"),
        ("|-1\r\n", "a negative length"),
        ("!-1\r\n", "a negative length"),
        ("=-1\r\n", "a negative length"),
        ("$\r\n", "no number where one belongs"),
        ("*\r\n", "no number where one belongs"),
        ("$?\r\n", "no number where one belongs"),
        ("*?\r\n", "no number where one belongs"),
        ("$+3\r\nfoo\r\n", "no number where one belongs"),
        ("$ 3\r\nfoo\r\n", "no number where one belongs"),
        ("$3 \r\nfoo\r\n", "no number where one belongs"),
        ("$0x3\r\nfoo\r\n", "no number where one belongs"),
        ("$03\r\nfoo\r\n", "a zero before a number"),
        ("*00\r\n", "a zero before a number"),
        (":\r\n", "no number where one belongs"),
        (":-\r\n", "no number where one belongs"),
        (":1x\r\n", "no number where one belongs"),
        (":+1\r\n", "no number where one belongs"),
        (": 1\r\n", "no number where one belongs"),
        (":1.0\r\n", "no number where one belongs"),
        (":--1\r\n", "no number where one belongs"),
        (":\u{661}\r\n", "no number where one belongs"),
        (":-0\r\n", "a zero before a number"),
        (":01\r\n", "a zero before a number"),
        (":-01\r\n", "a zero before a number"),
        (":9223372036854775808\r\n", "a number out of range"),
        (":-9223372036854775809\r\n", "a number out of range"),
        (":99999999999999999999999\r\n", "a number out of range"),
        ("(1x\r\n", "no number where one belongs"),
        ("(\r\n", "no number where one belongs"),
        (",\r\n", "no number where one belongs"),
        (",.5\r\n", "no number where one belongs"),
        (",5.\r\n", "no number where one belongs"),
        (",1e\r\n", "no number where one belongs"),
        (",1e+\r\n", "no number where one belongs"),
        (",+1\r\n", "no number where one belongs"),
        (",0x1p3\r\n", "no number where one belongs"),
        (",infinity\r\n", "no number where one belongs"),
        (",Inf\r\n", "no number where one belongs"),
        (",nan(7)\r\n", "no number where one belongs"),
        (",1,5\r\n", "no number where one belongs"),
        ("#\r\n", "no boolean where one belongs"),
        ("#true\r\n", "no boolean where one belongs"),
        ("#T\r\n", "no boolean where one belongs"),
        ("_null\r\n", "text in a null"),
        ("$3\r\nfoobar\r\n", "no end of line after a string"),
        ("$3\r\nfoo\n\n", "no end of line after a string"),
        ("$3\r\nfoo\r\r", "no end of line after a string"),
        ("$0\r\n+OK\r\n", "no end of line after a string"),
        ("=7\r\ntxt:abc+O", "no end of line after a string"),
        ("!3\r\nERRoneous", "no end of line after a string"),
        ("=3\r\ntxt\r\n", "no format before a verbatim string"),
        ("=7\r\ntext:ab\r\n", "no format before a verbatim string"),
        ("+O\rK\r\n", "a carriage return within a line"),
        ("+OK\r\r\n", "a carriage return within a line"),
        ("+OK\n", "a line feed within a line"),
        ("-ERR\nx\r\n", "a line feed within a line"),
        ("$3\nfoo\r\n", "a line feed within a line"),
        ("*1\n", "a line feed within a line"),
        (String(repeating: "*1\r\n", count: 9), "aggregates are nested too deeply"),
        (String(repeating: "*1\r\n", count: 8) + "*0\r\n", "aggregates are nested too deeply"),
        (String(repeating: "%1\r\n+k\r\n", count: 9), "aggregates are nested too deeply"),
        (String(repeating: "|1\r\n", count: 9), "aggregates are nested too deeply"),
        ("*1\r\n>1\r\n+p\r\n", "a push within a reply"),
        ("*1\r\n>0\r\n", "a push within a reply"),
        ("%1\r\n_\r\n+v\r\n", "a key that no server uses"),
        ("%1\r\n,nan\r\n+v\r\n", "a key that no server uses"),
        ("%1\r\n*1\r\n,nan\r\n+v\r\n", "a key that no server uses"),
        ("%1\r\n-ERR\r\n+v\r\n", "a key that no server uses"),
        ("*2\r\n*1048575\r\n", "the reply has too many elements"),
    ]

    @Test("Each fault is found, however its bytes are cut, and ends the connection", arguments: faults.indices)
    func fault(index: Int) {
        let (wire, reason) = Self.faults[index]
        let bytes = Array("+before\r\n".utf8) + Array(wire.utf8) + Array("+after\r\n+\r\n".utf8)
        var random = SplitMix(state: UInt64(index))
        for outcome in [.whole(bytes), .byteByByte(bytes), .cut(bytes, using: &random)] as [RESPOutcome] {
            #expect(outcome.failure?.reason == reason)
            #expect(outcome.replies == [.simple("before")])
        }
    }

    @Test("A status that is no UTF-8 is none")
    func status() {
        #expect(RESPOutcome.whole([0x2B, 0xFF, 13, 10]).failure?.reason == "a status that is no UTF-8")
        #expect(
            RESPOutcome.byteByByte([0x2B, 0xED, 0xA0, 0x80, 13, 10]).failure?.reason == "a status that is no UTF-8"
        )
    }

    @Test("After a fault no reply comes any more")
    func ended() {
        var decoder = RESPDecoder()
        decoder.append(ByteBuffer(string: "*2\r\n+OK\r\n:x\r\n+OK\r\n"))
        for _ in 0..<3 {
            #expect(throws: RESPDecoder.Malformed("no number where one belongs")) { try decoder.next() }
            decoder.append(ByteBuffer(string: "+OK\r\n"))
        }
    }

    @Test("A fault's description has nothing of what was read")
    func description() {
        let failure = RESPOutcome.whole(Array(":secret\r\n".utf8)).failure
        #expect(failure.map { "\($0)" } == "malformed reply: no number where one belongs")
        #expect(failure.map { String(reflecting: $0) }?.contains("secret") == false)
    }
}
#endif
