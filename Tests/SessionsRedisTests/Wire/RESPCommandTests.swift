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

    @Test("No bytes of an argument end it, begin another or add a command")
    func smuggling() throws {
        var random = SplitMix(state: 3)
        let attacks = ["\r\n", "\r\n*1\r\n$8\r\nFLUSHALL\r\n", "$-1\r\n", "\0", ""].map { Array($0.utf8) }
        for count in [0, 1, 8, 9, 98, 99, 998, 999, 9_999] {
            var command = RESPCommand("SET")
            var expected = [RESPValue.bulk(ByteBuffer(string: "SET"))]
            for _ in 0..<count {
                let noise = (0..<Int.random(in: 0...9, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                let argument = noise + (attacks.randomElement(using: &random) ?? []) + noise
                command.append(argument)
                expected.append(.bulk(ByteBuffer(bytes: argument)))
            }
            #expect(command.argumentCount == count + 1)
            let outcome = RESPOutcome.whole(Array(buffer: command.encoded))
            #expect(outcome.failure == nil)
            #expect(outcome.replies == [.array(expected)])
        }
    }

    @Test("A command that was taken does not change with the next argument")
    func value() {
        var command = RESPCommand("WAIT")
        command.append(1)
        let taken = command.encoded
        command.append(-250)
        #expect(String(buffer: taken) == "*2\r\n$4\r\nWAIT\r\n$1\r\n1\r\n")
        #expect(text(command) == "*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$4\r\n-250\r\n")
    }

    @Test(
        "A moment has 16 digits, whatever it is",
        arguments: [
            (.distantPast, "0000000000000000"),
            (SessionInstant(millisecondsSince1970: -1), "0000000000000000"),
            (SessionInstant(millisecondsSince1970: 0), "0000000000000000"),
            (SessionInstant(millisecondsSince1970: 9_999_999_999_999_999), "9999999999999999"),
            (SessionInstant(millisecondsSince1970: 10_000_000_000_000_000), "9999999999999999"),
            (.distantFuture, "9999999999999999"),
        ] as [(SessionInstant, String)]
    )
    func instants(instant: SessionInstant, digits: String) {
        var command = RESPCommand("GET")
        command.append(instant)
        #expect(text(command) == "*2\r\n$3\r\nGET\r\n$16\r\n\(digits)\r\n")
    }

    @Test("Arguments are not shown: they may be passwords and sessions")
    func redaction() {
        var command = RESPCommand("AUTH")
        command.append("hunter2" as String)
        #expect("\(command)" == "AUTH with 1 arguments")
        for shown in ["\(command)", String(reflecting: command)] { #expect(!shown.contains("hunter2")) }
        #expect(Mirror(reflecting: command).children.isEmpty)
    }
}
#endif
