#if MySQL
import Sessions
import SessionsSQL
import Synchronization
import Testing

@testable import SessionsMySQL

@Suite("N5: what follows from a MySQL error's number", .timeLimit(.minutes(1)))
struct MySQLErrorTests {
    struct Expectation: CustomTestStringConvertible {
        let code: UInt16
        /// The code with which a read fails, or `nil` if it is done again and succeeds.
        let read: SessionStoreError.Code?
        let write: SessionStoreError.Code?
        let isOnNewConnection: Bool

        var testDescription: String { "\(code)" }

        init(
            _ code: UInt16,
            read: SessionStoreError.Code?,
            write: SessionStoreError.Code?,
            new: Bool = false
        ) {
            (self.code, self.read, self.write, isOnNewConnection) = (code, read, write, new)
        }
    }

    static let expectations: [Expectation] = [
        // Done again, and it succeeds: on the same connection, or on another one.
        .init(1205, read: nil, write: nil), .init(1213, read: nil, write: nil), .init(1020, read: nil, write: nil),
        .init(3572, read: nil, write: nil), .init(1412, read: nil, write: nil),
        .init(1047, read: nil, write: nil, new: true), .init(1290, read: nil, write: nil, new: true),
        .init(1792, read: nil, write: nil, new: true), .init(1836, read: nil, write: nil, new: true),
        .init(1053, read: nil, write: nil, new: true), .init(1927, read: nil, write: nil, new: true),
        .init(4031, read: nil, write: nil, new: true), .init(1158, read: nil, write: nil, new: true),
        .init(1243, read: nil, write: nil, new: true), .init(1295, read: nil, write: nil, new: true),
        .init(1615, read: nil, write: nil, new: true), .init(9001, read: nil, write: nil, new: true),
        // Reported: surely not executed.
        .init(1146, read: .unavailable, write: .unavailable), .init(1054, read: .unavailable, write: .unavailable),
        .init(1142, read: .unavailable, write: .unavailable), .init(1317, read: .unavailable, write: .unavailable),
        .init(1969, read: .unavailable, write: .unavailable), .init(3024, read: .unavailable, write: .unavailable),
        .init(1114, read: .unavailable, write: .unavailable), .init(1021, read: .unavailable, write: .unavailable),
        .init(1040, read: .unavailable, write: .unavailable, new: true),
        .init(1461, read: .unavailable, write: .unavailable, new: true),
        .init(1064, read: .unavailable, write: .unavailable),
        .init(1153, read: .recordTooLarge, write: .recordTooLarge, new: true),
        .init(1406, read: .recordTooLarge, write: .recordTooLarge),
        // Reported: nobody knows. A proxy sends the library's own numbers.
        .init(1180, read: .unavailable, write: .outcomeUnknown, new: true),
        .init(2013, read: nil, write: .outcomeUnknown, new: true),
        .init(2003, read: nil, write: .outcomeUnknown, new: true),
        .init(2006, read: nil, write: .outcomeUnknown, new: true),
    ]

