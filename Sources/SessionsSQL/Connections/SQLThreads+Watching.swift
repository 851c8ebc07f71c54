import Sessions

// The watcher: a thread that ends what has taken too long, and what has had nothing to do for too long.

extension SQLThreads {
    func startWatching() {
        if SystemThread.start({ self.watch() }) { return }
        // Without it calls end when the library's own time is over. The next call tries again.
        monitor.withLock { isWatching = false }
    }

    /// Ends calls whose time is over, and threads that have had nothing to do for long.
    private func watch() {
        monitor.lock()
        while !(isStopped && workers.isEmpty && waiting.isEmpty) {
            let now = ContinuousClock.now
            var late: [(fail: (SQLFailure) -> Void, failure: SQLFailure)] = []
            for fail in waiting.removeLate(at: now) {
                late.append((fail, SQLFailure(.timeout, "no connection became free in time")))
            }
            for worker in workers {
                let calls = worker.turn?.calls.filter { $0.deadline <= now } ?? []
                guard !calls.isEmpty, !worker.wasInterrupted else { continue }
                // Without a connection it has not been sent.
                let failure =
                    worker.interruption != nil
                    ? SQLFailure(.timeout, "no answer in time", mayHaveExecuted: true)
                    : SQLFailure(.timeout, "no connection in time")
                late += calls.compactMap { call in call.answer().map { ($0, failure) } }
                if let interruption = worker.interruption {
                    worker.wasInterrupted = true
                    interruption.interrupt()
                }
            }
            for worker in idle where worker.idleSince + limits.idle <= now {
                worker.mustEnd = true
                worker.condition.signal()
            }
            if !late.isEmpty {
                monitor.unlock()
                for (fail, failure) in late { fail(failure) }
                monitor.lock()
                continue
            }
            if waiting.isEmpty, !workers.contains(where: { $0.turn != nil }) {
                isWatcherAsleep = true
                // Idle threads end to the second. One that has just answered is about to be idle, and wakes nobody for it.
                workers.isEmpty ? watcherCondition.wait() : watcherCondition.wait(milliseconds: 1000)
                isWatcherAsleep = false
            } else {
                watcherCondition.wait(milliseconds: Self.watchInterval)
            }
        }
        isWatching = false
        monitor.unlock()
    }
}
