#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A lock for threads that wait for each other. (`Synchronization.Mutex` has nothing to wait on.)
///
/// `@unchecked Sendable`: the mutex is made for being used by many threads, and its memory lives as long as this.
package final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    package init() {
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    package func lock() { pthread_mutex_lock(mutex) }

    package func unlock() { pthread_mutex_unlock(mutex) }

    package func withLock<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        lock()
        defer { unlock() }
        return try body()
    }

    /// What threads wait for, with the monitor's lock held before and after.
    ///
    /// `@unchecked Sendable`: as the monitor itself.
    package final class Condition: @unchecked Sendable {
        private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        private let monitor: Monitor

        package init(_ monitor: Monitor) {
            self.monitor = monitor
            pthread_cond_init(condition, nil)
        }

        deinit {
            pthread_cond_destroy(condition)
            condition.deallocate()
        }

        /// Waits until somebody signals. May return without that.
        package func wait() { pthread_cond_wait(condition, monitor.mutex) }

        /// Waits until somebody signals, or the time is over. May return without either.
        /// - Parameter milliseconds: Up to a day.
        package func wait(milliseconds: Int64) {
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            let nanoseconds = Int64(time.tv_nsec) + milliseconds % 1000 * 1_000_000
            time.tv_sec += Int(milliseconds / 1000 + nanoseconds / 1_000_000_000)
            time.tv_nsec = Int(nanoseconds % 1_000_000_000)
            pthread_cond_timedwait(condition, monitor.mutex, &time)
        }

        /// Wakes one of those who wait.
        package func signal() { pthread_cond_signal(condition) }

        /// Wakes all of those who wait.
        package func broadcast() { pthread_cond_broadcast(condition) }
    }
}

/// A thread of the system's own, for work that blocks.
package enum SystemThread {
    /// Starts a thread that does the work and ends.
    /// - Returns: Whether the system had one to give.
    package static func start(_ work: @escaping @Sendable () -> Void) -> Bool {
        let context = Unmanaged.passRetained(Work(work))
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
        if result != 0 { context.release() }
        return result == 0
    }

    /// Makes the calling thread, which must not be one of Swift's shared pool, wait.
    package static func sleep(microseconds: UInt32) { usleep(microseconds) }

    fileprivate final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}

#if canImport(Darwin)
private func threadMain(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    Unmanaged<SystemThread.Work>.fromOpaque(context).takeRetainedValue().body()
    return nil
}
#else
private func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<SystemThread.Work>.fromOpaque(context).takeRetainedValue().body()
    return nil
}
#endif
