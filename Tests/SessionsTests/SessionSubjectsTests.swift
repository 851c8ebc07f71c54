import HTTPTypes
import InMemoryLogging
import Logging
import Sessions
import SessionsTesting
import Testing

@Suite("Subjects") struct SessionSubjectsTests {
    let store = MemorySessionStore()
    let manager: SessionManager

    init() throws {
        manager = try SessionManager(store: store)
    }

    func signIn(_ subject: String, _ count: Int = 1) async throws -> [Browser] {
        var browsers: [Browser] = []
        for _ in 0..<count {
            let browser = Browser()
            try await browser.visit(manager) { try $0.renew(subject: subject) }
            browsers.append(browser)
        }
        return browsers
    }

    @Test("R11, typo3 CVE-2022-23502, Airflow CVE-2023-40273: all sessions of a subject end, nobody else's")
    func endAll() async throws {
        let ada = try await signIn("ada", 5)
        let bob = try await signIn("bob", 2)
        #expect(try await manager.endAll(of: "ada") == 5)
        for browser in ada { try await browser.visit(manager) { #expect(!$0.exists) } }
        for browser in bob { try await browser.visit(manager) { #expect($0.subject == "bob") } }
        #expect(try await manager.sessions(of: "ada").isEmpty)
        #expect(try await manager.endAll(of: "ada") == 0)
    }

    @Test("R12: all but this one end, also when this one gets a new token meanwhile")
    func endOthers() async throws {
        let browsers = try await signIn("ada", 5)
        let kept = browsers[2]
        try await kept.visit(manager) { session in
            let id = session.id
            try session.renew()
            try await session.save()
            let ended = try await manager.endAll(of: "ada", except: id)
            #expect(ended == 4)
        }
        try await kept.visit(manager) { #expect($0.subject == "ada") }
        #expect(try await manager.sessions(of: "ada").count == 1)
    }

    @Test("A session that lives longer than it would have at its sign-in still ends with all others, at every age")
    func endProlonged() async throws {
        let clock = TestClock()
        let manager = try SessionManager(store: store, clock: clock)
        let browser = Browser()
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        let thief = browser.copy()
        let id = try await manager.exchange(for: browser.request).session().id
        try await browser.visit(manager) { session in
            try session.setLifetime(idle: .seconds(30 * 86_400), absolute: .seconds(90 * 86_400))
        }
        try await browser.visit(manager) { session in
            #expect(session.subject == "ada")
            #expect(session.id != id)
        }
        try await thief.visit(manager) { #expect(!$0.exists) }
        clock.advance(by: .seconds(20 * 86_400))
        #expect(try await manager.sessions(of: "ada").count == 1)
        #expect(try await manager.endAll(of: "ada") == 1)
        try await browser.visit(manager) { #expect(!$0.exists) }
    }

    @Test("A sign-in that had to try again ends with all others until its last second")
    func endRetried() async throws {
        let clock = TestClock()
        let store = FaultInjectingSessionStore(store)
        let manager = try SessionManager(store: store, clock: clock)
        let browser = Browser()
        try await browser.visit(manager) { $0["n"] = 1 }
        let gate = SessionStoreGate()
        store.inject(.pauseBefore(gate), into: .renew)
        let other = browser.copy()
        async let signIn = browser.visit(manager) { try $0.renew(subject: "ada") }
        await gate.waitUntilReached()
        clock.advance(by: .seconds(3))
        try await other.visit(manager) { $0["n"] = 2 }
        gate.open()
        _ = try await signIn
        let session = try #require(try await manager.sessions(of: "ada").first)
        // Used until then, or it would have been idle for too long.
        while session.absoluteDeadline - clock.now > .seconds(1) {
            clock.advance(by: min(.seconds(600), session.absoluteDeadline - clock.now - .seconds(1)))
            try await browser.visit(manager) { #expect($0.exists) }
        }
        #expect(try await manager.endAll(of: "ada") == 1)
        try await browser.visit(manager) { #expect(!$0.exists) }
    }

    @Test("A lifetime that is not longer, or of somebody unknown, needs no new token")
    func keepToken() async throws {
        let browser = try #require(try await signIn("ada").first)
        let stranger = Browser()
        try await stranger.visit(manager) { $0["a"] = 1 }
        for browser in [browser, stranger] {
            let cookie = browser.cookie
            let absolute = browser === stranger ? 90 : 1
            try await browser.visit(manager) { session in
                try session.setLifetime(idle: .seconds(600), absolute: .seconds(absolute * 86_400))
            }
            #expect(browser.cookie == cookie)
        }
    }

    @Test("A lifetime that a rotation in between has made longer is refused, not half done")
    func prolongAcrossRotation() async throws {
        let clock = TestClock()
        var configuration = SessionManager.Configuration()
        configuration.rotation = .init(interval: .seconds(60))
        let manager = try SessionManager(store: store, configuration: configuration, clock: clock)
        let browser = Browser()
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        let exchange = manager.exchange(for: browser.request)
        // Not longer than the session's own, as this request sees it.
        try await exchange.session().setLifetime(idle: .seconds(600), absolute: .seconds(80_000))
        clock.advance(by: .seconds(60))
        try await browser.visit(manager) { try $0.setLifetime(idle: .seconds(600), absolute: .seconds(3600)) }
        await #expect { try await browser.finish(exchange) } throws: { ($0 as? SessionError)?.code == .ended }
        try await browser.visit(manager) { session in
            #expect(session.absoluteDeadline == session.createdAt.map { $0 + .seconds(3600) })
        }
    }

    @Test("One session of one's own is ended by its id; somebody else's is not")
    func endOne() async throws {
        let ada = try await signIn("ada", 2)
        _ = try await signIn("bob")
        let bobs = try #require(try await manager.sessions(of: "bob").first)
        #expect(try await manager.end(bobs.id, of: "ada") == false)
        #expect(try await manager.sessions(of: "bob").count == 1)
        let first = try #require(try await manager.sessions(of: "ada").first)
        #expect(try await manager.end(first.id, of: "ada"))
        #expect(try await manager.end(first.id, of: "ada") == false)
        var alive = 0
        for browser in ada { try await browser.visit(manager) { if $0.exists { alive += 1 } } }
        #expect(alive == 1)
    }

    @Test("A sign-in that began before an end-all does not survive it")
    func signInDuringEndAll() async throws {
        let browser = Browser()
        try await browser.visit(manager) { $0["n"] = 1 }
        let racing = RacingIndex(base: store) { [manager] in _ = try await manager.endAll(of: "ada") }
        let other = try SessionManager(store: racing)
        for visitor in [browser, Browser()] {
            let error = await #expect(throws: SessionError.self) {
                try await visitor.visit(other) { try $0.renew(subject: "ada") }
            }
            #expect(error?.code == .ended)
        }
        #expect(try await manager.sessions(of: "ada").isEmpty)
    }

    @Test("A list leaves out a record whose renewal was never committed, and sorts by last use")
    func listing() async throws {
        let clock = TestClock()
        let manager = try SessionManager(store: store, clock: clock)
        var ids: [SessionID?] = []
        for _ in 0..<3 {
            let browser = Browser()
            try await browser.visit(manager) { try $0.renew(subject: "ada") }
            try await browser.visit(manager) { ids.append($0.id) }
            clock.advance(by: .seconds(10))
        }
        #expect(try await manager.sessions(of: "ada").map(\.id) == ids.reversed())
        let id = try #require(ids[0])
        let record = try #require(try await store.load(id, now: clock.now))
        let orphanID = try #require(SessionID(bytes: [UInt8](repeating: 7, count: 32)))
        let orphan = SessionRecord(
            stamp: SessionStamp(rawValue: 1),
            revision: 2,
            createdAt: record.createdAt,
            absoluteDeadline: record.absoluteDeadline,
            idleTimeout: record.idleTimeout,
            expiresAt: record.expiresAt,
            kind: .session(predecessor: id),
            subject: "ada",
            values: record.values(at: clock.now)
        )
        #expect(try await store.insert(orphan, id: orphanID) == .inserted)
        #expect(try await manager.sessions(of: "ada").count == 3)
    }

    @Test("Renewals do not pile up in the index")
    func indexStaysSmall() async throws {
        let browser = Browser()
        for _ in 0..<50 { try await browser.visit(manager) { try $0.renew(subject: "ada") } }
        #expect(try await manager.sessions(of: "ada").count == 1)
    }

    @Test("Operators page through all sessions, and see no values")
    func paging() async throws {
        _ = try await signIn("ada", 25)
        var seen: [SessionInfo] = []
        var next: SessionStoreCursor?
        repeat {
            let page = try await manager.page(after: next, limit: 10)
            seen += page.sessions
            next = page.next
        } while next != nil
        #expect(seen.count == 25)
        #expect(Set(seen.map(\.id)).count == 25)
        #expect(try await manager.count() == 25)
    }

    @Test("A cursor that leads nowhere is the client's mistake, and no outage")
    func foreignCursor() async throws {
        let handler = InMemoryLogHandler()
        let manager = try SessionManager(store: store, logger: Logger(label: "test", factory: { _ in handler }))
        let error = await #expect(throws: SessionError.self) {
            try await manager.page(after: .init(rawValue: "from an address"))
        }
        #expect(error?.code == .invalidCursor)
        #expect(error?.httpStatusCode == 400)
        #expect(handler.entries.isEmpty)
    }
}

/// A store in which something happens between a sign-in's index entry and the rest of it.
struct RacingIndex: SubjectIndexingSessionStore {
    let base: MemorySessionStore
    let race: @Sendable () async throws -> Void

    func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        try await base.load(id, now: now)
    }
    func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        try await base.insert(record, id: id)
    }
    func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        try await base.update(record, id: id, ifStamp: stamp, now: now)
    }
    func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        try await base.touch(id, ifStamp: stamp, expiresAt: expiresAt, now: now)
    }
    func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        try await base.delete(id, ifStamp: stamp, now: now)
    }
    func addToIndex(
        _ id: SessionID,
        subject: SubjectID,
        absoluteDeadline: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SubjectEpoch {
        let epoch = try await base.addToIndex(id, subject: subject, absoluteDeadline: absoluteDeadline, now: now)
        do {
            try await race()
        } catch {
            throw SessionStoreError(.unavailable, "the race failed")
        }
        return epoch
    }
    func removeFromIndex(_ id: SessionID, subject: SubjectID) async throws(SessionStoreError) {
        try await base.removeFromIndex(id, subject: subject)
    }
    func epoch(of subject: SubjectID) async throws(SessionStoreError) -> SubjectEpoch {
        try await base.epoch(of: subject)
    }
    func raiseEpoch(of subject: SubjectID, now: SessionInstant) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try await base.raiseEpoch(of: subject, now: now)
    }
    func index(of subject: SubjectID, now: SessionInstant) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        try await base.index(of: subject, now: now)
    }
}
