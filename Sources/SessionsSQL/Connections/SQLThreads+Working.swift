import Sessions

// A thread's life: it takes calls, opens the connection that it needs, and answers.

extension SQLThreads {
    func start(_ worker: Worker) {
        if SystemThread.start({ self.work(worker) }) { return }
        // The system has no thread to give. Others will do the work; without any, nobody would.
        monitor.lock()
        workers.removeAll { $0 === worker }
        var failures: [(SQLFailure) -> Void] = []
        if workers.isEmpty {
            failures = waiting.removeAll()
        }
        let ended = workers.isEmpty && isStopped ? afterwards : []
        monitor.unlock()
        let failure = SQLFailure(.connection, "the system has no thread to give")
        for fail in failures { fail(failure) }
        for continuation in ended { continuation.resume() }
    }

    /// Takes calls until there is nothing to do for long, or the pool has stopped.
    private func work(_ worker: Worker) {
        var connection: (any SQLConnection)?
        var replaceAt = ContinuousClock.now
        while let call = next(worker) {
            if let open = connection, ContinuousClock.now >= replaceAt || worker.isOutdated || !open.isUsable {
                close(open, of: worker)
                connection = nil
            }
            var attempt = 1
            var outcome: Result<SQLCall.Answer, SQLFailure>
            var began: ContinuousClock.Instant
            repeat {
                began = .now
                let open: any SQLConnection
                if let connection {
                    open = connection
                } else {
                    do throws(SQLFailure) { open = try self.open(worker) } catch {
                        if error.kind == .tooManyConnections, handBack(call, worker) { return end(worker) }
                        outcome = .failure(error)
                        break
                    }
                    connection = open
                    // Not all at once.
                    replaceAt = .now + limits.age * Double.random(in: 0.8...1)
                }
                outcome = run(call, on: open)
                if case .failure(let failure) = outcome, failure.closesConnection {
                    if failure.kind == .readOnly { replaceAll() }
                    close(open, of: worker)
                    connection = nil
                }
            } while shouldTryAgain(call, outcome, &attempt, after: .now - began)
            if finish(call, outcome, of: worker), let open = connection {
                close(open, of: worker)
                connection = nil
            }
        }
        if let connection { close(connection, of: worker) }
        end(worker)
    }

    /// The next call, or `nil` if the thread is to end.
    private func next(_ worker: Worker) -> SQLCall? {
        monitor.lock()
        worker.idleSince = .now
        while true {
            if let call = waiting.next() {
                call.phase = .running
                worker.current = call
                worker.isOutdated = outdated.map { worker.openedAt < $0 } ?? false
                busyCount += 1
                let starting = wakeOrAdd()
                monitor.unlock()
                if let starting { start(starting) }
                return call
            }
            guard !isStopped, !worker.mustEnd else {
                monitor.unlock()
                return nil
            }
            idle.append(worker)
            worker.condition.wait()
            // It may have returned without a signal.
            idle.removeAll { $0 === worker }
            if worker.isWoken {
                worker.isWoken = false
                isWaking = false
            }
        }
    }

    private func open(_ worker: Worker) throws(SQLFailure) -> any SQLConnection {
        let recent: SQLFailure? = monitor.withLock {
            guard let lastRefusal, lastRefusal.at + Self.pause > .now else { return nil }
            return lastRefusal.failure
        }
        if let recent { throw recent }
        let began = ContinuousClock.now
        do throws(SQLFailure) {
            let connection = try connect()
            monitor.withLock {
                lastRefusal = nil
                worker.openedAt = began
                worker.interruption = connection.interruption
            }
            return connection
        } catch {
            var failure = error
            // Nothing was asked of the server yet.
            failure.mayHaveExecuted = false
            monitor.withLock { lastRefusal = (failure, .now) }
            throw failure
        }
    }

    /// Where the server gives no more connections, lets those do that there are.
    /// - Returns: Whether there are any, and one of them will take the call.
    private func handBack(_ call: SQLCall, _ worker: Worker) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        guard workers.contains(where: { $0 !== worker && $0.interruption != nil }) else { return false }
        growsAgainAt = .now + Self.growthPause
        worker.current = nil
        busyCount -= 1
        if call.phase == .running {
            call.phase = .waiting
            waiting.putBack(call)
        } else {
            waiting.end(call)
        }
        // No other one is added, since there is none to be had.
        _ = wakeOrAdd()
        return true
    }

    /// Has all connections replaced, each before its next call: their server does not write any more, because another one
    /// does, and what is read there may be old.
    private func replaceAll() {
        monitor.withLock {
            if outdated.map({ $0 + limits.replacement <= .now }) ?? true { outdated = .now }
        }
    }

    private func run(_ call: SQLCall, on connection: any SQLConnection) -> Result<SQLCall.Answer, SQLFailure> {
        // Answered already: its caller has gone, or its time was over while the connection was opened.
        guard let body = monitor.withLock({ call.phase == .running ? call.body : nil }) else {
            return .failure(Self.cancelled)
        }
        return body(connection)
    }

    private func shouldTryAgain(
        _ call: SQLCall,
        _ outcome: Result<SQLCall.Answer, SQLFailure>,
        _ attempt: inout Int,
        after time: Duration
    ) -> Bool {
        // A write not if the next try would be cut off where this one came to an end: a lock that was waited for in vain
        // would turn from "surely not executed" into "nobody knows".
        let end = ContinuousClock.now + (call.isRead ? .zero : time)
        guard case .failure(let failure) = outcome, failure.isTransient, call.isRead || !failure.mayHaveExecuted,
            attempt < 5, end < call.deadline,
            monitor.withLock({ call.phase == .running })
        else { return false }
        // Whoever gave way to another one comes back when that one may be done, and not in step with others.
        if failure.kind == .contention {
            SystemThread.sleep(microseconds: UInt32.random(in: 500...2000) << UInt32(attempt))
        }
        attempt += 1
        return true
    }

    /// Answers the call unless somebody else has.
    /// - Returns: Whether the connection was shut under way and is to be closed.
    private func finish(
        _ call: SQLCall,
        _ outcome: Result<SQLCall.Answer, SQLFailure>,
        of worker: Worker
    ) -> Bool {
        monitor.lock()
        let fail = call.answer()
        worker.current = nil
        busyCount -= 1
        waiting.end(call)
        let wasInterrupted = worker.wasInterrupted
        worker.wasInterrupted = false
        monitor.unlock()
        if let fail {
            switch outcome {
            case .success(let answer): answer()
            case .failure(let failure): fail(failure)
            }
        }
        return wasInterrupted
    }

    private func close(_ connection: any SQLConnection, of worker: Worker) {
        monitor.withLock { worker.interruption = nil }
        connection.close()
    }

    private func end(_ worker: Worker) {
        monitor.lock()
        workers.removeAll { $0 === worker }
        idle.removeAll { $0 === worker }
        // A call may have come between the last look and now, when this worker was counted as one that would take it.
        let successor = waiting.readyCount == 0 || !mayGrow ? nil : Worker(monitor)
        if let successor { workers.append(successor) }
        let ended = workers.isEmpty && isStopped ? afterwards : []
        if !ended.isEmpty { afterwards = [] }
        watcherCondition.signal()
        monitor.unlock()
        if let successor { start(successor) }
        for continuation in ended { continuation.resume() }
    }
}
