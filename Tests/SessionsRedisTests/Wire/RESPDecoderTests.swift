#if Redis
import NIOCore
@testable import SessionsRedis
import Testing

@Suite("What a Redis server sends")
struct RESPDecoderTests {
    @Test("Replies that come together are told apart")
    func together() throws {
        var decoder = RESPDecoder()
        decoder.append(
            ByteBuffer(string: "+OK\r\n$3\r\nfoo\r\n*2\r\n:-1\r\n%1\r\n+a\r\n#t\r\n|1\r\n+a\r\n+b\r\n:5\r\n$2\r\na")
        )
        #expect(try decoder.next() == .simple("OK"))
        #expect(try decoder.next() == .bulk(ByteBuffer(string: "foo")))
        #expect(try decoder.next() == .array([.integer(-1), .map([.simple("a"): .boolean(true)])]))
        #expect(try decoder.next() == .integer(5))
        #expect(try decoder.next() == nil)
        decoder.append(ByteBuffer(string: "b\r\n"))
        #expect(try decoder.next() == .bulk(ByteBuffer(string: "ab")))
        #expect(try decoder.next() == nil)
    }
}
#endif
