import DequeModule

/// A few threads for calls that may block, so that they never take one of Swift's shared pool.
///
/// Threads start when there is work for them and end with the executor. Work once handed over is done; cancelling the
/// waiting task does not take it back.
final class BlockingExecutor: Sendable {
    private let state: State

    /// Creates an executor; no thread starts yet.
    init(maximumThreadCount: Int) {
        state = State(maximumThreadCount: max(1, maximumThreadCount))
    }

    deinit {
        // Nobody waits for work any more, since whoever does holds the executor.
        state.stop()
    }

    /// The number of threads that exist now, for tests.
    var threadCount: Int { state.currentThreadCount }

    /// Does the work on a thread of this executor.
    func run<Success: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Success
    ) async throws(Failure) -> Success {
        let result = await withUnsafeContinuation {
            (continuation: UnsafeContinuation<Result<Success, Failure>, Never>) in
            state.submit { continuation.resume(returning: Result(catching: work)) }
        }
        return try result.get()
    }
}

extension BlockingExecutor {
    fileprivate typealias Job = @Sendable () -> Void

    /// What the threads share.
    ///
    /// They hold this and not the executor, so that they do not keep it alive.
    ///
    /// `@unchecked Sendable`: everything mutable is read and written only with `monitor` held.
    fileprivate final class State: @unchecked Sendable {
        private let maximumThreadCount: Int
        private let monitor = Monitor()
        private let condition: Monitor.Condition
        private var queue: Deque<Job> = []
        private var threadCount = 0
        private var idleCount = 0
        /// A thread was woken and has not run yet: it will take work, so waking another one can wait for it.
        private var isWaking = false
        private var isStopped = false

        init(maximumThreadCount: Int) {
            self.maximumThreadCount = maximumThreadCount
            condition = Monitor.Condition(monitor)
        }

        var currentThreadCount: Int { monitor.withLock { threadCount } }

        func submit(_ job: @escaping Job) {
            let action = monitor.withLock {
                queue.append(job)
                return nextAction()
            }
            perform(action)
        }

        func stop() {
            monitor.withLock { isStopped = true }
            condition.broadcast()
        }

        private enum Action { case nothing, wake, start }

        /// Decides, with the mutex held, who takes the waiting work.
        private func nextAction() -> Action {
            if queue.isEmpty || isWaking { return .nothing }
            if idleCount > 0 {
                isWaking = true
                return .wake
            }
            guard threadCount < maximumThreadCount else { return .nothing }
            threadCount += 1
            return .start
        }

        private func perform(_ action: Action) {
            switch action {
            case .nothing: break
            case .wake: condition.signal()
            case .start: startThread()
            }
        }

        /// A thread's life: work while there is some, sleep while there is none.
        private func work() {
            monitor.lock()
            while true {
                if let job = queue.popFirst() {
                    let action = nextAction()
                    monitor.unlock()
                    perform(action)
                    job()
                    monitor.lock()
                } else if isStopped {
                    break
                } else {
                    idleCount += 1
                    condition.wait()
                    idleCount -= 1
                    isWaking = false
                }
            }
            threadCount -= 1
            monitor.unlock()
        }

        private func startThread() {
            if SystemThread.start({ self.work() }) { return }
            // The system has no thread to give. With others running, they will do the work; without, this one has to.
            let jobs: Deque<Job> = monitor.withLock {
                threadCount -= 1
                guard threadCount == 0 else { return [] }
                defer { queue = [] }
                return queue
            }
            for job in jobs { job() }
        }
    }
}
