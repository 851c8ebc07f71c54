import DequeModule

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

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
    /// `@unchecked Sendable`: everything mutable is read and written only between `pthread_mutex_lock` and
    /// `pthread_mutex_unlock` of `mutex`. (`Synchronization.Mutex` has no condition variable to wait on.)
    fileprivate final class State: @unchecked Sendable {
        private let maximumThreadCount: Int
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        private var queue: Deque<Job> = []
        private var threadCount = 0
        private var idleCount = 0
        /// A thread was woken and has not run yet: it will take work, so waking another one can wait for it.
        private var isWaking = false
        private var isStopped = false

        init(maximumThreadCount: Int) {
            self.maximumThreadCount = maximumThreadCount
            pthread_mutex_init(mutex, nil)
            pthread_cond_init(condition, nil)
        }

        deinit {
            pthread_cond_destroy(condition)
            pthread_mutex_destroy(mutex)
            condition.deallocate()
            mutex.deallocate()
        }

        var currentThreadCount: Int {
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            return threadCount
        }

        func submit(_ job: @escaping Job) {
            pthread_mutex_lock(mutex)
            queue.append(job)
            let action = nextAction()
            pthread_mutex_unlock(mutex)
            perform(action)
        }

        func stop() {
            pthread_mutex_lock(mutex)
            isStopped = true
            pthread_mutex_unlock(mutex)
            pthread_cond_broadcast(condition)
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
            case .wake: pthread_cond_signal(condition)
            case .start: startThread()
            }
        }

        /// A thread's life: work while there is some, sleep while there is none.
        fileprivate func work() {
            pthread_mutex_lock(mutex)
            while true {
                if let job = queue.popFirst() {
                    let action = nextAction()
                    pthread_mutex_unlock(mutex)
                    perform(action)
                    job()
                    pthread_mutex_lock(mutex)
                } else if isStopped {
                    break
                } else {
                    idleCount += 1
                    pthread_cond_wait(condition, mutex)
                    idleCount -= 1
                    isWaking = false
                }
            }
            threadCount -= 1
            pthread_mutex_unlock(mutex)
        }

        private func startThread() {
            let context = Unmanaged.passRetained(self)
            var attributes = pthread_attr_t()
            pthread_attr_init(&attributes)
            pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
            defer { pthread_attr_destroy(&attributes) }
            #if canImport(Darwin)
            var thread: pthread_t?
            let result = pthread_create(&thread, &attributes, { threadMain($0) }, context.toOpaque())
            #else
            var thread = pthread_t()
            let result = pthread_create(&thread, &attributes, { threadMain($0) }, context.toOpaque())
            #endif
            guard result != 0 else { return }
            // The system has no thread to give. With others running, they will do the work; without, this one has to.
            context.release()
            pthread_mutex_lock(mutex)
            threadCount -= 1
            let isAlone = threadCount == 0
            let jobs = isAlone ? queue : []
            if isAlone { queue = [] }
            pthread_mutex_unlock(mutex)
            for job in jobs { job() }
        }
    }
}

#if canImport(Darwin)
private func threadMain(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    Unmanaged<BlockingExecutor.State>.fromOpaque(context).takeRetainedValue().work()
    return nil
}
#else
private func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<BlockingExecutor.State>.fromOpaque(context).takeRetainedValue().work()
    return nil
}
#endif
