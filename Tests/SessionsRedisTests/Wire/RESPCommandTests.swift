#if Redis
import NIOCore
import Sessions
@testable import SessionsRedis
import Testing

@Suite("A command for a Redis server")
struct RESPCommandTests {
    private let hex = "00ff0a0d" + String(repeating: "1b", count: 28)

    private func text(_ command: RESPCommand) -> String { String(buffer: command.encoded) }

    @Test("A name alone is an array of one string")
    func nameAlone() {
        let command = RESPCommand("PING")
        #expect(text(command) == "*1\r\n$4\r\nPING\r\n")
        #expect(command.argumentCount == 1)
    }

    @Test("Every kind of argument is written byte for byte")
    func arguments() throws {
        let id = try #require(SessionID(hex))
        let body: [UInt8] = [0, 255, 13, 10]
        var command = RESPCommand("EVALSHA")
        command.append("é" as String)
        command.append(1)
        command.append(Int64.min)
        command.append(Int64.max)
        command.append(prefix: "sessions:record:", id)
        command.append(id)
        command.append(SessionStamp(rawValue: 0x0807_0605_0403_0201))
        command.append(SessionInstant(millisecondsSince1970: 1_234))
        command.append(SessionInstant(millisecondsSince1970: 1_700_000_000_000), before: body)
        command.append([1, 2, 3, 4][1...2])
        command.append(ByteBuffer(string: "xy"))
        command.append([])
        let expected = [
            "*13\r\n$7\r\nEVALSHA\r\n$2\r\né\r\n$1\r\n1\r\n$20\r\n-9223372036854775808\r\n$19\r\n9223372036854775807\r\n",
            "$80\r\nsessions:record:\(hex)\r\n$64\r\n\(hex)\r\n$8\r\n\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{8}\r\n",
            "$16\r\n0000000000001234\r\n$20\r\n0001700000000000",
        ].joined()
        var bytes = Array(expected.utf8) + body + Array("\r\n$2\r\n".utf8) + [2, 3]
        bytes += Array("\r\n$2\r\nxy\r\n$0\r\n\r\n".utf8)
        #expect(Array(buffer: command.encoded) == bytes)
    }
}
#endif
