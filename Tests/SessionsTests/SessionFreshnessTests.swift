import HTTPTypes
import Sessions
import Synchronization
import Testing

/// A store with a cache in front that nobody keeps up to date: what it holds is as old as a test wants it to be.
private final class StaleStore: ResidentSessionStore {
    let base = MemorySessionStore()
    private let state = Mutex<(cached: [SessionID: SessionRecord], loads: Int)>(([:], 0))

    var loads: Int { state.withLock { $0.loads } }

    /// Keeps the record as it is now.
    func cache(_ id: SessionID, now: SessionInstant) {
        let record = base.residentRecord(id, now: now)
        state.withLock { $0.cached[id] = record }
    }

    func residentRecord(_ id: SessionID, now: SessionInstant) -> SessionRecord? { state.withLock { $0.cached[id] } }

    func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        state.withLock { $0.loads += 1 }
        return try await base.load(id, now: now)
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
}

@Suite("Records at hand, and fresh ones") struct SessionFreshnessTests {
    private let store = StaleStore()
    /// Reads past the cache: another server.
    private let elsewhere: SessionManager
    private let manager: SessionManager
    private let clock = TestClock()
    private let browser = Browser()
    private let id: SessionID

    init() async throws {
        manager = try SessionManager(store: store, clock: clock)
        elsewhere = try SessionManager(store: store.base, clock: clock)
        try await browser.visit(elsewhere) { $0["n"] = 1 }
        let made = Mutex<SessionID?>(nil)
        try await browser.visit(elsewhere) { session in made.withLock { $0 = session.id } }
        id = try #require(made.withLock { $0 })
        store.cache(id, now: clock.now)
    }

    @Test("A session at hand costs no call of the store")
    func atHand() async throws {
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 1) }
        #expect(store.loads == 0)
    }

    @Test("What is not at hand is loaded")
    func notAtHand() async throws {
        let other = Browser()
        try await other.visit(elsewhere) { $0["n"] = 2 }
        try await other.visit(manager) { #expect($0["n", as: Int.self] == 2) }
        #expect(store.loads == 1)
    }

    @Test("A commit on a record that is not the newest any more is applied to the newest one")
    func staleEdit() async throws {
        try await browser.visit(elsewhere) { try $0.increment("n") }
        try await browser.visit(manager) { session in
            #expect(session["n", as: Int.self] == 1)
            let sum = try await session.commit { try $0.increment("n") }
            #expect(sum == 3)
        }
    }

    @Test("A session that was ended elsewhere takes no edits, however long it is still at hand")
    func endedElsewhere() async throws {
        try await elsewhere.end(id)
        let before = browser.cookie
        await #expect(throws: SessionError.self) {
            try await browser.visit(manager) { try $0.increment("n") }
        }
        #expect(browser.cookie == before)
        #expect(try await elsewhere.count() == 0)
    }

    @Test("A fresh session is the store's, whatever is at hand")
    func fresh() async throws {
        try await browser.visit(elsewhere) { try $0.increment("n") }
        let exchange = manager.exchange(for: browser.request)
        #expect(try await exchange.session(.fresh)["n", as: Int.self] == 2)
        #expect(store.loads == 1)
        #expect(try await exchange.session(.fresh)["n", as: Int.self] == 2)
        #expect(store.loads == 1)
    }

    @Test("A session that was opened from what is at hand becomes fresh on demand, once")
    func refreshed() async throws {
        try await browser.visit(elsewhere) { try $0.increment("n") }
        let exchange = manager.exchange(for: browser.request)
        let session = try await exchange.session()
        #expect(session["n", as: Int.self] == 1)
        #expect(try await exchange.session(.fresh) === session)
        #expect(session["n", as: Int.self] == 2)
        _ = try await exchange.session(.fresh)
        #expect(store.loads == 1)
    }

    @Test("A session that was ended elsewhere is gone when asked for fresh, and takes no edits")
    func refreshedAndGone() async throws {
        try await elsewhere.end(id)
        let exchange = manager.exchange(for: browser.request)
        let session = try await exchange.session()
        #expect(session.exists)
        let isThere = try await exchange.session(.fresh).exists
        #expect(!isThere)
        #expect(throws: SessionError.self) { try session.set(1, for: "n") }
        let fields = try await browser.finish(exchange)
        #expect(fields[.setCookie] == nil)
    }

    @Test("Asking for a fresh session keeps the edits that were made")
    func refreshedWithEdits() async throws {
        try await browser.visit(elsewhere) { try $0.increment("n") }
        let exchange = manager.exchange(for: browser.request)
        try await exchange.session().increment("n")
        _ = try await exchange.session(.fresh)
        try await browser.finish(exchange)
        try await browser.visit(elsewhere) { #expect($0["n", as: Int.self] == 3) }
    }

    @Test("A record at hand that has expired is not used")
    func expiredAtHand() async throws {
        clock.advance(by: .seconds(3601))
        try await browser.visit(manager) { #expect(!$0.exists) }
        #expect(store.loads == 1)
    }

    @Test("A forwarder at hand leads where it leads")
    func forwarderAtHand() async throws {
        let old = browser.copy()
        try await browser.visit(elsewhere) { try $0.renew() }
        store.cache(id, now: clock.now)
        try await old.visit(manager) { session in
            #expect(!session.exists)
            #expect(throws: SessionError.self) { try session.set(1, for: "n") }
        }
    }

    @Test("Exclusive requests ask the store")
    func exclusive() async throws {
        try await browser.visit(elsewhere) { try $0.increment("n") }
        try await browser.visit(manager, policy: SessionPolicy(exclusiveTimeout: .seconds(1))) {
            #expect($0["n", as: Int.self] == 2)
        }
    }
}
