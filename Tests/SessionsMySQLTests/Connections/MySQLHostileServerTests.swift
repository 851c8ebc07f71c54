#if MySQL
import Dispatch
import Sessions
import Testing

@testable import SessionsMySQL

@Suite("N1, N2: a hostile MySQL server", .timeLimit(.minutes(2)))
struct MySQLHostileServerTests {
    struct Case: CustomTestStringConvertible {
        let testDescription: String
        let script: @Sendable (FakeMySQL.Peer) -> Void

        init(_ description: String, _ script: @escaping @Sendable (FakeMySQL.Peer) -> Void) {
            (testDescription, self.script) = (description, script)
        }
    }

    private static func seeded(_ seed: UInt64, count: Int) -> [UInt8] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
    }

    static let greetings: [Case] = [
        .init("silence") { $0.wait() },
        .init("hangs up at once") { _ in },
        .init("hangs up within the greeting") {
            $0.write(Array(FakeMySQL.packet(FakeMySQL.greeting(), number: 0).prefix(20)))
        },
        .init("a byte every 100 ms") { peer in
            for byte in FakeMySQL.packet(FakeMySQL.greeting(version: String(repeating: "1", count: 200)), number: 0) {
                guard peer.write([byte]) else { return }
                pauseThread(milliseconds: 100)
            }
        },
        .init("an empty greeting") { peer in
            peer.send([], number: 0)
            peer.wait()
        },
        .init("another protocol") { peer in
            peer.write(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8))
            peer.wait()
        },
        .init("an old protocol") { peer in
            peer.send([9] + Array("3.23".utf8) + [0, 1, 0, 0, 0] + Array(repeating: 0x41, count: 9), number: 0)
            peer.wait()
        },
        .init("a greeting without an end") { peer in
            peer.send([10] + Array(repeating: 0x31, count: 1000), number: 0)
            peer.wait()
        },
        .init("a greeting of 16 MiB, and more to come") { peer in
            for number in 0..<20 {
                let bytes = [0xFF, 0xFF, 0xFF, UInt8(number)] + [UInt8](repeating: 10, count: 0xFF_FFFF)
                guard peer.write(bytes) else { return }
            }
        },
        .init("a greeting out of order") { peer in
            peer.send(FakeMySQL.greeting(), number: 7)
            peer.wait()
        },
        .init("too many connections") { $0.send(FakeMySQL.error(1040, "Too many connections"), number: 0) },
        .init("an error with a text that is none") {
            $0.send(FakeMySQL.error(1234, "%s%n%s\r\n\u{1B}[31m" + String(repeating: "x", count: 5000)), number: 0)
        },
        .init("a switch to the password itself") { peer in
            peer.send(FakeMySQL.greeting(), number: 0)
            peer.read()
            peer.send(FakeMySQL.authSwitch("mysql_clear_password"), number: 2)
            peer.wait()
        },
        .init("the password itself from the beginning") { peer in
            peer.send(FakeMySQL.greeting(plugin: "mysql_clear_password"), number: 0)
            peer.wait()
        },
        .init("a dialog, as with PAM") { peer in
            peer.send(FakeMySQL.greeting(), number: 0)
            peer.read()
            peer.send(FakeMySQL.authSwitch("dialog"), number: 2)
            peer.wait()
        },
        .init("the way of MySQL 3.23") { peer in
            peer.send(FakeMySQL.greeting(), number: 0)
            peer.read()
            peer.send([0xFE], number: 2)
            peer.wait()
        },
        .init("a plugin from elsewhere") { peer in
            peer.send(FakeMySQL.greeting(), number: 0)
            peer.read()
            peer.send(FakeMySQL.authSwitch("../../../../tmp/plugin"), number: 2)
            peer.wait()
        },
        .init("a switch without a name and an end") { peer in
            peer.send(FakeMySQL.greeting(), number: 0)
            peer.read()
            peer.send([0xFE] + Array(repeating: 0x61, count: 300), number: 2)
            peer.wait()
        },
        .init("switches without end") { peer in
            peer.send(FakeMySQL.greeting(), number: 0)
            var number: UInt8 = 2
            while peer.read() != nil {
                guard peer.send(FakeMySQL.authSwitch("mysql_native_password"), number: number) else { return }
                number &+= 2
            }
        },
        .init("an OK that is cut short") { peer in
            peer.send(FakeMySQL.greeting(), number: 0)
            peer.read()
            peer.send([0], number: 2)
            peer.wait()
        },
    ]

    @Test("Before a user is let in: a typed error in time, and no password", arguments: greetings)
    func beforeAuthentication(_ hostile: Case) async throws {
        try await check(hostile.script)
    }

    static let answers: [Case] = [
        .init("silence") { $0.serve { _ in [] } },
        .init("hangs up") { $0.serve { _ in nil } },
        .init("asks for a file") { peer in
            peer.serve { _ in FakeMySQL.packet([0xFB] + Array("/etc/passwd".utf8), number: 1) }
        },
        .init("out of order") { peer in peer.serve { _ in FakeMySQL.packet(FakeMySQL.ok, number: 9) } },
        .init("an empty packet") { peer in peer.serve { _ in FakeMySQL.packet([], number: 1) } },
        .init("columns without number") { peer in
            peer.serve { _ in FakeMySQL.packet([0xFE] + Array(repeating: 0xFF, count: 8), number: 1) }
        },
        .init("rows where none were asked for") { peer in
            peer.serve { _ in FakeMySQL.packet([2], number: 1) + FakeMySQL.packet([0xFE, 0, 0, 2, 0], number: 2) }
        },
        .init("an OK with lengths beyond its end") { peer in
            peer.serve { _ in
                FakeMySQL.packet([0] + [0xFE] + Array(repeating: 0xFF, count: 8) + [0xFD, 0xFF, 0xFF, 0xFF], number: 1)
            }
        },
        .init("OK to everything") { peer in peer.serve { _ in FakeMySQL.packet(FakeMySQL.ok, number: 1) } },
        .init("an error to everything") { peer in
            peer.serve { _ in FakeMySQL.packet(FakeMySQL.error(1064, "near '\u{1B}[2J5ecret'"), number: 1) }
        },
        .init("16 MiB to everything") { peer in
            peer.serve { _ in [0xFF, 0xFF, 0xFF, 1] + [UInt8](repeating: 1, count: 0xFF_FFFF) + [0, 0, 0, 2] }
        },
        .init("an answer after which more is waiting") { peer in
            peer.serve { _ in FakeMySQL.packet(FakeMySQL.ok, number: 1) + FakeMySQL.packet(FakeMySQL.ok, number: 2) }
        },
        .init("an answer, a byte every 100 ms") { peer in
            peer.serve { _ in
                for byte in FakeMySQL.packet(FakeMySQL.error(1064, String(repeating: "x", count: 100)), number: 1) {
                    guard peer.write([byte]) else { return nil }
                    pauseThread(milliseconds: 100)
                }
                return []
            }
        },
    ]

    @Test("After it: a typed error in time, and no file", arguments: answers)
    func afterAuthentication(_ hostile: Case) async throws {
        try await check(hostile.script)
    }

    @Test("Random answers", arguments: 1...100 as ClosedRange<UInt64>)
    func random(seed: UInt64) async throws {
        try await check { peer in
            var round: UInt64 = 0
            peer.serve { _ in
                round += 1
                let bytes = Self.seeded(seed &* 1000 &+ round, count: Int(seed % 64) + 1)
                return FakeMySQL.packet(bytes, number: 1)
            }
        }
    }

    static let results: [(String, [UInt8]?)] = [
        ("silence", []), ("hangs up", nil),
        ("asks for a file", FakeMySQL.packet([0xFB] + Array("/etc/passwd".utf8), number: 1)),
        ("out of order", FakeMySQL.packet(FakeMySQL.ok, number: 9)),
        ("an empty packet", FakeMySQL.packet([], number: 1)),
        (
            "three columns",
            FakeMySQL.rows(columns: [0xFC, 0x08, 0x08], [[0, 0, 1, 0x61] + Array(repeating: 0, count: 16)])
        ),
        ("no columns, and rows", FakeMySQL.rows(columns: [], [[0, 0, 0]])),
        ("a row that is cut short", FakeMySQL.rows(columns: [0xFC, 0x08], [[0, 0, 5, 0x61]])),
        ("a row without its bits", FakeMySQL.rows(columns: [0xFC, 0x08], [[0]])),
        ("a value beyond the row", FakeMySQL.rows(columns: [0xFC, 0x08], [[0, 0, 0xFD, 0xFF, 0xFF, 0xFF, 0x61]])),
        (
            "a value of 2^60 bytes",
            FakeMySQL.rows(columns: [0xFC, 0x08], [[0, 0, 0xFE, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x61]])
        ),
        ("a value of no length at all", FakeMySQL.rows(columns: [0xFC, 0x08], [[0, 0, 0xFF, 0x61]])),
        ("a number that is cut short", FakeMySQL.rows(columns: [0xFC, 0x08], [[0, 0, 1, 0x61, 1, 2]])),
        ("a text for a number", FakeMySQL.rows(columns: [0xFC, 0xFD], [[0, 0, 1, 0x61, 1, 0x61]])),
        (
            "a date for a record",
            FakeMySQL.rows(columns: [0x0C, 0x08], [[0, 0, 200] + Array(repeating: 1, count: 20)])
        ),
        (
            "columns of a type that there is not",
            FakeMySQL.rows(columns: [0x77, 0x88], [[0, 0, 1, 1, 1, 1, 1, 1, 1, 1]])
        ),
        ("NULLs", FakeMySQL.rows(columns: [0xFC, 0x08], [[0, 0xFF]])),
        ("rows without end", Array(FakeMySQL.rows(columns: [0xFC, 0x08], [[0, 0xFF]]).dropLast(9))),
        (
            "an error after a row",
            Array(FakeMySQL.rows(columns: [0xFC, 0x08], [[0, 0xFF]]).dropLast(9))
                + FakeMySQL.packet(FakeMySQL.error(1317, "interrupted"), number: 6)
        ),
        ("an OK for a result", FakeMySQL.packet([0, 1, 0, 2, 0, 0, 0], number: 1)),
    ]

    @Test("The result of a prepared statement: a typed error in time, or none found", arguments: results.map(\.0))
    func result(_ name: String) async throws {
        let bytes = Self.results.first { $0.0 == name }?.1
        try await FakeMySQL.run { peer in
            peer.serveStatements { _ in bytes }
        } _: { server in
            let store = try MySQLSessionStore.make(server.configuration())
            let time = await duration {
                for _ in 0..<3 {
                    let read = await failure {
                        if try await store.load(TestUser("a")) != nil { throw CancellationError() }
                    }
                    if let read { #expect([.unavailable, .corruptRecord].contains(read.code), "\(read)") }
                    let write = await failure { try await store.insert(TestUser("a")) }
                    if let write {
                        #expect([.unavailable, .outcomeUnknown, .recordTooLarge].contains(write.code), "\(write)")
                    }
                }
            }
            #expect(time < .seconds(5))
            #expect(server.received.firstRange(of: Array("root:".utf8)) == nil, "a file was sent")
            await store.shutDown()
        }
    }

    @Test("Random results of prepared statements", arguments: 1...100 as ClosedRange<UInt64>)
    func randomResults(seed: UInt64) async throws {
        let attempts = Attempts()
        try await FakeMySQL.run { peer in
            peer.serveStatements { _ in
                let bytes = Self.seeded(seed &* 1000 &+ UInt64(attempts.next()), count: Int(seed % 48) + 1)
                // As a row, or as anything.
                return seed.isMultiple(of: 2)
                    ? FakeMySQL.rows(columns: [0xFC, 0x08], [[0] + bytes]) : FakeMySQL.packet(bytes, number: 1)
            }
        } _: { server in
            let store = try MySQLSessionStore.make(server.configuration())
            let time = await duration {
                for _ in 0..<3 {
                    _ = await failureCode { try await store.load(TestUser("a")) }
                    _ = await failureCode { try await store.insert(TestUser("a")) }
                }
            }
            #expect(time < .seconds(5))
            await store.shutDown()
        }
    }

    private func check(_ script: @escaping @Sendable (FakeMySQL.Peer) -> Void) async throws {
        try await FakeMySQL.run(script) { server in
            let configuration = server.configuration()
            let time = await duration {
                let error = await failure { try await MySQLSessionStore.open(configuration) }
                #expect([.unavailable, .misconfigured].contains(error?.code), "\(error as Any)")
                let shown = everythingShown(of: error as Any)
                #expect(!shown.contains("5ecret"))
                #expect(error?.message.unicodeScalars.contains { $0.value < 0x20 } == false)
                #expect((error?.message.utf8.count ?? 0) < 600)
            }
            #expect(time < .seconds(5))
            #expect(server.received.firstRange(of: Array("5ecret".utf8)) == nil, "the password was sent")
            #expect(server.received.firstRange(of: Array("root:".utf8)) == nil, "a file was sent")
        }
    }
}

/// Has the calling thread, which serves a fake server's connection, wait.
private func pauseThread(milliseconds: Int) {
    _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .milliseconds(milliseconds))
}
#endif
