#if SQLite
import Dispatch
import Foundation
import Sessions
import SessionsSQL
import Testing

@testable import SessionsSQLite

@Suite("Changes that the SQLite store commits together", .timeLimit(.minutes(1)))
struct SQLiteGroupedChangesTests {
    private let folder: TestFolder

    init() throws { folder = try TestFolder() }

    /// The bytes of a page in the log.
    private static let frame = 4096 + 24

    private func logByteCount() throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.database + "-wal")
        return try #require(attributes[.size] as? Int)
    }

    /// Updates sessions while the only connection that writes is busy, so that all of them wait.
    private func update(
        _ sessions: [(id: SessionID, stamp: SessionStamp, next: SessionRecord)],
        in store: SQLiteSessionStore
    ) async throws -> [UpdateOutcome] {
        let gate = DispatchSemaphore(value: 0)
        let (beginnings, beginning) = AsyncStream.makeStream(of: Void.self)
        return try await withThrowingTaskGroup(of: (Int, UpdateOutcome)?.self) { group in
            group.addTask {
                try await store.database.write { _ throws(SQLFailure) in
                    beginning.yield()
                    gate.wait()
                }
                return nil
            }
            for await _ in beginnings { break }
            for (index, session) in sessions.enumerated() {
                group.addTask {
                    let outcome = try await store.update(
                        session.next,
                        id: session.id,
                        ifStamp: session.stamp,
                        now: now
                    )
                    return (index, outcome)
                }
            }
            let end = ContinuousClock.now + .seconds(10)
            while store.database.writes.waitingCount < sessions.count, .now < end { await Task.yield() }
            gate.signal()
            var outcomes: [Int: UpdateOutcome] = [:]
            for try await case (let index, let outcome)? in group { outcomes[index] = outcome }
            return sessions.indices.compactMap { outcomes[$0] }
        }
    }

    private func open() async throws -> SQLiteSessionStore {
        var configuration = SQLiteSessionStore.Configuration(path: folder.database)
        configuration.operationTimeout = .seconds(20)
        return try await SQLiteSessionStore.open(configuration)
    }

    private func insertSessions(
        _ count: Int,
        into store: SQLiteSessionStore
    ) async throws -> [(id: SessionID, stamp: SessionStamp, next: SessionRecord)] {
        var sessions: [(id: SessionID, stamp: SessionStamp, next: SessionRecord)] = []
        for number in 0..<count {
            let (id, record) = (makeID(), makeRecord())
            #expect(try await store.insert(record, id: id) == .inserted)
            sessions.append((id, record.stamp, makeRecord("\(number)")))
        }
        return sessions
    }

    @Test("Those that wait for the only writer are written once")
    func together() async throws {
        let store = try await open()
        let sessions = try await insertSessions(9, into: store)
        let before = try logByteCount()
        #expect(try await update(sessions, in: store) == Array(repeating: .updated, count: 9))
        let pages = (try logByteCount() - before) / Self.frame
        #expect(pages > 0 && pages < 9, "each by itself has a page in the log")
        for session in sessions { #expect(try await store.load(session.id, now: now) == session.next) }
        await store.shutDown()
    }

    @Test("One that builds on an old record is told so, and the others are committed all the same")
    func conflict() async throws {
        let store = try await open()
        let sessions = try await insertSessions(9, into: store)
        let newer = makeRecord("newer")
        let old = sessions[5]
        #expect(try await store.update(newer, id: old.id, ifStamp: old.stamp, now: now) == .updated)
        let outcomes = try await update(sessions, in: store)
        for (index, outcome) in outcomes.enumerated() {
            #expect(outcome == (index == 5 ? .conflict(newer) : .updated))
        }
        for (index, session) in sessions.enumerated() {
            #expect(try await store.load(session.id, now: now) == (index == 5 ? newer : session.next))
        }
        await store.shutDown()
    }
}
#endif
