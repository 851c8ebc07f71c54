#if MySQL
import Sessions
import SessionsSQL
import Testing

@testable import SessionsMySQL

@Suite("What a MySQL store sends", .timeLimit(.minutes(1)))
struct MySQLStatementTests {
    private static let counters = [
        "Com_stmt_execute", "Com_stmt_prepare", "Com_stmt_reset", "Com_stmt_close", "Com_select", "Com_insert",
        "Com_update", "Com_delete", "Com_set_option", "Questions",
    ]

    private func counts(_ store: MySQLSessionStore) async throws -> [String: Int] {
        try await store.withConnection { connection throws(SQLFailure) in
            let names = Self.counters.map { "'\($0)'" }.joined(separator: ", ")
            let rows = try connection.query("SHOW SESSION STATUS WHERE Variable_name IN (\(names))")
            return Dictionary(uniqueKeysWithValues: rows.map { ($0[0] ?? "", Int(($0[1] ?? "")) ?? -1) })
        }
    }

    @Test("Each operation is one execution of a statement that was prepared once, and nothing else")
    func oneStatementEach() async throws {
        var configuration = TestServers.patient(try TestServers.configuration())
        configuration.maximumConnections = 1
        try await MySQLSessionStore.run(configuration) { store async throws in
            func once() async throws {
                let user = TestUser("a")
                let record = user.record()
                #expect(try await store.insert(record, id: user.id) == .inserted)
                let next = user.record(revision: 2)
                #expect(
                    try await store.update(next, id: user.id, ifStamp: record.stamp, now: TestUser.now) == .updated
                )
                #expect(try await store.load(user) == next)
                let later = next.expiresAt + .seconds(60)
                #expect(
                    try await store.touch(user.id, ifStamp: next.stamp, expiresAt: later, now: TestUser.now)
                )
                #expect(try await store.delete(user.id, ifStamp: next.stamp, now: TestUser.now) == .deleted)
                #expect(try await store.load(user) == nil)
            }
            try await once()
            let before = try await counts(store)
            for _ in 0..<10 { try await once() }
            let after = try await counts(store)
            func difference(_ name: String) -> Int { (after[name] ?? 0) - (before[name] ?? 0) }
            #expect(difference("Com_stmt_execute") == 60)
            #expect(difference("Com_stmt_prepare") == 0)
            #expect(difference("Com_stmt_reset") == 0)
            #expect(difference("Com_stmt_close") == 0)
            #expect(difference("Com_select") == 20)
            #expect(difference("Com_insert") == 10)
            #expect(difference("Com_update") == 20)
            #expect(difference("Com_delete") == 10)
            #expect(difference("Com_set_option") == 0)
            // And the question itself.
            #expect(difference("Questions") == 61)
        }
    }

    @Test("I5: ids that only differ in what collations make equal are different")
    func idsAreBytes() async throws {
        let configuration = TestServers.patient(try TestServers.configuration())
        let texts: [[UInt8]] = [
            Array("abc".utf8), Array("ABC".utf8), Array("abc ".utf8), Array("abc  ".utf8), Array("abc\u{0}".utf8),
            Array("\u{E4}bc".utf8), Array("a%c".utf8), Array("a_c".utf8), Array("a'c".utf8), Array("a\\c".utf8),
            [0xFF, 0xFE], [0xC3, 0x28], [0x80], [],
        ]
        // Filled up with spaces and with NULs, and every byte at both ends.
        var ids = texts.flatMap { text in
            [0x20, 0x00].map { text + Array(repeating: UInt8($0), count: 32 - text.count) }
        }
        ids += (0...255).map { [UInt8($0)] + Array(repeating: 0x61, count: 31) }
        ids += (0...255).map { Array(repeating: 0x61, count: 31) + [UInt8($0)] }
        let users = Set(ids).map { TestUser("\($0)", id: $0) }
        try await MySQLSessionStore.run(configuration) { store async throws in
            for user in users { #expect(try await store.insert(user) == .inserted, "\(user.name)") }
            for user in users { #expect(try await store.load(user)?.subject == user.name) }
            #expect(try await store.count(now: TestUser.now) == users.count)
            var seen: Set<SessionID> = []
            var cursor: SessionStoreCursor?
            repeat {
                let page = try await store.page(after: cursor, limit: 100, now: TestUser.now)
                for entry in page.entries { #expect(seen.insert(entry.id).inserted) }
                cursor = page.next
            } while cursor != nil
            #expect(seen == Set(users.map(\.id)))
        }
    }

    @Test("Records of all sizes come back as they were, one after the other on one connection")
    func sizes() async throws {
        var configuration = TestServers.patient(try TestServers.configuration())
        configuration.maximumConnections = 1
        let sizes = [0, 1, 3000, 4096, 5000, 70_000, 10, 65_536, 1_000_000, 7, 3_000_000, 80_000, 0, 16_384]
        try await MySQLSessionStore.run(configuration) { store async throws in
            for size in sizes {
                let user = TestUser("\(size)")
                let record = user.record(text: String(repeating: "x", count: size))
                #expect(try await store.insert(record, id: user.id) == .inserted)
                #expect(try await store.load(user) == record)
                let next = user.record(revision: 2, text: String(repeating: "y", count: size / 2))
                #expect(
                    try await store.update(next, id: user.id, ifStamp: record.stamp, now: TestUser.now) == .updated
                )
                #expect(try await store.load(user) == next)
            }
            #expect(try await store.page(after: nil, limit: 1000, now: TestUser.now).entries.count == sizes.count)
        }
    }

    @Test("P5: a record that is too large is told so before it is sent, and what was there stays")
    func tooLarge() async throws {
        try await Administrator.run { administrator async throws in
            let text = try await administrator.execute("SELECT @@max_allowed_packet").first?.first
            let limit = try #require(text.flatMap { $0 }.flatMap { Int($0) })
            let configuration = TestServers.patient(try TestServers.configuration())
            try await MySQLSessionStore.run(configuration) { store async throws in
                let user = TestUser("a")
                let record = user.record()
                #expect(try await store.insert(record, id: user.id) == .inserted)
                let connection = try await store.connectionID()
                for size in [limit - 100] {
                    let large = user.record(revision: 2, text: String(repeating: "x", count: size))
                    let error = await failure {
                        try await store.update(large, id: user.id, ifStamp: record.stamp, now: TestUser.now)
                    }
                    #expect(error?.code == .recordTooLarge, "\(size): \(error as Any)")
                }
                #expect(try await store.load(user) == record)
                #expect(try await store.connectionID() == connection, "the connection was given up")
            }
        }
    }

    @Test("A record of more than MEDIUMBLOB takes is too large, where the packet would do")
    func tooLargeForColumn() async throws {
        let configuration = TestServers.patient(try TestServers.configuration())
        try await MySQLSessionStore.run(configuration) { store async throws in
            let failure = try await store.withConnection { connection throws(SQLFailure) -> SQLFailure? in
                do throws(SQLFailure) {
                    _ = try connection.query(
                        "INSERT INTO \(configuration.table) VALUES (REPEAT('a', 32), 1, 1, 1, 1, REPEAT('x', 16777216))"
                    )
                    return nil
                } catch {
                    return error
                }
            }
            #expect(failure?.kind == .tooLarge || failure?.kind == .other, "\(failure as Any)")
            #expect(try await store.count(now: TestUser.now) == 0)
        }
    }

    @Test("A session has what the store needs, whatever the server's own settings are")
    func sessionSettings() async throws {
        let configuration = try TestServers.configuration()
        try await MySQLSessionStore.run(configuration) { store async throws in
            let row = try await store.withConnection { connection throws(SQLFailure) in
                try connection.query(
                    """
                    SELECT @@session.autocommit, @@session.sql_mode, @@session.tx_isolation, \
                    @@session.innodb_lock_wait_timeout, @@session.character_set_client
                    """
                ).first ?? []
            }
            #expect(row.first == "1")
            #expect(row[1]?.contains("STRICT_ALL_TABLES") == true)
            #expect(row[2] == "READ-COMMITTED")
            #expect(row[3] == "1")
            #expect(row[4] == "utf8mb4")
        }
    }
}
#endif
