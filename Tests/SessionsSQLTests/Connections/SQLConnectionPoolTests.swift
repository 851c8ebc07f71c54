import Sessions
import SessionsSQL
import Testing

@Suite("A pool of connections")
struct SQLConnectionPoolTests {
    let server = FakeServer()

    @Test("One call after the other shares one connection, which was opened at the first")
    func reuses() async throws {
        let pool = SQLConnectionPool(server)
        #expect(server.counts.opened == 0)
        for number in 1...20 as ClosedRange<Int64> { #expect(try await pool.call(number) == number) }
        #expect(server.counts == .init(opened: 1, closed: 0, executed: 20))
        await pool.shutDown()
    }

    @Test("Calls beside each other get connections of their own, up to the greatest number; the others wait")
    func bounds() async throws {
        let pool = SQLConnectionPool(server, connections: 2)
        server.hold()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...6 as ClosedRange<Int64> {
                group.addTask { _ = try await pool.call(number) }
                await eventually("the call is taken or waits") {
                    server.calls.count == min(Int(number), 2) && pool.waitingCount == max(0, Int(number) - 2)
                }
            }
            #expect(pool.connectionCount == 2)
            server.release()
            try await group.waitForAll()
        }
        #expect(server.counts == .init(opened: 2, closed: 0, executed: 6))
        #expect(Set(server.calls.prefix(2)) == [1, 2])
        await pool.shutDown()
    }

