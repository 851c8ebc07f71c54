#if SQLite
import Sessions
import Synchronization

/// Waits for another process that writes.
///
/// SQLite's own way waits up to 100 ms between two looks, though a commit takes a fraction of a millisecond; then whoever
/// came last often goes first. These pauses are short, and differ.
final class SQLiteBusyWait: Sendable {
    private let timeout: Duration
    private let began = Mutex(ContinuousClock.now)

    init(timeout: Duration) {
        self.timeout = timeout
    }

    /// Sleeps a while.
    /// - Parameter attempt: How often the same statement has come here before.
    /// - Returns: Whether it is worth looking again.
    func goesOn(attempt: Int) -> Bool {
        let now = ContinuousClock.now
        let began = began.withLock { began in
            if attempt == 0 { began = now }
            return began
        }
        guard now - began < timeout else { return false }
        SystemThread.sleep(microseconds: UInt32.random(in: attempt < 20 ? 50...300 : 300...2000))
        return true
    }
}
#endif
