import Sessions

/// The threads of a pool, their connections, and the calls that wait for them.
///
/// The threads hold this and not the pool, so that they do not keep it alive.
///
/// `@unchecked Sendable`: everything mutable is read and written only with `monitor` held.
final class SQLThreads: @unchecked Sendable {
    let limits: SQLConnectionPool.Limits
    let connect: @Sendable () throws(SQLFailure) -> any SQLConnection
    let monitor = Monitor()
    let watcherCondition: Monitor.Condition
    var waiting: SQLCallQueue
    var workers: [Worker] = []
    /// The idle ones, the one that became so last at the end.
    var idle: [Worker] = []
    /// How many workers have a call.
    var busyCount = 0
    /// A worker was woken and has not looked for a call yet. It will take one, and wake the next one if there are more: with
    /// short calls it is often done before another one would have been awake.
    var isWaking = false
    var isWatching = false
    var isWatcherAsleep = false
    var isStopped = false
    /// Connections that were opened before this are not used any more.
    var outdated: ContinuousClock.Instant?
    var lastRefusal: (failure: SQLFailure, at: ContinuousClock.Instant)?
    var afterwards: [UnsafeContinuation<Void, Never>] = []
    /// When another connection may be opened, after the server had none to give.
    var growsAgainAt = ContinuousClock.now

    /// How often it is looked whether a call's time is over.
    static let watchInterval: Int64 = 20
    /// How long after a connection could not be opened the next one is tried.
    static let pause = Duration.milliseconds(50)
    /// How long after the server had no connection to give another one is asked for.
    static let growthPause = Duration.seconds(1)

    /// A thread and its connection.
    ///
    /// `@unchecked Sendable`: everything mutable is read and written only with the monitor held.
    final class Worker: @unchecked Sendable {
        let condition: Monitor.Condition
        var turn: SQLCallQueue.Turn?
        var interruption: (any SQLInterruption)?
        var wasInterrupted = false
        var openedAt = ContinuousClock.now
        var isOutdated = false
        var isWoken = false
        var idleSince = ContinuousClock.now
        var mustEnd = false

        init(_ monitor: Monitor) { condition = Monitor.Condition(monitor) }
    }

    init(
        limits: SQLConnectionPool.Limits,
        connect: @escaping @Sendable () throws(SQLFailure) -> any SQLConnection
    ) {
        self.limits = limits
        self.connect = connect
        waiting = SQLCallQueue(readLimit: limits.reads, changeLimit: limits.changes)
        watcherCondition = Monitor.Condition(monitor)
    }

    var count: Int { monitor.withLock { workers.count } }

    var waitingCount: Int { monitor.withLock { waiting.unansweredCount } }

    // MARK: Calls

    /// - Parameters:
    ///   - changed: What a change gives that was done together with others, and has changed its row.
    ///   - found: What a lookup gives that was done together with others, from its row or from there being none.
    ///   - continuation: Of whoever waits for the result; `nil` where nobody does.
    func submit<Value: Sendable>(
        _ call: SQLCall,
        changed: Value? = nil,
        found: (([SQLValue]?) -> Value)? = nil,
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
        if let changed { call.changed = { continuation?.resume(returning: .success(changed)) } }
        if let found {
            call.found = { row in
                let value = found(row)
                return { continuation?.resume(returning: .success(value)) }
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

    /// Has somebody take the calls that wait: wakes an idle worker, or adds one, which the caller then starts. Called with
    /// the lock held.
    func wakeOrAdd() -> Worker? {
        guard waiting.readyCount > 0, !isWaking else { return nil }
        if let worker = idle.popLast() {
            isWaking = true
            worker.isWoken = true
            worker.condition.signal()
            return nil
        }
        // Those that are neither busy nor idle have just begun or are just done, and look for a call next.
        guard mayGrow, workers.count - busyCount < waiting.readyCount else { return nil }
        let worker = Worker(monitor)
        workers.append(worker)
        return worker
    }

    /// Whether another connection may be opened. Called with the lock held.
    var mayGrow: Bool { workers.isEmpty || workers.count < limits.connections && growsAgainAt <= .now }

    /// The caller has gone.
    func cancel(_ call: SQLCall) {
        monitor.lock()
        let fail = call.answer()
        monitor.unlock()
        // Where it was not submitted yet there is nobody to tell: `submit` will.
        fail?(Self.cancelled)
    }

    static var cancelled: SQLFailure { SQLFailure(.cancelled, "the task was cancelled") }

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
}
