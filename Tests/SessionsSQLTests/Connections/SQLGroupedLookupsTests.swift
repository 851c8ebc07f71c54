import Sessions
import SessionsSQL
import Testing

@Suite("Rows that are looked for together")
struct SQLGroupedLookupsTests {
    let server = FakeServer()

    /// What became of a lookup.
    enum Outcome: Hashable {
        case found(Int64)
        case missing
        case failed(SQLFailure.Kind)
    }

    private func outcome(
        of number: Int64,
        in pool: SQLConnectionPool,
        _ timeout: Duration = .seconds(20)
    ) async -> Outcome {
        do throws(SQLFailure) {
            return try await pool.look(for: number, timeout: timeout).map(Outcome.found) ?? .missing
        } catch {
            return .failed(error.kind)
        }
    }

    /// Has the only connection busy, has lookups come meanwhile, and lets them go.
    /// - Parameter meanwhile: Done while they wait.
    private func lookups(
        _ numbers: ClosedRange<Int64>,
        in pool: SQLConnectionPool,
        meanwhile: () -> Void = {}
    ) async -> [Int64: Outcome] {
        let busy = await server.occupy(pool)
        return await withTaskGroup(of: (Int64, Outcome).self) { group in
            for number in numbers {
                group.addTask { (number, await outcome(of: number, in: pool)) }
            }
            await eventually("they wait") { pool.waitingCount == numbers.count }
            meanwhile()
            server.release()
            #expect(await busy.value == nil)
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    @Test("Those that wait are one statement, and each has its own row")
    func together() async {
        server.lose([3])
        let pool = SQLConnectionPool(server, connections: 1)
        let outcomes = await lookups(1...6, in: pool)
        #expect(outcomes == [1: .found(1), 2: .found(2), 3: .missing, 4: .found(4), 5: .found(5), 6: .found(6)])
        #expect(server.lookups.map { Set($0) } == [Set(1...6)])
        #expect(server.calls.count == 7)
        await pool.shutDown()
    }

    @Test("One that waits alone is a statement by itself")
    func alone() async {
        let pool = SQLConnectionPool(server, connections: 1)
        #expect(await lookups(1...1, in: pool) == [1: .found(1)])
        #expect(server.lookups.isEmpty && server.calls == [100, 1])
        await pool.shutDown()
    }

    @Test(
        "If it fails together each is looked for by itself, whatever the error was",
        arguments: [
            SQLFailure(.connection, "lost", closesConnection: true),
            SQLFailure(.connection, "lost", mayHaveExecuted: true, closesConnection: true),
            SQLFailure(.schema, "the id of a session is not made of bytes"),
            SQLFailure(.other, "too much at once"),
        ]
    )
    func apart(_ failure: SQLFailure) async {
        let pool = SQLConnectionPool(server, connections: 1)
        let outcomes = await lookups(1...3, in: pool) { server.fail(failure) }
        #expect(outcomes == [1: .found(1), 2: .found(2), 3: .found(3)])
        #expect(server.lookups.count == 1 && server.calls.count == 7)
        await pool.shutDown()
    }

    @Test("Without a connection they fail like any other call")
    func noConnection() async {
        let pool = SQLConnectionPool(server, connections: 1)
        let outcomes = await lookups(1...3, in: pool) {
            server.setUp(false)
            server.dropConnections()
        }
        #expect(outcomes.count == 3 && outcomes.values.allSatisfy { $0 == .failed(.connection) })
        await pool.shutDown()
    }

    @Test("When the time of one is over its statement is given up, and the others are looked for again")
    func timesOut() async throws {
        let pool = SQLConnectionPool(server, connections: 1)
        let busy = await server.occupy(pool)
        async let patient = outcome(of: 1, in: pool)
        async let hasty = outcome(of: 2, in: pool, .seconds(2))
        await eventually("they wait") { pool.waitingCount == 2 }
        server.holdGroups()
        server.release()
        let outcomes = await [patient, hasty]
        #expect(await busy.value == nil)
        #expect(outcomes == [.found(1), .failed(.timeout)])
        #expect(server.counts.opened == 2)
        await pool.shutDown()
    }

    @Test("Who has gone is not waited for, and takes nobody's row along")
    func cancelled() async {
        let pool = SQLConnectionPool(server, connections: 1)
        let busy = await server.occupy(pool)
        let gone = Task { await outcome(of: 1, in: pool) }
        await eventually("it waits") { pool.waitingCount == 1 }
        async let second = outcome(of: 2, in: pool)
        async let third = outcome(of: 3, in: pool)
        await eventually("they wait") { pool.waitingCount == 3 }
        gone.cancel()
        #expect(await gone.value == .failed(.cancelled))
        server.release()
        #expect(await [second, third] == [.found(2), .found(3)])
        #expect(await busy.value == nil)
        await pool.shutDown()
    }

    @Test("Who goes while the statement runs takes nobody's row along either")
    func cancelledUnderWay() async {
        let pool = SQLConnectionPool(server, connections: 1)
        let busy = await server.occupy(pool)
        let gone = Task { await outcome(of: 1, in: pool) }
        async let second = outcome(of: 2, in: pool)
        async let third = outcome(of: 3, in: pool)
        await eventually("they wait") { pool.waitingCount == 3 }
        server.holdGroups()
        server.release()
        await eventually("they are looked for") { !server.lookups.isEmpty && server.waitingCount == 3 }
        gone.cancel()
        #expect(await gone.value == .failed(.cancelled))
        server.releaseGroups()
        #expect(await [second, third] == [.found(2), .found(3)])
        #expect(await busy.value == nil)
        #expect(server.counts.opened == 1)
        await pool.shutDown()
    }

    @Test("Many at once, beside writes and with some that find nothing, are each answered with their own row")
    func mixesNothingUp() async throws {
        let missing = Set((1...2000 as ClosedRange<Int64>).filter { $0 % 37 == 0 })
        server.lose(missing)
        let pool = SQLConnectionPool(server, connections: 4, reads: 2, waiting: 2000)
        await withTaskGroup(of: Bool.self) { group in
            for number in 1...2000 as ClosedRange<Int64> {
                group.addTask {
                    if number % 5 == 0 { return await pool.failure(number) == nil }
                    return await outcome(of: number, in: pool) == (missing.contains(number) ? .missing : .found(number))
                }
            }
            for await isOwn in group { #expect(isOwn) }
        }
        #expect(!server.lookups.isEmpty)
        await pool.shutDown()
    }
}
