import HTTPTypes
import Sessions
import SessionsTesting
import Testing

@Suite("Exclusive requests in two processes")
struct SessionLeaseTests {
    private let store = FaultInjectingSessionStore(MemorySessionStore())
    private let clock = TestClock()
    private let manager: SessionManager
    private let other: SessionManager
    private let browser = Browser()
    private let policy = SessionPolicy(exclusiveTimeout: .seconds(5))
    private let count = SessionKey<Int>("count")

    init() throws {
        manager = try SessionManager(store: store, clock: clock)
        other = try SessionManager(store: store.base, clock: clock)
    }

    @Test("A process waits for another one's request, and no longer than it may")
    func wait() async throws {
        try await browser.visit(other) { $0[count] = 1 }
        let holder = other.exchange(for: browser.request, policy: policy)
        _ = try await holder.session()
        let request = browser.request
        async let refused: Void = {
            let error = await #expect(throws: SessionError.self) {
                try await manager.exchange(for: request, policy: policy).session()
            }
            #expect(error?.code == .exclusiveTimeout)
        }()
        while store.callCount(of: .acquireLease) < 2 { await Task.yield() }
        clock.advance(by: .seconds(5))
        await refused
        try await browser.finish(holder)
        try await browser.visit(manager, policy: policy) { #expect($0[count] == 1) }
    }

    @Test("Who held a session for longer than its lease, and lost it, writes nothing and is told")
    func lost() async throws {
        try await browser.visit(other) { $0[count] = 1 }
        let slow = manager.exchange(for: browser.request, policy: policy)
        try await slow.session().increment(count, by: 10)
        clock.advance(by: .seconds(31))
        let quick = other.exchange(for: browser.request, policy: policy)
        try await quick.session().increment(count)
        await #expect {
            try await browser.finish(slow)
        } throws: {
            ($0 as? SessionError)?.code == .conflict
        }
        try await browser.finish(quick)
        try await browser.visit(other) { #expect($0[count] == 2) }
    }

    @Test("A store that cannot lend is an outage, and the next request gets in")
    func failedAcquisition() async throws {
        try await browser.visit(other) { $0[count] = 1 }
        store.inject(.unavailable, into: .acquireLease)
        let error = await #expect(throws: SessionError.self) {
            try await manager.exchange(for: browser.request, policy: policy).session()
        }
        #expect(error?.code == .unavailable)
        try await browser.visit(manager, policy: policy) { #expect($0[count] == 1) }
    }

    @Test("An outage while a request waited leaves the session to the next one")
    func failedSecondLook() async throws {
        try await browser.visit(other) { $0[count] = 1 }
        store.inject(.unavailable, into: .load, call: 2)
        let error = await #expect(throws: SessionError.self) {
            try await manager.exchange(for: browser.request, policy: policy).session()
        }
        #expect(error?.code == .unavailable)
        try await browser.visit(other, policy: policy) { #expect($0[count] == 1) }
    }

    @Test("A lease that could not be given back runs out by itself, and the request is none the worse")
    func failedRelease() async throws {
        try await browser.visit(other) { $0[count] = 1 }
        store.inject(.unavailable, into: .releaseLease)
        try await browser.visit(manager, policy: policy) { try $0.increment(count) }
        clock.advance(by: .seconds(31))
        try await browser.visit(other, policy: policy) { #expect($0[count] == 2) }
    }
}
