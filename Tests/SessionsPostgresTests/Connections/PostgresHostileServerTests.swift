#if PostgreSQL
import Foundation
import Sessions
import Testing

@testable import SessionsPostgres

/// N1: what comes from the server is input as well.
@Suite("A server that does not keep to the protocol", .timeLimit(.minutes(3)))
struct PostgresHostileServerTests {
    private typealias Message = FakePostgres.Message

    enum Greeting: String, CaseIterable {
        case silence, garbage, endsAtOnce, otherProtocol, hugeLength, hugeError, negativeLength, unknownAuthentication
        case unknownMessage, oneBytePerTime, noticesWithoutEnd, parametersWithoutEnd, copyOutOfTheBlue

        @Sendable
        func say(_ connection: TestConnection) {
            switch self {
            case .silence: break
            case .garbage: connection.write((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) })
            case .endsAtOnce: shutdown(connection.descriptor, Int32(SHUT_RDWR))
            case .otherProtocol: connection.write(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
            case .hugeLength:
                connection.write(Message.message("R", Array(repeating: 0, count: 64), length: 0x7FFF_FFFF))
            case .hugeError:
                connection.write(Message.message("E", Array(repeating: 65, count: 64), length: 0x3FFF_FFFF))
            case .negativeLength:
                connection.write(Message.message("R", Array(repeating: 0, count: 64), length: 0xFFFF_FFFF))
            case .unknownAuthentication: connection.write(Message.authentication(99))
            case .unknownMessage: connection.write(Message.authentication(0) + Message.message("~", [1, 2, 3]))
            case .oneBytePerTime:
                for byte in Message.welcome {
                    guard connection.write([byte]) else { return }
                    usePause(connection, milliseconds: 200)
                }
            case .noticesWithoutEnd:
                connection.write(Message.authentication(0))
                let notice = Message.message("N", Array("SNOTICE\0C00000\0Mhello\0\0".utf8))
                let many = Array(repeating: notice, count: 500).flatMap { $0 }
                while connection.write(many) {}
            case .parametersWithoutEnd:
                connection.write(Message.authentication(0))
                var number = 0
                while connection.write((0..<100).flatMap { Message.parameter("p\(number + $0)", "v") }) {
                    number += 100
                }
            case .copyOutOfTheBlue: connection.write(Message.authentication(0) + Message.message("H", [0, 0, 0]))
            }
        }

        /// Waits for the client or a time, whichever comes first, on the thread of the connection.
        private func usePause(_ connection: TestConnection, milliseconds: Int32) {
            var entry = pollfd(fd: connection.descriptor, events: 0, revents: 0)
            _ = poll(&entry, 1, milliseconds)
        }
    }

    @Test("While connecting: a typed error in bounded time and memory", arguments: Greeting.allCases)
    func greetings(_ greeting: Greeting) async throws {
        let before = residentMegabytes()
        try await FakePostgres.run(greeting: greeting.say) { server in
            var error: SessionStoreError?
            let time = await duration {
                error = await failure {
                    try await PostgresSessionStore.open(server.configuration(timeout: .milliseconds(500)))
                }
            }
            #expect(error.map { [.unavailable, .misconfigured].contains($0.code) } == true, "\(error as Any)")
            #expect(time < .seconds(5.5))
            #expect(error.map { everythingShown(of: $0).contains("5ecret") } == false)
            #expect(!server.hasReceived("5ecret"))
        }
        #expect(residentMegabytes() - before < 300)
    }

    @Test("The password is not sent as it is over a connection that is not encrypted")
    func cleartext() async throws {
        let greeting: @Sendable (TestConnection) -> Void = { $0.write(Message.authentication(3)) }
        try await FakePostgres.run(greeting: greeting) { server in
            let error = await failure { try await PostgresSessionStore.open(server.configuration()) }
            #expect(error?.code == .misconfigured)
            #expect(error?.message.contains("use TLS") == true)
            #expect(!server.hasReceived("5ecret"))
        }
    }

    @Test("RUSTSEC-2026-0179: two thousand million rounds of SCRAM are not computed")
    func iterations() async throws {
        let greeting: @Sendable (TestConnection) -> Void = { connection in
            connection.write(Message.authentication(10, Array("SCRAM-SHA-256\0\0".utf8)))
            guard let first = connection.read(),
                let range = first.firstRange(of: Array("r=".utf8))
            else { return }
            let nonce = String(decoding: first[range.upperBound...], as: UTF8.self)
            connection.write(Message.authentication(11, Array("r=\(nonce)abc,s=c2FsdHNhbHQ=,i=2147483647".utf8)))
        }
        try await FakePostgres.run(greeting: greeting) { server in
            var error: SessionStoreError?
            let time = await duration {
                error = await failure { try await PostgresSessionStore.open(server.configuration()) }
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("SCRAM") == true)
            #expect(time < .seconds(5))
        }
    }

    enum Reply: String, CaseIterable {
        case silence, garbage, hugeRow, tooManyRows, noticesWithoutEnd, resultsWithoutEnd, copy, unknownMessage, ends
        case wrongTypes, otherStatement

        @Sendable
        func say(_ request: [UInt8], _ connection: TestConnection) {
            let description = Message.message(
                "T",
                [0, 1] + Array("x\0".utf8) + Message.bytes(0) + [0, 0] + Message.bytes(25) + [0xFF, 0xFF]
                    + Message.bytes(0) + [0, 0]
            )
            switch self {
            case .silence: break
            case .garbage: connection.write((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ 7) })
            case .hugeRow: connection.write(description + Message.message("D", [0, 1], length: 0x7FFF_FFF0))
            case .tooManyRows:
                connection.write(description)
                let row = Message.message("D", [0, 1] + Message.bytes(8000) + Array(repeating: 65, count: 8000))
                let many = Array(repeating: row, count: 100).flatMap { $0 }
                while connection.write(many) {}
            case .noticesWithoutEnd:
                let notice = Message.message("N", Array("SNOTICE\0C00000\0Mhello\0\0".utf8))
                let many = Array(repeating: notice, count: 500).flatMap { $0 }
                while connection.write(many) {}
            case .resultsWithoutEnd:
                let many = Array(repeating: Message.message("C", Array("SELECT 0\0".utf8)), count: 500).flatMap { $0 }
                while connection.write(many) {}
            case .copy: connection.write(Message.message("G", [0, 0, 0]))
            case .unknownMessage: connection.write(Message.message("~", [1, 2, 3]))
            case .ends: shutdown(connection.descriptor, Int32(SHUT_RDWR))
            case .wrongTypes:
                connection.write(
                    description + Message.message("D", [0, 1] + Message.bytes(1) + [65])
                        + Message.message("C", Array("SELECT 1\0".utf8)) + Message.ready
                )
            case .otherStatement: connection.write(Message.empty)
            }
        }
    }

    @Test("Once connected: a typed error in bounded time and memory", arguments: Reply.allCases)
    func replies(_ reply: Reply) async throws {
        let before = residentMegabytes()
        try await FakePostgres.run(answer: reply.say) { server in
            var error: SessionStoreError?
            let time = await duration {
                error = await failure {
                    try await PostgresSessionStore.open(server.configuration(timeout: .milliseconds(500)))
                }
            }
            #expect(error != nil)
            #expect(error.map { everythingShown(of: $0).contains("5ecret") } == false)
            #expect(time < .seconds(5.5))
        }
        #expect(residentMegabytes() - before < 400)
    }

    /// What of this process is in memory now.
    private func residentMegabytes() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * 4096 >> 20
    }
}
#endif
