import Sessions
import Testing

@testable import SessionsSQL

@Suite("The calls that wait for a connection")
struct SQLCallQueueTests {
    let start = ContinuousClock.now

    private func call(isRead: Bool, after time: Duration = .seconds(1)) -> SQLCall {
        SQLCall(isRead: isRead, deadline: start + time)
    }

    private func run(_ queue: inout SQLCallQueue) -> SQLCall? {
        let call = queue.next()
        call?.phase = .running
        return call
    }

    @Test("Who came first goes first, whether it reads or writes")
    func keepsTheOrder() {
        var queue = SQLCallQueue(readLimit: 8)
        let calls = [true, false, false, true, true, false].map { call(isRead: $0) }
        for call in calls { queue.append(call) }
        #expect(queue.readyCount == 6)
        for call in calls { #expect(run(&queue) === call) }
        #expect(run(&queue) == nil)
    }

    @Test("Reads over the limit let writes pass, and go in their order when others have ended")
    func limitsReads() {
        var queue = SQLCallQueue(readLimit: 2)
        let reads = (0..<4).map { _ in call(isRead: true) }
        for read in reads { queue.append(read) }
        let write = call(isRead: false)
        queue.append(write)
        #expect(queue.readyCount == 3)
        #expect(run(&queue) === reads[0])
        #expect(run(&queue) === reads[1])
        #expect(run(&queue) === write)
        #expect(queue.readyCount == 0)
        #expect(run(&queue) == nil)
        #expect(queue.count == 2)
        queue.end(reads[1])
        queue.end(write)
        #expect(queue.readyCount == 1)
        #expect(run(&queue) === reads[2])
        #expect(run(&queue) == nil)
    }

    @Test("A call that is put back goes first, and does not count as running")
    func putsBack() {
        var queue = SQLCallQueue(readLimit: 1)
        let first = call(isRead: true)
        for call in [first, call(isRead: false), call(isRead: true)] { queue.append(call) }
        #expect(run(&queue) === first)
        first.phase = .waiting
        queue.putBack(first)
        #expect(queue.readyCount == 2)
        #expect(run(&queue) === first)
    }

    @Test("Calls whose time is over are removed, behind others that have more time as well")
    func removesLateOnes() {
        var queue = SQLCallQueue(readLimit: 1)
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
        var queue = SQLCallQueue(readLimit: 1)
        let cancelled = call(isRead: true)
        let read = call(isRead: true)
        queue.append(cancelled)
        queue.append(read)
        cancelled.phase = .answered
        #expect(run(&queue) === read)
        #expect(queue.isEmpty)
    }
}
