import HTTPTypes
import Sessions
import Testing

@Suite("A store that fails") struct SessionOutageTests {
    let store = ScriptedStore()
    let manager: SessionManager
    let browser = Browser()

    init() throws {
        manager = try SessionManager(store: store)
    }

    @Test("An outage is not a logout: 503, no cookie, and the session is there afterwards")
    func outage() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        store.script { _, _ in .fail(.unavailable) }
        let exchange = manager.exchange(for: browser.request)
        let error = await #expect(throws: SessionError.self) { try await exchange.session() }
        #expect(error?.code == .unavailable)
        #expect(error?.httpStatusCode == 503)
        var fields = HTTPFields()
        try await exchange.finish(&fields)
        #expect(fields[.setCookie] == nil)
        store.script { _, _ in .pass }
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 1) }
    }

    @Test("Where a route says so, it goes on without a session: nothing is read, written, set or cleared")
    func degraded() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        store.script { _, _ in .fail(.unavailable) }
        let policy = SessionPolicy(onOutage: .withoutSession)
        let fields = try await browser.visit(manager, policy: policy) { session in
            #expect(!session.exists)
            #expect(session["n", as: Int.self] == nil)
            let write = #expect(throws: SessionError.self) { try session.set(2, for: "n") }
            #expect(write?.code == .unavailable)
            let renewal = #expect(throws: SessionError.self) { try session.renew(subject: "ada") }
            #expect(renewal?.code == .unavailable)
            let end = #expect(throws: SessionError.self) { try session.end() }
            #expect(end?.code == .unavailable)
        }
        #expect(fields[.setCookie] == nil)
        store.script { _, _ in .pass }
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 1) }
    }

    @Test("The second task of a request tries for itself when the first could not load")
    func retryWithinARequest() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        store.script { name, call in name == "load" && call == 1 ? .fail(.unavailable) : .pass }
        let exchange = manager.exchange(for: browser.request)
        await #expect(throws: SessionError.self) { try await exchange.session() }
        #expect(try await exchange.session().exists)
    }

    @Test("A commit that was not executed fails, and its edits are dropped")
    func failedCommit() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        store.script { name, _ in name == "update" ? .fail(.unavailable) : .pass }
        let exchange = manager.exchange(for: browser.request)
        let session = try await exchange.session()
        session["n"] = 2
        await #expect(throws: SessionError.self) { try await session.save() }
        #expect(session["n", as: Int.self] == 1)
        store.script { _, _ in .pass }
        try await browser.finish(exchange)
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 1) }
    }

    @Test("N5: a write whose answer is lost counts if a look-up finds it, and is never run again")
    func lostAnswer() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        store.script { name, _ in name == "update" ? .executeThenFail(.outcomeUnknown) : .pass }
        try await browser.visit(manager) { try $0.increment("n") }
        #expect(store.calls == ["load", "update", "load"])
        store.script { name, _ in name == "update" ? .fail(.outcomeUnknown) : .pass }
        let error = await #expect(throws: SessionError.self) {
            try await browser.visit(manager) { try $0.increment("n") }
        }
        #expect(error?.code == .unavailable)
        #expect(store.calls == ["load", "update", "load"])
        store.script { _, _ in .pass }
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 2) }
    }

    @Test("A new session whose answer is lost gets its cookie if a look-up finds it, and none if not")
    func lostAnswerToCreation() async throws {
        store.script { name, _ in name == "insert" ? .executeThenFail(.outcomeUnknown) : .pass }
        try await browser.visit(manager) { $0["n"] = 1 }
        #expect(browser.cookie != nil)
        let other = Browser()
        store.script { name, _ in name == "insert" ? .fail(.outcomeUnknown) : .pass }
        await #expect(throws: SessionError.self) { try await other.visit(manager) { $0["n"] = 1 } }
        #expect(other.cookie == nil)
    }

    @Test("Jetty CVE-2021-34428: an end that fails is an error, and clears no cookie")
    func failedEnd() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        store.script { name, _ in name == "delete" ? .fail(.unavailable) : .pass }
        let exchange = manager.exchange(for: browser.request)
        try await exchange.session().end()
        var fields = HTTPFields()
        await #expect(throws: SessionError.self) { try await exchange.finish(&fields) }
        #expect(fields[.setCookie] == nil)
    }

    @Test("An end whose answer is lost counts if the record is gone")
    func lostAnswerToEnd() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        store.script { name, _ in name == "delete" ? .executeThenFail(.outcomeUnknown) : .pass }
        try await browser.visit(manager) { try $0.end() }
        #expect(browser.cookie == nil)
    }

    @Test("A session whose life could not be extended is served all the same")
    func failedTouch() async throws {
        let clock = TestClock()
        let manager = try SessionManager(store: store, clock: clock)
        try await browser.visit(manager) { $0["n"] = 1 }
        clock.advance(by: .seconds(600))
        store.script { name, _ in name == "touch" ? .fail(.unavailable) : .pass }
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 1) }
        #expect(store.calls == ["load", "touch"])
    }

    @Test(
        "A store that has failed a request's commit is not asked to extend or rotate the session as well",
        arguments: [false, true]
    )
    func oneFailureIsEnough(rotates: Bool) async throws {
        let clock = TestClock()
        var configuration = SessionManager.Configuration()
        if rotates { configuration.rotation = .init(interval: .seconds(300), grace: .seconds(30)) }
        let manager = try SessionManager(store: store, configuration: configuration, clock: clock)
        try await browser.visit(manager) { $0["n"] = 1 }
        clock.advance(by: .seconds(600))
        store.script { name, _ in name == "load" ? .pass : .fail(.unavailable) }
        let exchange = manager.exchange(for: browser.request)
        let session = try await exchange.session()
        session["n"] = 2
        await #expect(throws: SessionError.self) { try await session.save() }
        var fields = HTTPFields()
        try await exchange.abandon(&fields)
        #expect(store.calls == ["load", "update"])
        #expect(fields[.setCookie] == nil)
    }

    @Test("Writers that win all the time end in a conflict, not in an endless loop")
    func endlessConflict() async throws {
        struct Winner: SessionStore {
            let base: MemorySessionStore
            func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
                try await base.load(id, now: now)
            }
            func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
                try await base.insert(record, id: id)
            }
            func update(
                _ record: SessionRecord,
                id: SessionID,
                ifStamp: SessionStamp,
                now: SessionInstant
            ) async throws(SessionStoreError) -> UpdateOutcome {
                var random = SystemRandomNumberGenerator()
                guard let current = try await base.load(id, now: now) else { return .missing }
                return .conflict(
                    SessionRecord(
                        stamp: SessionStamp(rawValue: random.next()),
                        revision: current.revision + 1,
                        createdAt: current.createdAt,
                        absoluteDeadline: current.absoluteDeadline,
                        idleTimeout: current.idleTimeout,
                        expiresAt: current.expiresAt,
                        values: current.values(at: now)
                    )
                )
            }
            func touch(
                _ id: SessionID,
                ifStamp: SessionStamp,
                expiresAt: SessionInstant,
                now: SessionInstant
            ) async throws(SessionStoreError) -> Bool { false }
            func delete(
                _ id: SessionID,
                ifStamp stamp: SessionStamp,
                now: SessionInstant
            ) async throws(SessionStoreError) -> DeleteOutcome { try await base.delete(id, ifStamp: stamp, now: now) }
        }
        var configuration = SessionManager.Configuration()
        configuration.conflictTimeout = .zero
        let manager = try SessionManager(store: Winner(base: store.base), configuration: configuration)
        try await browser.visit(manager) { $0["n"] = 1 }
        let error = await #expect(throws: SessionError.self) {
            try await browser.visit(manager) { try $0.increment("n") }
        }
        #expect(error?.code == .conflict)
        #expect(error?.httpStatusCode == 503)
    }

    @Test("P2: a record of a newer version is an outage, not a missing session")
    func newerFormat() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        store.script { _, _ in .fail(.newerFormat) }
        let error = await #expect(throws: SessionError.self) { try await browser.visit(manager) }
        #expect(error?.code == .unavailable)
    }

    @Test("P1, G3: a damaged record is reported; the request goes on without a session, and the bytes stay")
    func corruptRecord() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        var events = manager.events().makeAsyncIterator()
        store.script { name, call in name == "load" ? .fail(.corruptRecord) : .pass }
        try await browser.visit(manager) { #expect(!$0.exists) }
        let event = await events.next(isolation: nil)
        #expect(event?.kind == .corruptRecord)
        #expect(store.calls == ["load"])
    }

    @Test("The health of a store is asked for, also of one that cannot say")
    func health() async throws {
        try await manager.checkHealth()
        store.script { _, _ in .fail(.unavailable) }
        await #expect(throws: SessionError.self) { try await manager.checkHealth() }
        try await SessionManager(store: MemorySessionStore()).checkHealth()
    }

    @Test("A store without an index says what is missing")
    func unsupported() async throws {
        let error = await #expect(throws: SessionError.self) { try await manager.sessions(of: "ada") }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("SubjectIndexingSessionStore") == true)
        await #expect(throws: SessionError.self) { try await manager.endAll(of: "ada") }
        await #expect(throws: SessionError.self) { try await manager.count() }
        await #expect(throws: SessionError.self) { try await manager.page() }
    }
}
