import HTTPTypes
import Sessions
import SessionsTesting
import Testing

@Suite("Several tasks of one request")
struct SessionTasksTests {
    private let store = FaultInjectingSessionStore(MemorySessionStore())
    private let manager: SessionManager
    private let browser = Browser()
    private let gate = SessionStoreGate()
    private let count = SessionKey<Int>("count")

    init() throws {
        manager = try SessionManager(store: store)
    }

    @Test("They share one session, which is loaded once")
    func load() async throws {
        try await browser.visit(manager) { $0[count] = 1 }
        store.resetCalls()
        store.inject(.pauseBefore(gate), into: .load)
        let exchange = manager.exchange(for: browser.request)
        try await withThrowingTaskGroup(of: Session.self) { group in
            group.addTask { try await exchange.session() }
            await gate.waitUntilReached()
            for _ in 0..<3 { group.addTask { try await exchange.session() } }
            for _ in 0..<20 { await Task.yield() }
            gate.open()
            let first = try #require(try await group.next())
            while let other = try await group.next() { #expect(other === first) }
        }
        #expect(store.callCount(of: .load) == 1)
    }

    @Test("Their commits run one after the other, and each counts")
    func commit() async throws {
        try await browser.visit(manager) { $0[count] = 1 }
        let exchange = manager.exchange(for: browser.request)
        let session = try await exchange.session()
        store.inject(.pauseBefore(gate), into: .update)
        try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask { try await session.commit { try $0.increment(count) } }
            await gate.waitUntilReached()
            group.addTask { try await session.commit { try $0.increment(count, by: 10) } }
            for _ in 0..<20 { await Task.yield() }
            #expect(store.callCount(of: .update) == 1)
            gate.open()
            var committed: [Int] = []
            while let value = try await group.next() { committed.append(value) }
            #expect(committed.sorted() == [2, 12])
        }
        try await browser.finish(exchange)
        try await browser.visit(manager) { #expect($0[count] == 12) }
    }

    @Test("A route decides how its requests use the session, before the first use")
    func policy() async throws {
        let exchange = manager.exchange(for: browser.request)
        #expect(exchange.policy == manager.configuration.policy)
        exchange.policy.onOutage = .withoutSession
        #expect(exchange.policy.onOutage == .withoutSession)
        try await browser.visit(manager) { $0[count] = 1 }
        store.setOutage(.unavailable)
        let late = manager.exchange(for: browser.request)
        late.policy.onOutage = .withoutSession
        #expect(try await late.session()[count] == nil)
    }

    @Test("A one-time value that is read after the response's head is shown, and once more to the next request")
    func lateFlash() async throws {
        try await browser.visit(manager) { $0[count] = 7 }
        let exchange = manager.exchange(for: browser.request)
        let session = try await exchange.session()
        try await browser.finish(exchange)
        #expect(session.flash(count) == 7)
        try await browser.visit(manager) { #expect($0.flash(count) == 7) }
        try await browser.visit(manager) { #expect($0.flash(count) == nil) }
    }
}