    @Test("So many reads run at a time as may; writes have the other connections")
    func boundsReads() async throws {
        let pool = SQLConnectionPool(server, connections: 3, reads: 1)
        server.hold()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...3 as ClosedRange<Int64> {
                group.addTask { _ = try await pool.call(number, isRead: true) }
                await eventually("the first is taken, the others wait") { pool.waitingCount == Int(number) - 1 }
            }
            for number in 4...5 as ClosedRange<Int64> { group.addTask { _ = try await pool.call(number) } }
            await eventually("the writes are taken") { server.calls.count == 3 }
            #expect(Set(server.calls) == [1, 4, 5])
            #expect(pool.waitingCount == 2)
            server.release()
            try await group.waitForAll()
        }
        #expect(Set(server.calls.suffix(2)) == [2, 3])
        #expect(server.counts.opened == 3)
        await pool.shutDown()
    }

    @Test("Reads that were taken back for want of a connection do not count as running for ever")
    func forgetsReadsThatWereHandedBack() async throws {
        let pool = SQLConnectionPool(server, connections: 4, reads: 2)
        server.setCapacity(1)
        server.hold()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...6 as ClosedRange<Int64> {
                group.addTask { _ = try await pool.call(number, isRead: true) }
            }
            await eventually("one runs, and another was handed back") {
                server.calls.count == 1 && server.turnedAwayCount > 0 && pool.waitingCount == 5
            }
            server.release()
            try await group.waitForAll()
        }
        #expect(server.counts.executed == 6)
        await pool.shutDown()
    }

    @Test("A read that is given up while no connection is to be had makes room for the next one")
    func makesRoomForReads() async throws {
        let pool = SQLConnectionPool(server, connections: 2, reads: 1)
        server.setCapacity(1)
        server.hold()
        async let write = pool.failure(1)
        await eventually("the write runs") { server.calls == [1] }
        server.holdConnections()
        let first = Task { await pool.failure(2, isRead: true) }
        await eventually("the read wants a connection of its own") {
            pool.connectionCount == 2 && pool.waitingCount == 0
        }
        first.cancel()
        #expect(await first.value?.kind == .cancelled)
        async let second = pool.failure(3, isRead: true)
        await eventually("the next read waits") { pool.waitingCount == 1 }
        server.release()
        #expect(await write == nil)
        server.releaseConnections()
        #expect(await second == nil)
        #expect(server.calls == [1, 3])
        await pool.shutDown()
    }

    @Test("A call too many fails at once, and was surely not executed")
    func boundsTheQueue() async throws {
        let pool = SQLConnectionPool(server, connections: 1, waiting: 2)
        server.hold()
        async let first = pool.failure(1)
        await eventually("the first one runs") { server.calls == [1] }
        let failures = await withTaskGroup(of: SQLFailure?.self) { group in
            for number in 2...6 as ClosedRange<Int64> { group.addTask { await pool.failure(number) } }
            // Three of the five find the queue full, whichever these are.
            var failures: [SQLFailure?] = []
            for await failure in group.prefix(3) { failures.append(failure) }
            server.release()
            for await failure in group { failures.append(failure) }
            return failures
        }
        #expect(failures.prefix(3).allSatisfy { $0?.kind == .overloaded && $0?.mayHaveExecuted == false })
        #expect(failures.dropFirst(3).allSatisfy { $0 == nil })
        #expect(await first == nil)
        #expect(server.calls.count == 3)
        await pool.shutDown()
    }

    @Test("A call that waits too long was surely not executed, and is not executed later")
    func timesOutWaiting() async throws {
        let pool = SQLConnectionPool(server, connections: 1)
        server.hold()
        async let first = pool.failure(1)
        await eventually("the first one runs") { server.calls == [1] }
        let late = await pool.failure(2, timeout: .milliseconds(50))
        #expect(late?.kind == .timeout)
        #expect(late?.mayHaveExecuted == false)
        server.release()
        #expect(await first == nil)
        try await pool.call(3)
        #expect(server.calls == [1, 3])
        await pool.shutDown()
    }

    @Test("A call that runs too long may have been executed; its connection is shut and never used again")
    func timesOutRunning() async throws {
        let pool = SQLConnectionPool(server, connections: 1)
        server.hold()
        let late = await pool.failure(1, timeout: .milliseconds(50))
        #expect(late?.kind == .timeout)
        #expect(late?.mayHaveExecuted == true)
        await eventually("the connection is closed") { server.openCount == 0 }
        server.release()
        try await pool.call(2)
        #expect(server.counts == .init(opened: 2, closed: 1, executed: 2))
        await pool.shutDown()
    }

    @Test("A connection that was shut is not used again, not even if the reply came at that moment (CVE-2023-28858)")
    func closesWhatWasShut() async throws {
        let pool = SQLConnectionPool(server, connections: 1)
        server.replyInTheEnd()
        server.hold()
        #expect(await pool.failure(1, timeout: .milliseconds(50))?.kind == .timeout)
        await eventually("the connection is closed") { server.openCount == 0 }
        server.release()
        try await pool.call(2)
        #expect(server.counts == .init(opened: 2, closed: 1, executed: 2))
        await pool.shutDown()
    }

    @Test("Calls that wait are taken in the order in which they came")
    func isFair() async throws {
        let pool = SQLConnectionPool(server, connections: 1)
        server.hold()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...8 as ClosedRange<Int64> {
                group.addTask { _ = try await pool.call(number) }
                await eventually("it is taken or waits") { pool.waitingCount == Int(number) - 1 }
            }
            server.release()
            try await group.waitForAll()
        }
        #expect(server.calls == Array(1...8))
        await pool.shutDown()
    }

    @Test("What nobody waits for is done all the same")
    func begins() async throws {
        let pool = SQLConnectionPool(server)
        pool.begin(timeout: .seconds(20)) { connection throws(SQLFailure) in
            _ = try connection.execute(.update, [.integer(7)])
        }
        await eventually("it is done") { server.calls == [7] }
        await pool.shutDown()
    }

    @Test("A read whose caller goes ends at once, and its connection stays good")
    func cancelsReads() async throws {
        let pool = SQLConnectionPool(server, connections: 1)
        server.hold()
        let running = Task { await pool.failure(1, isRead: true) }
        await eventually("it runs") { server.calls == [1] }
        let waiting = Task { await pool.failure(2, isRead: true) }
        running.cancel()
        waiting.cancel()
        #expect(await running.value?.kind == .cancelled)
        #expect(await waiting.value?.kind == .cancelled)
        server.release()
        #expect(try await pool.call(3, isRead: true) == 3)
        #expect(server.calls == [1, 3])
        #expect(server.counts.opened == 1)
        await pool.shutDown()
    }

    @Test("A read that was cancelled before it began is not executed")
    func cancelledBefore() async throws {
        let pool = SQLConnectionPool(server)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await pool.failure(1, isRead: true)
        }
        #expect(await task.value?.kind == .cancelled)
        #expect(server.calls.isEmpty)
        await pool.shutDown()
    }

    @Test("A write is carried through though its caller goes")
    func carriesWritesThrough() async throws {
        let pool = SQLConnectionPool(server)
        server.hold()
        let task = Task { try await pool.call(1) }
        await eventually("it runs") { server.calls == [1] }
        task.cancel()
        server.release()
        #expect(try await task.value == 1)
        await pool.shutDown()
    }

    @Test("What was surely not executed is done again on another connection; what may have been is reported")
    func triesAgain() async throws {
        let pool = SQLConnectionPool(server)
        server.fail(SQLFailure(.connection, "gone before it was sent", closesConnection: true))
        #expect(try await pool.call(1) == 1)
        #expect(server.calls == [1, 1])
        #expect(server.counts.opened == 2)

        let lost = SQLFailure(.connection, "lost", mayHaveExecuted: true, closesConnection: true)
        server.fail(lost)
        #expect(await pool.failure(2)?.mayHaveExecuted == true)
        #expect(server.calls == [1, 1, 2])

        server.fail(lost)
        #expect(try await pool.call(3, isRead: true) == 3)
        #expect(server.calls == [1, 1, 2, 3, 3])
        await pool.shutDown()
    }

    @Test("Whoever gives way to another one tries again on the same connection, and not for ever")
    func triesAgainAfterContention() async throws {
        let pool = SQLConnectionPool(server)
        let deadlock = SQLFailure(.contention, code: "1213", "deadlock")
        server.fail(deadlock, deadlock)
        #expect(try await pool.call(1) == 1)
        server.fail(deadlock, deadlock, deadlock, deadlock, deadlock)
        #expect(await pool.failure(2)?.kind == .contention)
        #expect(server.counts == .init(opened: 1, closed: 0, executed: 8))
        await pool.shutDown()
    }

    @Test("An idle connection that the server has closed is replaced before anything is sent on it")
    func replacesDeadConnections() async throws {
        let pool = SQLConnectionPool(server)
        try await pool.call(1)
        server.dropConnections()
        try await pool.call(2)
        #expect(server.counts == .init(opened: 2, closed: 1, executed: 2))
        await pool.shutDown()
    }

    @Test("Where one connection finds its server read-only, all are replaced: another server may have taken its place")
    func replacesConnectionsToFormerPrimary() async throws {
        let pool = SQLConnectionPool(server, connections: 3)
        func callBesideEachOther() async throws {
            server.hold()
            let before = server.calls.count
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...3 as ClosedRange<Int64> { group.addTask { try await pool.call(number) } }
                await eventually("all three run") { server.calls.count == before + 3 }
                server.release()
                try await group.waitForAll()
            }
        }
        try await callBesideEachOther()
        #expect(server.counts.opened == 3)
        server.fail(SQLFailure(.readOnly, code: "1290", "read-only", closesConnection: true))
        #expect(try await pool.call(4) == 4)
        #expect(server.counts.opened == 4)
        try await callBesideEachOther()
        #expect(server.counts.opened == 6 && server.counts.closed == 3)
        // Not again and again while no server writes.
        server.fail(SQLFailure(.readOnly, code: "1290", "read-only", closesConnection: true))
        #expect(try await pool.call(5) == 5)
        try await callBesideEachOther()
        #expect(server.counts.opened == 7 && server.counts.closed == 4)
        await pool.shutDown()
    }

    @Test("A connection that is old is replaced")
    func replacesOldConnections() async throws {
        let pool = SQLConnectionPool(server, age: .zero)
        try await pool.call(1)
        try await pool.call(2)
        #expect(server.counts == .init(opened: 2, closed: 1, executed: 2))
        await pool.shutDown()
    }

    @Test("A server that cannot be reached fails calls at once, and is found again when it is back")
    func survivesOutages() async throws {
        let pool = SQLConnectionPool(server)
        server.setUp(false)
        for number in 1...3 as ClosedRange<Int64> {
            let failure = await pool.failure(number)
            #expect(failure?.kind == .connection)
            #expect(failure?.mayHaveExecuted == false)
        }
        server.setUp(true)
        await eventually("it is found again") { await pool.failure(4) == nil }
        await pool.shutDown()
    }

    @Test("Where the server gives no more connections, those do that there are")
    func sharesWhatThereIs() async throws {
        let pool = SQLConnectionPool(server, connections: 8, waiting: 1000)
        server.setCapacity(2)
        let failures = await withTaskGroup(of: SQLFailure?.self) { group in
            for number in 1...200 as ClosedRange<Int64> { group.addTask { await pool.failure(number) } }
            return await group.reduce(into: [SQLFailure]()) { if let failure = $1 { $0.append(failure) } }
        }
        #expect(failures.isEmpty)
        #expect(server.counts.executed == 200 && server.openCount <= 2)
        // It is not asked again and again.
        #expect(server.turnedAwayCount <= 8)
        await pool.shutDown()
    }

    @Test("A call that finds the server full waits for the connection that is just being opened")
    func sharesWhatIsBeingOpened() async throws {
        server.setCapacity(1)
        let server = server
        let pool = SQLConnectionPool(
            limits: .init(connections: 2, waiting: 100, age: .seconds(3600), idle: .seconds(3600)),
            connect: { () throws(SQLFailure) in
                let connection = try server.connect()
                // The server counts it already, and the pool does not have it yet.
                server.waitUntilOneIsTurnedAway()
                return connection
            }
        )
        async let first = pool.failure(1)
        async let second = pool.failure(2)
        let failures = await [first, second]
        #expect(failures.allSatisfy { $0 == nil })
        #expect(Set(server.calls) == [1, 2])
        await pool.shutDown()
    }

    @Test("A server that gives no connection at all fails calls at once")
    func noConnections() async throws {
        let pool = SQLConnectionPool(server)
        server.setCapacity(0)
        let failure = await pool.failure(1)
        #expect(failure?.kind == .tooManyConnections && failure?.mayHaveExecuted == false)
        server.setCapacity(1)
        await eventually("it is found again") { await pool.failure(2) == nil }
        await pool.shutDown()
    }

    @Test("Connections that have been idle for long are closed")
    func closesIdleConnections() async throws {
        let pool = SQLConnectionPool(server, idle: .milliseconds(10))
        try await pool.call(1)
        await eventually("the connection is closed") { server.openCount == 0 && pool.connectionCount == 0 }
        try await pool.call(2)
        #expect(server.counts.opened == 2)
        await pool.shutDown()
    }

    @Test("Shutting down lets calls come to their end, closes everything and takes no more")
    func shutsDown() async throws {
        let pool = SQLConnectionPool(server, connections: 1)
        server.hold()
        async let running = pool.failure(1)
        await eventually("it runs") { server.calls == [1] }
        async let ending: Void = pool.shutDown()
        await eventually("no more is taken") { await pool.failure(9, timeout: .milliseconds(20))?.kind == .shutDown }
        server.release()
        await ending
        #expect(await running == nil)
        #expect(server.openCount == 0)
        #expect(pool.connectionCount == 0)
        await pool.shutDown()
    }

    @Test("A pool that is dropped closes its connections")
    func closesWhenDropped() async throws {
        do {
            let pool = SQLConnectionPool(server)
            try await pool.call(1)
        }
        await eventually("the connection is closed") { server.openCount == 0 }
    }

    @Test("Many calls at once are each answered with their own result")
    func mixesNothingUp() async throws {
        let pool = SQLConnectionPool(server, connections: 8, waiting: 2000)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 1...2000 as ClosedRange<Int64> {
                group.addTask { try await pool.call(number, isRead: number % 3 == 0) == number }
            }
            for try await isOwn in group { #expect(isOwn) }
        }
        #expect(server.counts.executed == 2000)
        #expect(server.counts.opened <= 8)
        await pool.shutDown()
    }
}
