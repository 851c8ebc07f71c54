import Sessions
import SessionsSQL
import Testing

@Suite("Changes that are committed together")
struct SQLGroupedChangesTests {
    let server = FakeServer()

    /// What became of a change.
    enum Outcome: Hashable {
        case changed, missing
        case failed(SQLFailure.Kind, mayHaveExecuted: Bool)
    }

    /// Has the only connection busy with another write, has changes come meanwhile, and lets them go.
    /// - Parameter meanwhile: Done while they wait.
    private func changes(
        _ numbers: ClosedRange<Int64>,
        in pool: SQLConnectionPool,
        timeout: Duration = .seconds(20),
        meanwhile: () -> Void = {}
    ) async -> [Int64: Outcome] {
        let busy = await server.occupy(pool)
        return await withTaskGroup(of: (Int64, Outcome).self) { group in
            for number in numbers {
                group.addTask {
                    do throws(SQLFailure) {
                        return (number, try await pool.change(number, timeout: timeout) ? .changed : .missing)
                    } catch {
                        return (number, .failed(error.kind, mayHaveExecuted: error.mayHaveExecuted))
                    }
                }
            }
            await eventually("they wait") { pool.waitingCount == numbers.count }
            meanwhile()
            server.release()
            #expect(await busy.value == nil)
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    private func pool() async throws -> SQLConnectionPool {
        let pool = SQLConnectionPool(server, connections: 1)
        // So that it is known what the connection can do.
        try await pool.call(99)
        return pool
    }

    @Test("Those that wait share one transaction, and each has its own answer")
    func together() async throws {
        server.groupChanges()
        let pool = try await pool()
        let outcomes = await changes(1...6, in: pool)
        #expect(outcomes.count == 6 && outcomes.values.allSatisfy { $0 == .changed })
        #expect(server.groups == [Array(1...6)])
        #expect(server.calls == [99, 100] + Array(1...6))
        await pool.shutDown()
    }

    @Test("One that waits alone is executed by itself")
    func alone() async throws {
        server.groupChanges()
        let pool = try await pool()
        #expect(await changes(1...1, in: pool) == [1: .changed])
        #expect(server.groups.isEmpty && server.calls == [99, 100, 1])
        await pool.shutDown()
    }

    @Test("A connection that cannot do so executes each by itself")
    func notOffered() async throws {
        let pool = try await pool()
        let outcomes = await changes(1...3, in: pool)
        #expect(outcomes.values.allSatisfy { $0 == .changed } && server.groups.isEmpty)
        #expect(Set(server.calls.suffix(3)) == [1, 2, 3])
        await pool.shutDown()
    }

    @Test("One that does not find its row is executed by itself, to learn why; the others are done")
    func missing() async throws {
        server.groupChanges(missing: [2])
        let pool = try await pool()
        #expect(await changes(1...3, in: pool) == [1: .changed, 2: .missing, 3: .changed])
        #expect(server.groups == [[1, 2, 3]])
        #expect(server.calls == [99, 100, 1, 2, 3, 2])
        await pool.shutDown()
    }

    @Test("Where one that does not find its row takes back all of them, each is executed by itself")
    func allOrNothing() async throws {
        server.groupChanges(missing: [2], allOrNothing: true)
        let pool = try await pool()
        #expect(await changes(1...3, in: pool) == [1: .changed, 2: .missing, 3: .changed])
        #expect(server.groups == [[1, 2, 3]])
        #expect(server.calls.count == 8, "each once more, and no further time")
        await pool.shutDown()
    }

    @Test(
        "An error that surely takes back all of them has each executed by itself",
        arguments: [
            SQLFailure(.contention, code: "1205", "locked"),
            SQLFailure(.duplicateKey, code: "1062", "there is one"),
            SQLFailure(.other, "not supported"),
            SQLFailure(.connection, "lost before the commit", closesConnection: true),
        ]
    )
    func takenBack(_ failure: SQLFailure) async throws {
        server.groupChanges()
        let pool = try await pool()
        let outcomes = await changes(1...3, in: pool) { server.fail(failure) }
        #expect(outcomes.values.allSatisfy { $0 == .changed })
        #expect(server.groups == [[1, 2, 3]])
        #expect(server.calls.count == 8)
        #expect(server.counts.opened == (failure.closesConnection ? 2 : 1))
        await pool.shutDown()
    }

    @Test("If nobody knows whether they were committed, all of them are told so, and none is executed again")
    func outcomeUnknown() async throws {
        server.groupChanges()
        let pool = try await pool()
        let lost = SQLFailure(.connection, "no answer to the commit", mayHaveExecuted: true, closesConnection: true)
        let outcomes = await changes(1...3, in: pool) { server.fail(lost) }
        #expect(outcomes.count == 3)
        #expect(outcomes.values.allSatisfy { $0 == .failed(.connection, mayHaveExecuted: true) })
        #expect(server.calls == [99, 100, 1, 2, 3])
        await pool.shutDown()
    }

    @Test("When the time of one is over, the connection is shut, and none of them waits longer or is executed again")
    func timesOut() async throws {
        server.groupChanges()
        let pool = SQLConnectionPool(server, connections: 1)
        try await pool.call(99)
        let busy = await server.occupy(pool)
        async let patient = pool.failure(change: 1, timeout: .seconds(20))
        async let hasty = pool.failure(change: 2, timeout: .seconds(2))
        await eventually("they wait") { pool.waitingCount == 2 }
        server.holdGroups()
        server.release()
        let failures = await [patient, hasty]
        #expect(await busy.value == nil)
        #expect(failures.allSatisfy { $0?.kind == .timeout && $0?.mayHaveExecuted == true })
        #expect(server.calls == [99, 100, 1, 2])
        await eventually("the connection is closed") { server.openCount == 0 }
        await pool.shutDown()
    }

    @Test("Without a connection they fail like any other call, and are surely not executed")
    func noConnection() async throws {
        server.groupChanges()
        let pool = try await pool()
        let outcomes = await changes(1...3, in: pool) {
            server.setUp(false)
            server.dropConnections()
        }
        #expect(outcomes.count == 3)
        #expect(outcomes.values.allSatisfy { $0 == .failed(.connection, mayHaveExecuted: false) })
        #expect(server.calls == [99, 100])
        await pool.shutDown()
    }

    @Test("Many at once, some of the same rows and some that find none, are each answered with what became of them")
    func mixesNothingUp() async throws {
        let missing = Set((1...2000 as ClosedRange<Int64>).filter { $0 % 37 == 0 })
        server.groupChanges(missing: missing)
        let pool = SQLConnectionPool(server, connections: 8, changes: 2, waiting: 2000)
        try await pool.call(99)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 1...2000 as ClosedRange<Int64> {
                let statement = number % 5 == 0 ? SQLStatement.touch : .update
                group.addTask {
                    try await pool.change(number, statement, row: UInt8(number % 50)) == !missing.contains(number)
                }
            }
            for try await isOwn in group { #expect(isOwn) }
        }
        #expect(!server.groups.isEmpty)
        #expect(server.groups.allSatisfy { Set($0.map { $0 % 50 }).count == $0.count })
        await pool.shutDown()
    }
}
