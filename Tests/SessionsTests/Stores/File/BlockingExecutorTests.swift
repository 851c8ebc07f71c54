import Synchronization
import Testing

@testable import Sessions

@Suite("Threads for blocking calls")
struct BlockingExecutorTests {
    @Test("Work is done, and its result and its error come back")
    func results() async throws {
        let executor = BlockingExecutor(maximumThreadCount: 2)
        #expect(executor.threadCount == 0)
        let values = await withTaskGroup(of: Int.self) { group in
            for number in 0..<500 { group.addTask { await executor.run { number } } }
            return await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(values == Set(0..<500))
        await #expect(throws: Failure.self) { try await executor.run { () throws(Failure) in throw Failure() } }
        #expect((1...2).contains(executor.threadCount))
    }

    private struct Failure: Error {}

    @Test("Work that blocks one thread does not keep others from work")
    func blockedThread() async throws {
        let executor = BlockingExecutor(maximumThreadCount: 2)
        let gate = Gate()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await executor.run { gate.wait() } }
            for _ in 0..<100 { await executor.run {} }
            gate.open()
        }
        #expect(gate.isOpen)
    }

    private final class Gate: Sendable {
        private let state = Mutex(false)

        var isOpen: Bool { state.withLock { $0 } }
        func open() { state.withLock { $0 = true } }
        func wait() { while !isOpen { FileSystem.yield() } }
    }
}
