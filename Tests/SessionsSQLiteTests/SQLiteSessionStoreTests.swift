#if SQLite
import Foundation
import GRDB
import Sessions
import SessionsSQLite
import Synchronization
import Testing

@Suite("The SQLite store")
struct SQLiteSessionStoreTests {
    private let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private func open(
        _ change: (inout SQLiteSessionStore.Configuration) -> Void = { _ in }
    ) async throws -> SQLiteSessionStore {
        var configuration = SQLiteSessionStore.Configuration(path: folder.database)
        change(&configuration)
        return try await SQLiteSessionStore.open(configuration)
    }

    @Test("Ids that a text column would take for the same are different (I5)")
    func ids() async throws {
        let store = try await open()
        var samples: [[UInt8]] = [Array(repeating: 0, count: 32), Array(repeating: 0xFF, count: 32)]
        for byte in UInt8.min ... .max {
            samples.append(Array(repeating: UInt8(ascii: "a"), count: 31) + [byte])
            samples.append([byte] + Array(repeating: UInt8(ascii: " "), count: 31))
        }
        let ids = Set(samples.map(makeID))
        var records: [SessionID: SessionRecord] = [:]
        for id in ids {
            records[id] = makeRecord("\(id)")
            #expect(try await store.insert(try #require(records[id]), id: id) == .inserted)
        }
        for id in ids { #expect(try await store.load(id, now: now) == records[id]) }
        #expect(try await store.count(now: now) == ids.count)
        await store.shutDown()
    }

    @Test("A record of a megabyte comes back as it was")
    func largeRecords() async throws {
        let store = try await open()
        let record = makeRecord(String(repeating: "x", count: 1_000_000))
        let id = makeID()
        _ = try await store.insert(record, id: id)
        #expect(try await store.load(id, now: now) == record)
        await store.shutDown()
    }

    @Test("While another process writes, reads go on, a write waits, and is done when the other is")
    func waitsForOthers() async throws {
        let store = try await open { $0.operationTimeout = .seconds(20) }
        let record = makeRecord()
        let id = makeID()
        _ = try await store.insert(record, id: id)
        let other = try Locker(folder.database)
        try other.lock()
        async let writing = store.delete(id, ifStamp: record.stamp, now: now)
        for _ in 0..<50 { #expect(try await store.load(id, now: now) == record) }
        try other.unlock()
        #expect(try await writing == .deleted)
        await store.shutDown()
    }

    @Test("A write that waits for too long has not been executed")
    func givesUp() async throws {
        let store = try await open { $0.operationTimeout = .seconds(20) }
        let impatient = try await open { $0.operationTimeout = .seconds(1) }
        let record = makeRecord()
        let id = makeID()
        _ = try await store.insert(record, id: id)
        let other = try Locker(folder.database)
        try other.lock()
        let error = await failure { () async throws(SessionStoreError) in
            try await impatient.delete(id, ifStamp: record.stamp, now: now)
        }
        // The pool's clock or SQLite's may be the first; neither may claim that it was done.
        #expect(error?.code == .unavailable || error?.code == .outcomeUnknown)
        try other.unlock()
        #expect(try await store.load(id, now: now) == record)
        // The statement that has failed is good for another time.
        #expect(try await impatient.delete(id, ifStamp: record.stamp, now: now) == .deleted)
        await impatient.shutDown()
        await store.shutDown()
    }

    @Test("Readers beside each other, some of whom go away, get their own sessions and no one else's (T-XTALK)")
    func mixesNothingUp() async throws {
        let store = try await open { $0.operationTimeout = .seconds(20) }
        var ids: [SessionID] = []
        for user in 0..<64 {
            ids.append(makeID())
            _ = try await store.insert(makeRecord("user \(user)"), id: ids[user])
        }
        let wrong = Wrong()
        await withTaskGroup(of: Void.self) { group in
            for user in 0..<64 {
                let id = ids[user]
                group.addTask {
                    for round in 0..<100 {
                        let reading = Task { try await store.load(id, now: now) }
                        if round % 3 == 0 { reading.cancel() }
                        guard let record = try? await reading.value else { continue }
                        if record.values(at: now)[text] != "user \(user)" { wrong.users.withLock { $0.append(user) } }
                    }
                }
            }
        }
        #expect(wrong.users.withLock { $0 } == [])
        await store.shutDown()
    }

    @Test("What is written gets from the log into the database's file while the store is open, and the log stays short")
    func checkpoints() async throws {
        let store = try await open { $0.operationTimeout = .seconds(20) }
        func size(_ ending: String) -> Int {
            let attributes = try? FileManager.default.attributesOfItem(atPath: folder.database + ending)
            return attributes?[.size] as? Int ?? 0
        }
        let value = String(repeating: "x", count: 1000)
        // A tenth of them would do if every checkpoint were done before the next insert.
        var inserts = 0
        while size("") < 2_000_000, inserts < 20_000 {
            _ = try await store.insert(makeRecord(value), id: makeID())
            inserts += 1
        }
        #expect(size("") >= 2_000_000)
        #expect(size("-wal") < 100_000_000)
        await store.shutDown()
    }

    @Test("A store that is dropped lets go of the file")
    func dropped() async throws {
        do {
            let store = try await open()
            _ = try await store.insert(makeRecord(), id: makeID())
            // All connections, that for lists included.
            #expect(try await store.count(now: now) == 1)
            _ = try await store.load(makeID(), now: now)
        }
        // The last connection takes the log with it.
        let log = folder.database + "-wal"
        let deadline = ContinuousClock.now + .seconds(60)
        while FileManager.default.fileExists(atPath: log), ContinuousClock.now < deadline { await Task.yield() }
        #expect(!FileManager.default.fileExists(atPath: log))
    }

    @Test("A store that was shut down says so")
    func shutDown() async throws {
        let store = try await open()
        await store.shutDown()
        let error = await failure { () async throws(SessionStoreError) in try await store.load(makeID(), now: now) }
        #expect(error?.code == .shutDown)
    }

    @Test("Health is that of the tables")
    func health() async throws {
        let store = try await open()
        try await store.checkHealth()
        let queue = try DatabaseQueue(path: folder.database)
        try await queue.write { try $0.execute(sql: "DROP TABLE sessions_schema") }
        let error = await failure { () async throws(SessionStoreError) in try await store.checkHealth() }
        #expect(error?.code == .unavailable)
        await store.shutDown()
    }
}

/// The users who got somebody else's session.
private final class Wrong: Sendable {
    let users = Mutex<[Int]>([])
}

/// Another process's connection, which holds the lock for writing.
private struct Locker {
    private let queue: DatabaseQueue

    init(_ path: String) throws {
        var configuration = GRDB.Configuration()
        configuration.allowsUnsafeTransactions = true
        queue = try DatabaseQueue(path: path, configuration: configuration)
    }

    func lock() throws { try queue.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") } }

    func unlock() throws { try queue.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") } }
}
#endif
