import DequeModule
import Sessions

/// The threads of a pool, their connections, and the calls that wait for them.
///
/// The threads hold this and not the pool, so that they do not keep it alive.
///
/// `@unchecked Sendable`: everything mutable is read and written only with `monitor` held.
final class SQLThreads: @unchecked Sendable {
    private let name: String
    private let limits: SQLConnectionPool.Limits
    private let connect: @Sendable () throws(SQLFailure) -> any SQLConnection
    private let monitor = Monitor()
    private let watcherCondition: Monitor.Condition
    private var waiting: Deque<SQLCall> = []
    private var workers: [Worker] = []
    /// The idle ones, the one that became so last at the end.
    private var idle: [Worker] = []
    /// How many workers have a call.
    private var busyCount = 0
    private var isWatching = false
    private var isWatcherAsleep = false
    private var isStopped = false
    /// Connections that were opened before this are not used any more.
    private var outdated: ContinuousClock.Instant?
    private var lastRefusal: (failure: SQLFailure, at: ContinuousClock.Instant)?
    private var afterwards: [UnsafeContinuation<Void, Never>] = []
    /// When another connection may be opened, after the server had none to give.
    private var growsAgainAt = ContinuousClock.now

    /// How often it is looked whether a call's time is over.
    private static let watchInterval: Int64 = 20
    /// How long after a connection could not be opened the next one is tried.
    private static let pause = Duration.milliseconds(50)
    /// How long after the server had no connection to give another one is asked for.
    private static let growthPause = Duration.seconds(1)
    /// How often all connections are replaced, at most.
    private static let renewalInterval = Duration.seconds(1)

    /// A thread and its connection.
    ///
    /// `@unchecked Sendable`: everything mutable is read and written only with the monitor held.
    private final class Worker: @unchecked Sendable {
        let condition: Monitor.Condition
        var current: SQLCall?
        var interruption: (any SQLInterruption)?
        var wasInterrupted = false
        var openedAt = ContinuousClock.now
        var isOutdated = false
        var idleSince = ContinuousClock.now
        var mustEnd = false

        init(_ monitor: Monitor) { condition = Monitor.Condition(monitor) }
    }

    init(
        name: String,
        limits: SQLConnectionPool.Limits,
        connect: @escaping @Sendable () throws(SQLFailure) -> any SQLConnection
    ) {
        self.name = name
        self.limits = limits
        self.connect = connect
        watcherCondition = Monitor.Condition(monitor)
    }

    var count: Int { monitor.withLock { workers.count } }

    var waitingCount: Int { monitor.withLock { waiting.count { $0.phase == .waiting } } }

    // MARK: Calls

    /// - Parameter continuation: Of whoever waits for the result; `nil` where nobody does.
    func submit<Value: Sendable>(
        _ call: SQLCall,
        _ body: @escaping @Sendable (any SQLConnection) throws(SQLFailure) -> Value,
        _ continuation: UnsafeContinuation<Result<Value, SQLFailure>, Never>?
    ) {
        monitor.lock()
        guard call.phase == .waiting else {
            monitor.unlock()
            continuation?.resume(returning: .failure(Self.cancelled))
            return
        }
        guard !isStopped, waiting.count < limits.waiting else {
            call.phase = .answered
            let failure =
                isStopped
                ? SQLFailure(.shutDown, "the store was shut down")
                : SQLFailure(.overloaded, "\(limits.waiting) calls wait for a connection already")
            monitor.unlock()
            continuation?.resume(returning: .failure(failure))
            return
        }
        call.body = { connection in
            do throws(SQLFailure) {
                let value = try body(connection)
                return .success { continuation?.resume(returning: .success(value)) }
            } catch {
                return .failure(error)
            }
        }
        call.fail = { continuation?.resume(returning: .failure($0)) }
        waiting.append(call)
        let starting = wakeOrAdd()
        if isWatcherAsleep { watcherCondition.signal() }
        let mustWatch = !isWatching
        isWatching = true
        monitor.unlock()
        if let starting { start(starting) }
        if mustWatch { startWatching() }
    }

    /// Wakes an idle worker, or adds one, which the caller then starts.
    private func wakeOrAdd() -> Worker? {
        if let worker = idle.popLast() {
            worker.condition.signal()
            return nil
        }
        // Those that are neither busy nor idle have just begun or are just done, and look for a call next.
        guard mayGrow, workers.count - busyCount < waiting.count else { return nil }
        let worker = Worker(monitor)
        workers.append(worker)
        return worker
    }

