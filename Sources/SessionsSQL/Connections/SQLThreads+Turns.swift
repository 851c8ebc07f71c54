import Sessions

// A turn on a connection: what is done, whether it is done again, and what becomes of the calls.

extension SQLThreads {
    /// What became of a turn.
    enum Outcome {
        /// What hands over the result of each call that has one.
        case answers([(call: SQLCall, answer: SQLCall.Answer)])
        case failure(SQLFailure)
        /// Calls that were to be done together: nothing has been done.
        case apart
    }

    /// Does what a turn consists of, once.
    func run(_ turn: SQLCallQueue.Turn, on connection: any SQLConnection) -> Outcome {
        let (calls, changes, lookups, body) = monitor.withLock {
            // The others were answered already: their callers have gone, or their time was over while the connection was
            // opened.
            let calls = turn.calls.filter { $0.phase == .running }
            let (changes, lookups) =
                calls.count > 1 ? (calls.compactMap(\.change), calls.compactMap(\.lookup)) : ([], [])
            return (calls, changes, lookups, calls.first?.body)
        }
        guard let first = calls.first, let body else { return .failure(Self.cancelled) }
        guard calls.count > 1 else {
            switch body(connection) {
            case .success(let answer): return .answers([(first, answer)])
            case .failure(let failure): return .failure(failure)
            }
        }
        if lookups.count == calls.count { return look(for: lookups, calls, on: connection) }
        guard let statement = changes.first?.statement, changes.count == calls.count else { return .apart }
        // A connection can find out late that it cannot.
        defer {
            if !connection.executesTogether { monitor.withLock { waiting.groupsChanges = false } }
        }
        guard connection.executesTogether else { return .apart }
        do throws(SQLFailure) {
            guard let found = try connection.executeTogether(statement, changes.map(\.values)) else { return .apart }
            let done = zip(calls, found).filter { $0.1 }.map { $0.0 }
            return .answers(monitor.withLock { done.compactMap { call in call.changed.map { (call, $0) } } })
        } catch {
            return .failure(error)
        }
    }

    private func look(for lookups: [SQLLookup], _ calls: [SQLCall], on connection: any SQLConnection) -> Outcome {
        do throws(SQLFailure) {
            let rows = try connection.load(lookups.map(\.key))
            let found = monitor.withLock { calls.map(\.found) }
            var answers: [(call: SQLCall, answer: SQLCall.Answer)] = []
            for (index, call) in calls.enumerated() {
                if let answer = found[index]?(rows[lookups[index].key]) { answers.append((call, answer)) }
            }
            return .answers(answers)
        } catch {
            return .failure(error)
        }
    }

    func shouldTryAgain(
        _ turn: SQLCallQueue.Turn,
        _ outcome: Outcome,
        _ attempt: inout Int,
        after time: Duration
    ) -> Bool {
        // Those that were done together are done again by themselves, if at all.
        guard turn.calls.count == 1, let call = turn.calls.first else { return false }
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

    /// Answers the calls unless somebody else has, or has them done again, each by itself.
    /// - Returns: Whether the connection was shut under way and is to be closed.
    func finish(_ turn: SQLCallQueue.Turn, _ outcome: Outcome, of worker: Worker) -> Bool {
        monitor.lock()
        var starting: Worker?
        var answers: [SQLCall.Answer] = []
        worker.turn = nil
        busyCount -= 1
        waiting.end(turn)
        switch outcome {
        case .answers(let pairs):
            for (call, answer) in pairs where call.answer() != nil { answers.append(answer) }
            // Those that found no row are not answered: each has to learn why.
            starting = doAgain(turn)
        case .failure(let failure) where turn.calls.count == 1 || failure.mayHaveExecuted && !turn.isRead:
            for call in turn.calls {
                if let fail = call.answer() { answers.append { fail(failure) } }
            }
        case .failure, .apart:
            starting = doAgain(turn)
        }
        let wasInterrupted = worker.wasInterrupted
        worker.wasInterrupted = false
        monitor.unlock()
        for answer in answers { answer() }
        if let starting { start(starting) }
        return wasInterrupted
    }

    /// Has those calls of a turn that were not answered wait again, each to be done by itself. Called with the lock held.
    /// - Returns: As `wakeOrAdd()`.
    private func doAgain(_ turn: SQLCallQueue.Turn) -> Worker? {
        let calls = turn.calls.filter { $0.phase == .running }
        guard !calls.isEmpty else { return nil }
        for call in calls { (call.change, call.lookup) = (nil, nil) }
        putBack(calls)
        return wakeOrAdd()
    }

    /// Has calls wait again that were not answered. Called with the lock held.
    func putBack(_ calls: [SQLCall]) {
        for call in calls.reversed() where call.phase == .running {
            call.phase = .waiting
            waiting.putBack(call)
        }
    }
}
