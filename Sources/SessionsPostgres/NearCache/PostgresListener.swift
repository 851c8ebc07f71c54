#if PostgreSQL
import CPostgres
import Logging
import Sessions
import SessionsSQL

/// The connection that hears what other sessions change, on a thread of its own.
///
/// `@unchecked Sendable`: everything mutable is read and written only with `monitor` held.
final class PostgresListener: @unchecked Sendable {
    /// How often the server is asked whether it is there.
    static let pingInterval = Duration.milliseconds(500)
    /// How long an answer may take, after which the connection is given up.
    private static let patience = Duration.seconds(2)

    private let cache: PostgresNearCache
    private let servers: PostgresServers
    private let announcements: PostgresAnnouncements
    private let logger: Logger
    private let monitor = Monitor()
    private let wakeUp: Monitor.Condition
    private var socket: WatchedSocket?
    private var isStopped = false
    private var isRunning = false
    private var afterwards: [UnsafeContinuation<Void, Never>] = []

    init(
        _ cache: PostgresNearCache,
        servers: PostgresServers,
        announcements: PostgresAnnouncements,
        logger: Logger
    ) {
        self.cache = cache
        self.servers = servers
        self.announcements = announcements
        self.logger = logger
        wakeUp = Monitor.Condition(monitor)
    }

    // MARK: From any thread

    func start() {
        let mustStart = monitor.withLock {
            defer { isRunning = true }
            return !isRunning && !isStopped
        }
        guard mustStart else { return }
        if SystemThread.start({ self.work() }) { return }
        logger.warning("the near cache is off: the system has no thread to give")
        monitor.withLock { isRunning = false }
    }

    /// Has it look for the server anew.
    func reconnect() { monitor.withLock { socket }?.interrupt() }

    /// Ends it.
    func stop() {
        let socket = monitor.withLock {
            isStopped = true
            wakeUp.signal()
            return self.socket
        }
        socket?.interrupt()
    }

    /// Ends it, and returns when its connection is closed.
    func shutDown() async {
        stop()
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let isOver = monitor.withLock {
                if isRunning { afterwards.append(continuation) }
                return !isRunning
            }
            if isOver { continuation.resume() }
        }
    }

    // MARK: Its thread

    private func work() {
        var failures = 0
        while !monitor.withLock({ isStopped }) {
            do throws(SQLFailure) {
                let link = try servers.connect()
                defer {
                    monitor.withLock { socket = nil }
                    cache.lost()
                    link.close()
                }
                monitor.withLock { socket = link.socket }
                try listen(link)
                failures = 0
                try serve(link)
            } catch {
                if !monitor.withLock({ isStopped }), failures == 0 {
                    logger.warning(
                        "the near cache is empty until the server can be heard again",
                        metadata: ["reason": "\(error.message)"]
                    )
                }
                failures += 1
            }
            pause(failures)
        }
        let ended = monitor.withLock {
            isRunning = false
            defer { afterwards = [] }
            return afterwards
        }
        for continuation in ended { continuation.resume() }
    }

    /// Waits before the next attempt, up to two seconds and not in step with others.
    private func pause(_ failures: Int) {
        let longest = min(50 << min(failures, 6), 2000)
        monitor.withLock {
            if !isStopped { wakeUp.wait(milliseconds: Int64.random(in: Int64(longest / 2)...Int64(longest))) }
        }
    }

    private func listen(_ link: PostgresLink) throws(SQLFailure) {
        let server = try link.serverIdentity()
        // Whatever is committed after this statement is heard of.
        try link.query("LISTEN \(announcements.channel)")
        cache.listens(to: server)
        logger.debug("the near cache hears of changes", metadata: ["server": "\(link.server)"])
    }

    /// Passes on what is announced, and pings, until the connection is lost or the server writes no more.
    private func serve(_ link: PostgresLink) throws(SQLFailure) {
        var nextPing = ContinuousClock.now
        var sentAt: ContinuousClock.Instant?
        while !monitor.withLock({ isStopped }) {
            let now = ContinuousClock.now
            if let sent = sentAt, now > sent + Self.patience {
                throw SQLFailure(.timeout, "no answer in time", closesConnection: true)
            }
            if sentAt == nil, nextPing <= now {
                sentAt = now
                nextPing = now + Self.pingInterval
                // Which also tells of a replica, of a primary that was replaced, and of a trigger that was dropped.
                try link.send(announcements.state)
            }
            let end = sentAt.map { $0 + Self.patience } ?? nextPing
            if try link.waitForInput(milliseconds: end.millisecondsAhead), let sent = sentAt, !link.isBusy {
                let answer = link.answer()
                if let failure = answer.failure { throw failure }
                let state = answer.result?.texts.first ?? []
                guard state.first == "off" else {
                    throw SQLFailure(.readOnly, "the server does not write any more", closesConnection: true)
                }
                guard state.last == "t" else {
                    throw SQLFailure(.schema, "the trigger that announces changes is missing", closesConnection: true)
                }
                // First what was announced before the answer.
                receive(link)
                cache.answered(pingSentAt: sent)
                sentAt = nil
            } else {
                receive(link)
            }
        }
    }

    private func receive(_ link: PostgresLink) {
        while let notice = link.nextNotice() { cache.receive(notice) }
    }
}

extension PostgresLink {
    /// What no other server, and not this one after a restart, has.
    func serverIdentity() throws(SQLFailure) -> String {
        guard let text = try query("SELECT extract(epoch FROM pg_postmaster_start_time())").first?.first, let text
        else {
            throw SQLFailure(.connection, "the server does not say when it was started", closesConnection: true)
        }
        return text
    }

    /// Sends a request whose answer is read later.
    func send(_ text: String) throws(SQLFailure) {
        guard PQsendQuery(connection, text) == 1 else { throw lost() }
        // Sent at once but where the server reads nothing: then the answer's time runs out.
        guard PQflush(connection) >= 0 else { throw lost() }
    }

    /// Whether an answer is not all there.
    var isBusy: Bool { PQisBusy(connection) != 0 }
}
#endif