    /// Whether another connection may be opened. Called with the lock held.
    private var mayGrow: Bool { workers.isEmpty || workers.count < limits.connections && growsAgainAt <= .now }

    /// The caller has gone.
    func cancel(_ call: SQLCall) {
        monitor.lock()
        let fail = call.answer()
        monitor.unlock()
        // Where it was not submitted yet there is nobody to tell: `submit` will.
        fail?(Self.cancelled)
    }

    private static var cancelled: SQLFailure { SQLFailure(.cancelled, "the task was cancelled") }

    // MARK: Ending

    /// Takes no more calls. Those that run or wait come to their end.
    func stop() {
        monitor.lock()
        isStopped = true
        for worker in idle { worker.condition.signal() }
        idle = []
        watcherCondition.signal()
        monitor.unlock()
    }

    func shutDown() async {
        stop()
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let isOver = monitor.withLock {
                if !workers.isEmpty { afterwards.append(continuation) }
                return workers.isEmpty
            }
            if isOver { continuation.resume() }
        }
    }

    // MARK: A thread's life

    private func start(_ worker: Worker) {
        if SystemThread.start({ self.work(worker) }) { return }
        // The system has no thread to give. Others will do the work; without any, nobody would.
        monitor.lock()
        workers.removeAll { $0 === worker }
        var failures: [(SQLFailure) -> Void] = []
        if workers.isEmpty {
            failures = waiting.compactMap { $0.answer() }
            waiting = []
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
                if connection == nil {
                    do throws(SQLFailure) {
                        connection = try open(worker)
                        // Not all at once.
                        replaceAt = .now + limits.age * Double.random(in: 0.8...1)
                    } catch {
                        if error.kind == .tooManyConnections, handBack(call, worker) { return end(worker) }
                        outcome = .failure(error)
                        break
                    }
                }
                guard let open = connection else { preconditionFailure("it was opened above") }
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
        defer { monitor.unlock() }
        worker.idleSince = .now
        while true {
            while let call = waiting.popFirst() {
                guard call.phase == .waiting else { continue }
                call.phase = .running
                worker.current = call
                worker.isOutdated = outdated.map { worker.openedAt < $0 } ?? false
                busyCount += 1
                return call
            }
            if isStopped || worker.mustEnd { return nil }
            idle.append(worker)
            worker.condition.wait()
            // It may have returned without a signal.
            idle.removeAll { $0 === worker }
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
        guard call.phase == .running else { return true }
        call.phase = .waiting
        waiting.prepend(call)
        idle.popLast()?.condition.signal()
        return true
    }

    /// Has all connections replaced, each before its next call: their server does not write any more, because another one
    /// does, and what is read there may be old.
    private func replaceAll() {
        monitor.withLock {
            if outdated.map({ $0 + Self.renewalInterval <= .now }) ?? true { outdated = .now }
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
        let successor = waiting.isEmpty || !mayGrow ? nil : Worker(monitor)
        if let successor { workers.append(successor) }
        let ended = workers.isEmpty && isStopped ? afterwards : []
        if !ended.isEmpty { afterwards = [] }
        watcherCondition.signal()
        monitor.unlock()
        if let successor { start(successor) }
        for continuation in ended { continuation.resume() }
    }

    // MARK: The watcher

    private func startWatching() {
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
            while let call = waiting.first, call.phase == .answered || call.deadline <= now {
                waiting.removeFirst()
                if let fail = call.answer() {
                    late.append((fail, SQLFailure(.timeout, "no connection became free in time")))
                }
            }
            for worker in workers {
                guard let call = worker.current, call.deadline <= now, !worker.wasInterrupted else { continue }
                // Without a connection it has not been sent.
                let wasSent = worker.interruption != nil
                if let fail = call.answer() {
                    let failure =
                        wasSent
                        ? SQLFailure(.timeout, "no answer in time", mayHaveExecuted: true)
                        : SQLFailure(.timeout, "no connection in time")
                    late.append((fail, failure))
                }
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
            if waiting.isEmpty, !workers.contains(where: { $0.current != nil }) {
                isWatcherAsleep = true
                // Idle threads end to the second.
                idle.isEmpty ? watcherCondition.wait() : watcherCondition.wait(milliseconds: 1000)
                isWatcherAsleep = false
            } else {
                watcherCondition.wait(milliseconds: Self.watchInterval)
            }
        }
        isWatching = false
        monitor.unlock()
    }
}