    @Test("A statement that fails once is done again where it surely did nothing", arguments: expectations)
    func once(_ expectation: Expectation) async throws {
        let failures = Mutex(1)
        let executions = Attempts()
        let connections = Attempts()
        try await FakeMySQL.run { peer in
            _ = connections.next()
            peer.serveStatements { text in
                _ = executions.next()
                let mustFail = failures.withLock { count in
                    defer { count -= 1 }
                    return count > 0
                }
                if mustFail { return FakeMySQL.packet(FakeMySQL.error(expectation.code, "5ecret"), number: 1) }
                return text.hasPrefix("SELECT")
                    ? FakeMySQL.rows(columns: [0xFC, 0x08], [])
                    : FakeMySQL.packet([0, 1, 0, 2, 0, 0, 0], number: 1)
            }
        } _: { server in
            var configuration = TestServers.patient(server.configuration())
            configuration.maximumConnections = 1
            let store = try MySQLSessionStore.make(configuration)
            let user = TestUser("a")
            let read = await failure { try await store.load(user) }
            #expect(read?.code == expectation.read, "\(read as Any)")
            #expect(executions.count == (expectation.read == nil ? 2 : 1))
            if let read {
                #expect(read.message.contains("(\(expectation.code))"))
                // Words that may quote a value are not repeated.
                if ![1040, 1054, 1142, 1146].contains(expectation.code) { #expect(!read.message.contains("5ecret")) }
            }
            #expect(try await store.load(user) == nil)
            #expect(connections.count == (expectation.isOnNewConnection ? 2 : 1))
            let before = executions.count
            failures.withLock { $0 = 1 }
            let write = await failure { try await store.insert(user) }
            #expect(write?.code == expectation.write, "\(write as Any)")
            #expect(executions.count - before == (expectation.write == nil ? 2 : 1))
            await store.shutDown()
        }
    }

    @Test("1062 is an outcome, not an error", arguments: [1062, 1022, 1586] as [UInt16])
    func duplicateKey(code: UInt16) async throws {
        try await FakeMySQL.run { peer in
            peer.serveStatements { _ in FakeMySQL.packet(FakeMySQL.error(code, "Duplicate entry '5ecret'"), number: 1) }
        } _: { server in
            let store = try MySQLSessionStore.make(TestServers.patient(server.configuration()))
            #expect(try await store.insert(TestUser("a")) == .exists)
            await store.shutDown()
        }
    }

    @Test("A connection that is lost before the answer: a read is done again, a write is outcome unknown")
    func lost() async throws {
        let executions = Attempts()
        try await FakeMySQL.run { peer in
            peer.serveStatements { text in
                if executions.next() % 2 == 1 { return nil }
                return FakeMySQL.rows(columns: [0xFC, 0x08], [])
            }
        } _: { server in
            let store = try MySQLSessionStore.make(TestServers.patient(server.configuration()))
            #expect(try await store.load(TestUser("a")) == nil)
            #expect(executions.count == 2)
            #expect(await failureCode { try await store.insert(TestUser("a")) } == .outcomeUnknown)
            #expect(executions.count == 3)
            await store.shutDown()
        }
    }

    @Test("An error within a transaction is no unknown outcome; one that is in place of the commit's answer is")
    func transaction() async throws {
        for (position, expected) in [("UPDATE", SessionStoreError.Code.unavailable), ("COMMIT", .outcomeUnknown)] {
            try await FakeMySQL.run { peer in
                var texts: [String] = []
                peer.serve { command in
                    let text = String(decoding: command.dropFirst(), as: UTF8.self)
                    switch command.first {
                    case 0x03 where text.hasPrefix("SELECT @@"):
                        return FakeMySQL.rows(
                            columns: [0xFD, 0xFD],
                            [FakeMySQL.text("16777216") + FakeMySQL.text("0")]
                        )
                    case 0x03: return text == position ? nil : FakeMySQL.packet(FakeMySQL.ok, number: 1)
                    case 0x16:
                        texts.append(text)
                        return FakeMySQL.prepared(UInt32(texts.count), text)
                    case 0x17:
                        let isUpdate = texts[Int(command[1]) - 1].hasPrefix("UPDATE")
                        return isUpdate && position == "UPDATE"
                            ? nil : FakeMySQL.packet([0, 1, 0, 2, 0, 0, 0], number: 1)
                    default: return nil
                    }
                }
            } _: { server in
                var configuration = server.configuration()
                configuration.operationTimeout = .seconds(5)
                let store = try MySQLSessionStore.make(configuration)
                let (old, new) = (TestUser("a"), TestUser("b"))
                let error = await failure {
                    try await store.renew(
                        old.id,
                        ifStamp: SessionStamp(rawValue: 1),
                        forwarder: old.record(),
                        successor: new.record(),
                        newID: new.id,
                        now: TestUser.now
                    )
                }
                #expect(error?.code == expected, "\(position): \(error as Any)")
                await store.shutDown()
            }
        }
    }
}
#endif
