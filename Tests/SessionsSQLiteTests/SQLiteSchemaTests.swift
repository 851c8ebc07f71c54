#if SQLite
import Foundation
import GRDB
import Sessions
import SessionsSQL
import Testing

@testable import SessionsSQLite

@Suite("The tables in SQLite")
struct SQLiteSchemaTests {
    private let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private func execute(_ statements: [String]) throws {
        let queue = try DatabaseQueue(path: folder.database)
        try queue.write { database in
            for statement in statements { try database.execute(sql: statement) }
        }
        try queue.close()
    }

    private func makePrivateFile() {
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
        #expect(FileManager.default.createFile(atPath: folder.database, contents: nil, attributes: attributes))
    }

    /// What a question of one column gives, asked from outside.
    private func value<Value: DatabaseValueConvertible & Sendable>(_ question: String) throws -> Value? {
        let queue = try DatabaseQueue(path: folder.database)
        defer { try? queue.close() }
        return try queue.inDatabase { try Value.fetchOne($0, sql: question) }
    }

    @Test("Ten servers that start at once find or make them, and share them")
    func startsAtOnce() async throws {
        let path = folder.database
        let stores = try await withThrowingTaskGroup(of: SQLiteSessionStore.self) { group in
            for _ in 0..<10 { group.addTask { try await SQLiteSessionStore.open(.init(path: path)) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let id = makeID()
        let record = makeRecord()
        _ = try await stores[0].insert(record, id: id)
        for store in stores {
            #expect(try await store.load(id, now: now) == record)
            await store.shutDown()
        }
    }

    @Test("Who writes to a file that is not in WAL mode yet is waited for")
    func waitsForWAL() throws {
        makePrivateFile()
        var writing = GRDB.Configuration()
        writing.allowsUnsafeTransactions = true
        let writer = try DatabaseQueue(path: folder.database, configuration: writing)
        try writer.inDatabase { try $0.execute(sql: "CREATE TABLE other (id); BEGIN IMMEDIATE") }
        var configuration = GRDB.Configuration()
        configuration.journalMode = .wal
        #expect(throws: SQLFailure.self) {
            try SQLiteConnection.queue(path: folder.database, configuration) { _ in false }
        }
        var waits = 0
        let queue = try SQLiteConnection.queue(path: folder.database, configuration) { attempt in
            waits += 1
            #expect(attempt == 0)
            try? writer.inDatabase { try $0.execute(sql: "ROLLBACK") }
            return true
        }
        #expect(waits == 1)
        #expect(try queue.inDatabase { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
        try writer.close()
        try queue.close()
    }

    @Test("They can be made by somebody else, with the statements that are there to be had")
    func madeByOthers() async throws {
        makePrivateFile()
        try execute(try SQLiteSessionStore.schema(table: "app_sessions"))
        var configuration = SQLiteSessionStore.Configuration(path: folder.database)
        configuration.table = "app_sessions"
        configuration.schema = .expect
        let store = try await SQLiteSessionStore.open(configuration)
        #expect(try await store.insert(makeRecord(), id: makeID()) == .inserted)
        await store.shutDown()
    }

    @Test("Where they must be there and are not, that is an error and nothing is made")
    func expected() async throws {
        var configuration = SQLiteSessionStore.Configuration(path: folder.database)
        configuration.schema = .expect
        let error = await failure { () async throws(SessionStoreError) in
            try await SQLiteSessionStore.open(configuration)
        }
        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains("sessions_schema") == true)
        let count: Int? = try value("SELECT COUNT(*) FROM sqlite_master")
        #expect(count == 0)
    }

    @Test("Those of a later version are refused, and stay as they are")
    func laterVersion() async throws {
        let store = try await SQLiteSessionStore.open(.init(path: folder.database))
        await store.shutDown()
        try execute(["UPDATE sessions_schema SET version = 2"])
        let error = await failure { () async throws(SessionStoreError) in
            try await SQLiteSessionStore.open(.init(path: folder.database))
        }
        #expect(error?.code == .newerFormat)
    }

    @Test("One that is dropped underneath is an outage that names it, and over when it is back")
    func dropped() async throws {
        let store = try await SQLiteSessionStore.open(.init(path: folder.database))
        let id = makeID()
        _ = try await store.insert(makeRecord(), id: id)
        try execute(["DROP TABLE sessions"])
        let error = await failure { () async throws(SessionStoreError) in try await store.load(id, now: now) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("sessions") == true)
        try execute(try SQLiteSessionStore.schema())
        #expect(try await store.load(id, now: now) == nil)
        #expect(try await store.insert(makeRecord(), id: id) == .inserted)
        await store.shutDown()
    }

    @Test("Other tables of the same database are left alone")
    func besideOthers() async throws {
        makePrivateFile()
        try execute(["CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO users VALUES (1, 'Ann')"])
        let store = try await SQLiteSessionStore.open(.init(path: folder.database))
        _ = try await store.insert(makeRecord(), id: makeID())
        await store.shutDown()
        let name: String? = try value("SELECT name FROM users")
        #expect(name == "Ann")
    }
}
#endif
