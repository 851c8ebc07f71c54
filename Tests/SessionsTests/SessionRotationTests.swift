import HTTPTypes
import Sessions
import Testing

@Suite("Timed rotation") struct SessionRotationTests {
    let clock = TestClock()
    let manager: SessionManager
    let browser = Browser()

    init() throws {
        var configuration = SessionManager.Configuration()
        configuration.rotation = .init(interval: .seconds(300), grace: .seconds(30))
        manager = try SessionManager(store: MemorySessionStore(), configuration: configuration, clock: clock)
    }

    @Test("R32: a used session gets a new token after the interval, and not before")
    func rotates() async throws {
        try await browser.visit(manager) { $0["a"] = 1 }
        let first = browser.cookie
        clock.advance(by: .milliseconds(299_999))
        try await browser.visit(manager)
        #expect(browser.cookie == first)
        clock.advance(by: .milliseconds(1))
        try await browser.visit(manager) { #expect($0["a", as: Int.self] == 1) }
        #expect(browser.cookie != first)
        try await browser.visit(manager) { #expect($0["a", as: Int.self] == 1) }
    }

    @Test("R32: within the grace the old token gives the same new one again; after it, it is dead")
    func grace() async throws {
        try await browser.visit(manager) { $0["a"] = 1 }
        let lost = browser.copy()
        let late = browser.copy()
        clock.advance(by: .seconds(300))
        try await browser.visit(manager)
        clock.advance(by: .milliseconds(29_999))
        try await lost.visit(manager) { session in
            #expect(session["a", as: Int.self] == 1)
            session["b"] = 2
        }
        #expect(lost.cookie == browser.cookie)
        try await browser.visit(manager) { #expect($0["b", as: Int.self] == 2) }
        clock.advance(by: .milliseconds(1))
        try await late.visit(manager) { #expect(!$0.exists) }
        try await browser.visit(manager) { #expect($0.exists) }
    }

    @Test("Edits of a request that loaded before the rotation follow the session")
    func editsFollow() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        let slow = browser.copy()
        let exchange = manager.exchange(for: slow.request)
        try await exchange.session().increment("n")
        clock.advance(by: .seconds(300))
        try await browser.visit(manager) { try $0.increment("n") }
        try await slow.finish(exchange)
        #expect(slow.cookie == browser.cookie)
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 3) }
    }

    @Test("Parallel requests rotate once, and no update is lost")
    func parallel() async throws {
        try await browser.visit(manager) { $0["n"] = 0 }
        clock.advance(by: .seconds(300))
        let old = browser.copy()
        let manager = manager
        let cookies = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    let tab = old.copy()
                    try await tab.visit(manager) { session in
                        await Task.yield()
                        try session.increment("n")
                    }
                    return tab.cookie
                }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(cookies.count == 1)
        browser.cookie = cookies.first ?? nil
        #expect(browser.cookie != old.cookie)
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 50) }
    }

    @Test("A sign-in within the grace kills the old tokens as well")
    func signInEndsTheGrace() async throws {
        try await browser.visit(manager) { $0["a"] = 1 }
        let old = browser.copy()
        clock.advance(by: .seconds(300))
        try await browser.visit(manager)
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        try await old.visit(manager) { session in
            #expect(!session.exists)
            #expect(session.subject == nil)
        }
    }

    @Test("Rotation never restarts the absolute clock")
    func absoluteClock() async throws {
        try await browser.visit(manager) { $0["a"] = 1 }
        let deadline = clock.now + .seconds(24 * 3600)
        clock.advance(by: .seconds(3000))
        try await browser.visit(manager)
        try await browser.visit(manager) { #expect($0.absoluteDeadline == deadline) }
    }
}
