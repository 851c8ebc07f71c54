import Sessions
import Testing

@testable import SessionsSQL

@Suite("The calls that wait for a connection")
struct SQLCallQueueTests {
    let start = ContinuousClock.now

    private func call(isRead: Bool, after time: Duration = .seconds(1)) -> SQLCall {
        SQLCall(isRead: isRead, deadline: start + time)
    }

    private func change(_ key: UInt8, _ statement: SQLStatement = .update) -> SQLCall {
        SQLCall(isRead: false, change: SQLChange(statement, [], key: [key]), deadline: start + .seconds(1))
    }

    private func lookup(_ key: UInt8) -> SQLCall {
        SQLCall(isRead: true, lookup: SQLLookup([key]), deadline: start + .seconds(1))
    }

    private func queue(reads: Int = 8, changes: Int = 8, groupsChanges: Bool = false) -> SQLCallQueue {
        var queue = SQLCallQueue(readLimit: reads, changeLimit: changes)
        queue.groupsChanges = groupsChanges
        return queue
    }

    private func take(_ queue: inout SQLCallQueue) -> SQLCallQueue.Turn? {
        let turn = queue.next()
        for call in turn?.calls ?? [] { call.phase = .running }
        return turn
    }

    /// Takes a turn that is one call.
    private func run(_ queue: inout SQLCallQueue) -> SQLCall? {
        let turn = take(&queue)
        #expect(turn?.calls.count ?? 1 == 1)
        return turn?.calls.first
    }

