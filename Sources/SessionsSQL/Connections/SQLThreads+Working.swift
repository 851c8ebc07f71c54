import Sessions

// A thread's life: it takes calls, and opens the connection that it needs.

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
        while let turn = next(worker) {
            if let open = connection, ContinuousClock.now >= replaceAt || worker.isOutdated || !open.isUsable {
                close(open, of: worker)
                connection = nil
            }
            var attempt = 1
            var outcome: Outcome
            var began: ContinuousClock.Instant
            repeat {
                began = .now
                let open: any SQLConnection
                if let connection {
                    open = connection
                } else {
                    do throws(SQLFailure) { open = try self.open(worker) } catch {
                        if error.kind == .tooManyConnections, handBack(turn, worker) { return end(worker) }
                        outcome = .failure(error)
                        break
                    }
                    connection = open
                    // Not all at once.
                    replaceAt = .now + limits.age * Double.random(in: 0.8...1)
                }
                outcome = run(turn, on: open)
                if case .failure(let failure) = outcome, failure.closesConnection {
                    if failure.kind == .readOnly { replaceAll() }
                    close(open, of: worker)
                    connection = nil
                }
            } while shouldTryAgain(turn, outcome, &attempt, after: .now - began)
            if finish(turn, outcome, of: worker), let open = connection {
                close(open, of: worker)
                connection = nil
            }
        }
        if let connection { close(connection, of: worker) }
        end(worker)
    }

    /// What to do next, or `nil` if the thread is to end.
    private func next(_ worker: Worker) -> SQLCallQueue.Turn? {
        monitor.lock()
        worker.idleSince = .now
        while true {
            if let turn = waiting.next() {
                for call in turn.calls { call.phase = .running }
                worker.turn = turn
                worker.isOutdated = outdated.map { worker.openedAt < $0 } ?? false
                busyCount += 1
                let starting = wakeOrAdd()
                monitor.unlock()
                if let starting { start(starting) }
                return turn
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
                waiting.groupsChanges = connection.executesTogether
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
    /// - Returns: Whether there are any, and one of them will take the calls.
    private func handBack(_ turn: SQLCallQueue.Turn, _ worker: Worker) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        // Who has something to do and no connection is opening one, which counts. If it is turned away as well, its thread
        // is the last one, and says so.
        guard workers.contains(where: { $0 !== worker && ($0.interruption != nil || $0.turn != nil) }) else {
            return false
        }
        growsAgainAt = .now + Self.growthPause
        worker.turn = nil
        busyCount -= 1
        waiting.end(turn)
        putBack(turn.calls)
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
