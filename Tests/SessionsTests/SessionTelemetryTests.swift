import HTTPTypes
import InMemoryLogging
import Logging
import Sessions
import Testing

@Suite("Telemetry") struct SessionTelemetryTests {
    @Test("R37, R21, CVE-2023-20866: no token and no value is in any log line, event or error")
    func noSecrets() async throws {
        let handler = InMemoryLogHandler()
        var logger = Logger(label: "test", factory: { _ in handler })
        logger.logLevel = .trace
        let store = ScriptedStore()
        let manager = try SessionManager(store: store, logger: logger)
        let browser = Browser()
        var events = manager.events().makeAsyncIterator()
        var secrets: [String] = ["5ecret"]
        func noteCookie() { if let cookie = browser.cookie { secrets.append(cookie) } }
        var shown: [String] = []

        try await browser.visit(manager) { $0["word"] = "5ecret" }
        noteCookie()
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        noteCookie()
        try await browser.visit(manager) { session in
            #expect(session["word", as: Int.self] == nil)
            shown += ["\(session)", String(reflecting: session), "\(session.values)", "\(session.clientLabels as Any)"]
            var dumped = ""
            dump(session, to: &dumped)
            shown.append(dumped)
        }
        store.script { name, _ in name == "update" ? .executeThenFail(.outcomeUnknown) : .pass }
        try await browser.visit(manager) { $0["word"] = "5ecret 2" }
        store.script { _, _ in .fail(.unavailable) }
        do {
            try await browser.visit(manager)
            Issue.record("the store was down")
        } catch {
            shown += ["\(error)", String(reflecting: error)]
        }
        store.script { _, _ in .pass }
        let late = manager.exchange(for: browser.request)
        try await late.session()["word"] = "5ecret 3"
        try await browser.copy().visit(manager) { try $0.end() }
        do {
            try await browser.finish(late)
            Issue.record("the session was ended")
        } catch {
            shown += ["\(error)", String(reflecting: error)]
        }
        for _ in 0..<4 {
            if let event = await events.next(isolation: nil) { shown.append("\(event)") }
        }
        shown += handler.entries.map { "\($0)" }
        #expect(shown.count > 10)
        #expect(handler.entries.contains { "\($0)".contains("another type") })
        for secret in secrets {
            for text in shown { #expect(!text.contains(secret), "\(text.count) characters of text hold a secret") }
        }
    }

    @Test("A store that fails raises an alarm, a task that was cancelled does not", arguments: [true, false])
    func alarms(isCancelled: Bool) async throws {
        let handler = InMemoryLogHandler()
        let logger = Logger(label: "test", factory: { _ in handler })
        let store = ScriptedStore()
        let manager = try SessionManager(store: store, logger: logger)
        let browser = Browser()
        try await browser.visit(manager) { $0["n"] = 1 }
        store.script { _, _ in .fail(isCancelled ? .cancelled : .unavailable) }
        await #expect(throws: SessionError.self) { try await browser.visit(manager) { _ = $0["n", as: Int.self] } }
        #expect(handler.entries.count { $0.level == .error } == (isCancelled ? 0 : 1))
    }

    @Test("Events tell what happened to which session, in order")
    func events() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        let browser = Browser()
        var events = manager.events().makeAsyncIterator()
        var ids: [SessionID?] = []
        try await browser.visit(manager) { $0["n"] = 1 }
        try await browser.visit(manager) { session in
            ids.append(session.id)
            try session.renew()
        }
        try await browser.visit(manager) { session in
            ids.append(session.id)
            try session.end()
        }
        let seen = [
            await events.next(isolation: nil), await events.next(isolation: nil), await events.next(isolation: nil),
        ]
        #expect(seen.map { $0?.kind } == [.created, .renewed, .ended])
        #expect(seen.map { $0?.id } == [ids[0], ids[1], ids[1]])
    }

    @Test("A reader of events that never reads holds nobody up")
    func slowReader() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        let events = manager.events()
        for _ in 0..<2000 { try await Browser().visit(manager) { $0["n"] = 1 } }
        var count = 0
        for await _ in events {
            count += 1
            if count == 1024 { break }
        }
        #expect(count == 1024)
    }

    @Test("R15: how long ago somebody signed in is known")
    func authenticationAge() async throws {
        let clock = TestClock()
        let manager = try SessionManager(store: MemorySessionStore(), clock: clock)
        let browser = Browser()
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        clock.advance(by: .seconds(300))
        try await browser.visit(manager) { #expect($0.authenticatedAt == clock.now - .seconds(300)) }
    }
}