    @Test("Who came first goes first, whether it reads, writes or changes a row")
    func keepsTheOrder() {
        var queue = queue()
        let calls = [call(isRead: true), call(isRead: false), change(1), change(2), call(isRead: true)]
        for call in calls { queue.append(call) }
        #expect(queue.readyCount == 5)
        for call in calls { #expect(run(&queue) === call) }
        #expect(run(&queue) == nil)
    }

    @Test("Reads over the limit let writes pass, and go in their order when others have ended")
    func limitsReads() throws {
        var queue = queue(reads: 2)
        let reads = (0..<4).map { _ in call(isRead: true) }
        for read in reads { queue.append(read) }
        let write = call(isRead: false)
        queue.append(write)
        #expect(queue.readyCount == 3)
        let first = try #require(take(&queue))
        #expect(first.calls.first === reads[0])
        #expect(run(&queue) === reads[1])
        let third = try #require(take(&queue))
        #expect(third.calls.first === write)
        #expect(queue.readyCount == 0)
        #expect(run(&queue) == nil)
        #expect(queue.count == 2)
        queue.end(first)
        queue.end(third)
        #expect(queue.readyCount == 1)
        #expect(run(&queue) === reads[2])
        #expect(run(&queue) == nil)
    }

    @Test("A call that is put back goes first, and does not count as running")
    func putsBack() throws {
        var queue = queue(reads: 1)
        let first = call(isRead: true)
        for call in [first, call(isRead: false), call(isRead: true)] { queue.append(call) }
        let turn = try #require(take(&queue))
        #expect(turn.calls.first === first)
        first.phase = .waiting
        queue.end(turn)
        queue.putBack(first)
        #expect(queue.readyCount == 2)
        #expect(run(&queue) === first)
    }

    @Test("Changes that wait are one turn, in the order of their rows; other statements and the same row have others")
    func groupsChanges() throws {
        var queue = queue(groupsChanges: true)
        let (third, first, deletion, again, second) = (change(3), change(1), change(4, .delete), change(3), change(2))
        for call in [third, first, deletion, again, second] { queue.append(call) }
        let turn = try #require(take(&queue))
        #expect(turn.calls.map(ObjectIdentifier.init) == [first, second, third].map(ObjectIdentifier.init))
        #expect(run(&queue) === deletion)
        #expect(run(&queue) === again)
        #expect(queue.isEmpty)
    }

    @Test("A turn has as many changes as may share a transaction, and not those that have their answer")
    func limitsGroups() throws {
        var queue = queue(groupsChanges: true)
        let calls = (0..<UInt8(SQLChange.groupLimit + 5)).map { change($0) }
        for call in calls { queue.append(call) }
        calls[3].phase = .answered
        let turn = try #require(take(&queue))
        #expect(turn.calls.count == SQLChange.groupLimit)
        #expect(!turn.calls.contains { $0 === calls[3] })
        #expect(try #require(take(&queue)).calls.count == 4)
    }

    @Test("Lookups that wait right behind each other are one turn, and another read has one of its own")
    func groupsLookups() throws {
        var queue = queue()
        let calls = [lookup(1), lookup(1), lookup(2), call(isRead: true), lookup(3)]
        for call in calls { queue.append(call) }
        let turn = try #require(take(&queue))
        #expect(turn.calls.map(ObjectIdentifier.init) == calls[...2].map(ObjectIdentifier.init))
        #expect(run(&queue) === calls[3])
        #expect(run(&queue) === calls[4])
        #expect(queue.isEmpty)
    }

    @Test("A turn has as many lookups as one statement has room for, and not those that have their answer")
    func limitsLookups() throws {
        var queue = queue()
        let calls = (0..<UInt8(SQLLookup.groupLimit + 3)).map { lookup($0) }
        for call in calls { queue.append(call) }
        for call in calls[2...3] { _ = call.answer() }
        var turns: [SQLCallQueue.Turn] = []
        while let turn = take(&queue) { turns.append(turn) }
        #expect(turns.allSatisfy { $0.calls.count <= SQLLookup.groupLimit })
        let taken = turns.flatMap(\.calls).map(ObjectIdentifier.init)
        #expect(taken == (calls[..<2] + calls[4...]).map(ObjectIdentifier.init))
    }

    @Test("Statements that look for several rows count as reads, each as one")
    func limitsLookupTurns() throws {
        var queue = queue(reads: 1)
        queue.append(lookup(1))
        let turn = try #require(take(&queue))
        for key in [2, 3] as [UInt8] { queue.append(lookup(key)) }
        let apart = call(isRead: true)
        queue.append(apart)
        #expect(queue.readyCount == 0 && take(&queue) == nil)
        queue.end(turn)
        let second = try #require(take(&queue))
        #expect(second.calls.count == 2 && take(&queue) == nil)
        queue.end(second)
        #expect(run(&queue) === apart)
    }

    @Test("While as many transactions run as may, changes gather and others pass; a change by itself passes as well")
    func limitsTransactions() throws {
        var queue = queue(changes: 1, groupsChanges: true)
        queue.append(change(1))
        let turn = try #require(take(&queue))
        for key in [2, 3] as [UInt8] { queue.append(change(key)) }
        let apart = change(4)
        apart.change = nil
        queue.append(apart)
        let read = call(isRead: true)
        queue.append(read)
        #expect(queue.readyCount == 2)
        #expect(run(&queue) === apart)
        #expect(run(&queue) === read)
        #expect(run(&queue) == nil)
        queue.end(turn)
        #expect(queue.readyCount == 1)
        #expect(try #require(take(&queue)).calls.count == 2)
    }

    @Test("Calls whose time is over are removed, behind others that have more time as well")
    func removesLateOnes() {
        var queue = queue(reads: 1)
        let patient = call(isRead: true, after: .seconds(30))
        let late = call(isRead: true, after: .milliseconds(10))
        let answered = call(isRead: false)
        let other = call(isRead: false)
        late.fail = { _ in }
        for call in [patient, late, answered, other] { queue.append(call) }
        answered.phase = .answered
        #expect(queue.unansweredCount == 3)
        #expect(queue.removeLate(at: start + .milliseconds(20)).count == 1)
        #expect(late.phase == .answered)
        #expect(queue.count == 2)
        #expect(run(&queue) === patient)
        #expect(run(&queue) === other)
    }

    @Test("Calls that have their answer already are passed over, and do not count as reads that run")
    func passesOverAnsweredOnes() {
        var queue = queue(reads: 1)
        let cancelled = call(isRead: true)
        let read = call(isRead: true)
        queue.append(cancelled)
        queue.append(read)
        cancelled.phase = .answered
        #expect(run(&queue) === read)
        #expect(queue.isEmpty)
    }
}
