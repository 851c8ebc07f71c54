import Sessions
import SessionsTesting
import Testing

@Suite("Ending while the store misbehaves")
struct SessionEndingTests {
    private let store = FaultInjectingSessionStore(MemorySessionStore())
    private let clock = TestClock()
    private let manager: SessionManager
    private let other: SessionManager
    private let browser = Browser()

    init() throws {
        manager = try SessionManager(store: store, clock: clock)
        other = try SessionManager(store: store.base, clock: clock)
    }

    @Test("A delete whose request was lost while another request committed ends the newer session")
    func lostDelete() async throws {
        try await browser.visit(other) { $0["n"] = 1 }
        let id = try #require(try await other.exchange(for: browser.request).session().id)
        let gate = SessionStoreGate()
        store.inject(.lostRequest, into: .delete)
        // The first one finds the session, the second clears up what became of the delete.
        store.inject(.pauseBefore(gate), into: .load, call: 2)
        async let isEnded = manager.end(id)
        await gate.waitUntilReached()
        try await browser.visit(other) { $0["n"] = 2 }
        gate.open()
        #expect(try await isEnded)
        try await browser.visit(other) { #expect(!$0.exists) }
    }

    @Test("An entry of the index without a record is left alone for a minute, then removed, and nobody minds a failure")
    func prune() async throws {
        try await browser.visit(other) { try $0.renew(subject: "ada") }
        let id = try #require(try await other.exchange(for: browser.request).session().id)
        let record = try #require(try await store.load(id, now: clock.now))
        // As a crash between the steps of an end leaves it.
        #expect(try await store.delete(id, ifStamp: record.stamp, now: clock.now) == .deleted)
        #expect(try await manager.sessions(of: "ada").isEmpty)
        #expect(store.callCount(of: .removeFromIndex) == 0, "it may be a sign-in under way")
        clock.advance(by: .seconds(60))
        store.inject(.unavailable, into: .removeFromIndex)
        #expect(try await manager.sessions(of: "ada").isEmpty)
        #expect(try await manager.endAll(of: "ada") == 0)
        #expect(store.callCount(of: .removeFromIndex) == 2)
        #expect(try await manager.sessions(of: "ada").isEmpty)
        #expect(store.callCount(of: .removeFromIndex) == 2, "it is gone")
    }

    @Test("What the store cannot keep or do is told as such, and is no outage")
    func errors() async throws {
        store.inject(.error(SessionStoreError(.recordTooLarge, "too large")), into: .insert)
        let tooLarge = await #expect(throws: SessionError.self) { try await browser.visit(manager) { $0["n"] = 1 } }
        #expect(tooLarge?.code == .sessionTooLarge)
        #expect(tooLarge?.httpStatusCode == 413)
        store.inject(.error(SessionStoreError(.unsupported, "no counting here")), into: .count)
        let unsupported = await #expect(throws: SessionError.self) { try await manager.count() }
        #expect(unsupported?.code == .unsupported)
        #expect(unsupported?.message == "no counting here")
    }
}
