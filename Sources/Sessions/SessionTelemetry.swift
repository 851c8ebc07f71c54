import Logging
import Metrics
import Tracing

/// What a manager tells operators: log lines, metrics, spans and events. No token and no value is in any of them.
///
/// | metric (counter) | counts |
/// |---|---|
/// | `sessions.created` | sessions made |
/// | `sessions.renewed` | tokens replaced |
/// | `sessions.ended` | sessions ended |
/// | `sessions.expired` | expired sessions swept |
/// | `sessions.tokens.rejected` | tokens that lead to no session |
/// | `sessions.commits` | commits that wrote |
/// | `sessions.conflicts` | attempts to write that another writer won |
/// | `sessions.lost_updates` | plain sets that replaced another request's change |
/// | `sessions.store.errors` | failed store operations |
///
/// Spans: `sessions.load`, `sessions.commit`, `sessions.renew`, `sessions.end`, with the attribute `sessions.manager`.
struct SessionTelemetry: Sendable {
    let logger: Logger
    let events = SessionEventHub()
    private let managerName: String
    /// Asked once: bootstrap tracing, as metrics and logging, before the manager is made.
    let isTraced = !(InstrumentationSystem.instrument is NoOpInstrument)
    private let createdCount = Counter(label: "sessions.created")
    private let renewedCount = Counter(label: "sessions.renewed")
    private let endedCount = Counter(label: "sessions.ended")
    private let expiredCount = Counter(label: "sessions.expired")
    private let rejectedCount = Counter(label: "sessions.tokens.rejected")
    private let commitCount = Counter(label: "sessions.commits")
    private let conflictCount = Counter(label: "sessions.conflicts")
    private let lostUpdateCount = Counter(label: "sessions.lost_updates")
    private let storeErrorCount = Counter(label: "sessions.store.errors")

    init(logger: Logger, managerName: String) {
        self.logger = logger
        self.managerName = managerName
    }

    func created(_ id: SessionID, at time: SessionInstant) {
        createdCount.increment()
        events.send(SessionEvent(kind: .created, id: id, time: time))
    }

    func committed() { commitCount.increment() }

    func renewed(_ id: SessionID, from old: SessionID, at time: SessionInstant) {
        renewedCount.increment()
        logger.debug("session renewed", metadata: ["session": "\(id)", "was": "\(old)"])
        events.send(SessionEvent(kind: .renewed, id: id, time: time))
    }

    func ended(_ id: SessionID, at time: SessionInstant) {
        endedCount.increment()
        logger.debug("session ended", metadata: ["session": "\(id)"])
        events.send(SessionEvent(kind: .ended, id: id, time: time))
    }

    func expired(_ ids: [SessionID], at time: SessionInstant) {
        expiredCount.increment(by: Int64(ids.count))
        for id in ids { events.send(SessionEvent(kind: .expired, id: id, time: time)) }
    }

    func rejectedToken(_ id: SessionID?, at time: SessionInstant) {
        rejectedCount.increment()
        events.send(SessionEvent(kind: .rejectedToken, id: id, time: time))
    }

    func ambiguousTokens(_ ids: [SessionID], at time: SessionInstant) {
        logger.warning(
            "a request carries the tokens of several live sessions: one may have been planted",
            metadata: ["sessions": .array(ids.map { "\($0)" })]
        )
        for id in ids { events.send(SessionEvent(kind: .ambiguousTokens, id: id, time: time)) }
    }

    func conflict() { conflictCount.increment() }

    func lostUpdate(_ key: String, id: SessionID, at time: SessionInstant) {
        lostUpdateCount.increment()
        logger.warning(
            "a plain set replaced a value that another request had changed in between; use update instead",
            metadata: ["session": "\(id)", "key": "\(key)"]
        )
        events.send(SessionEvent(kind: .lostUpdate, id: id, key: key, time: time))
    }

    func corruptRecord(_ id: SessionID, _ error: SessionStoreError, at time: SessionInstant) {
        storeErrorCount.increment()
        logger.error(
            "a session's record cannot be read; the request goes on without it",
            metadata: ["session": "\(id)", "error": "\(error)"]
        )
        events.send(SessionEvent(kind: .corruptRecord, id: id, time: time))
    }

    func storeError(_ error: SessionStoreError, in operation: String) {
        // The caller has gone, at a shutdown for example; nothing is wrong with the store.
        guard error.code != .cancelled else { return }
        storeErrorCount.increment()
        logger.error("the session store failed", metadata: ["operation": "\(operation)", "error": "\(error)"])
    }

    func undecodableValue(_ key: String, id: SessionID?, at time: SessionInstant) {
        logger.warning(
            "a session's value is of another type than the code expects; it reads as missing",
            metadata: ["session": "\(id.map { "\($0)" } ?? "none")", "key": "\(key)"]
        )
        events.send(SessionEvent(kind: .undecodableValue, id: id, key: key, time: time))
    }

    func failedAssignment(_ key: String, _ error: SessionError, id: SessionID?) {
        logger.error(
            "a value could not be set; nothing of it is stored",
            metadata: ["session": "\(id.map { "\($0)" } ?? "none")", "key": "\(key)", "error": "\(error)"]
        )
    }

    func flashNotRemoved(_ key: String, id: SessionID?) {
        logger.info(
            "a one-time value was read where the session takes no edits; it will be shown again",
            metadata: ["session": "\(id.map { "\($0)" } ?? "none")", "key": "\(key)"]
        )
    }

    /// Begins a span if somebody traces; end it when the work is done.
    func startSpan(_ name: String) -> (any Span)? {
        guard isTraced else { return nil }
        let span = InstrumentationSystem.tracer.startSpan(name)
        span.attributes["sessions.manager"] = managerName
        return span
    }
}

extension (any Span)? {
    /// Ends the span, if there is one, and says how.
    func end(failing error: (any Error)?) {
        guard let span = self else { return }
        if let error {
            // The type alone: messages of foreign errors are not ours to vouch for.
            span.setStatus(SpanStatus(code: .error, message: "\(type(of: error))"))
        }
        span.end()
    }
}
