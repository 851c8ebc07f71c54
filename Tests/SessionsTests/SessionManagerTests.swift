import HTTPTypes
import Sessions
import Testing

@Suite struct SessionManagerTests {
    let manager: SessionManager

    init() throws {
        manager = try SessionManager(store: MemorySessionStore())
    }

    @Test func aValueThatWasSetIsThereInTheNextRequest() async throws {
        let browser = Browser()
        let fields = try await browser.visit(manager) { $0["name"] = "Ada" }
        #expect(fields[values: .setCookie].count == 1)
        #expect(fields[.setCookie]?.contains("; Secure; HttpOnly; SameSite=Lax") == true)
        #expect(fields[.cacheControl] == "no-store")
        try await browser.visit(manager) { session in
            let name: String? = session["name"]
            #expect(name == "Ada")
            #expect(session.exists)
            #expect(session.revision == 1)
        }
    }

    @Test func readingMakesNoSession() async throws {
        let browser = Browser()
        let fields = try await browser.visit(manager) { session in
            #expect(session["name", as: String.self] == nil)
            #expect(!session.exists)
        }
        #expect(fields[.setCookie] == nil)
        #expect(fields[.vary] == "Cookie")
        #expect(try await manager.count() == 0)
    }

    @Test func anUntouchedSessionLeavesTheResponseAlone() async throws {
        let exchange = manager.exchange(for: Browser().request)
        var fields = HTTPFields()
        try await exchange.finish(&fields)
        #expect(fields.isEmpty)
    }

    @Test func parallelUpdatesAllCount() async throws {
        let browser = Browser()
        try await browser.visit(manager) { $0["count"] = 0 }
        let manager = manager
        let seen = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    nonisolated(unsafe) var value = 0
                    try await browser.copy().visit(manager) { session in
                        value = try await session.commit { try $0.increment("count") }
                    }
                    return value
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(seen.sorted() == Array(1...200))
    }

    @Test func signingInGivesANewTokenAndTheOldOneIsDead() async throws {
        let browser = Browser()
        try await browser.visit(manager) { $0["cart"] = 3 }
        let planted = browser.copy()
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        #expect(browser.cookie != planted.cookie)
        try await browser.visit(manager) { session in
            #expect(session.subject == "ada")
            #expect(session["cart", as: Int.self] == 3)
        }
        try await planted.visit(manager) { session in
            #expect(!session.exists)
            #expect(throws: SessionError.self) { try session.set(1, for: SessionKey<Int>("x")) }
        }
    }

    @Test func aLogoutIsNotUndoneByARequestInFlight() async throws {
        let browser = Browser()
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        let slow = browser.copy()
        let exchange = manager.exchange(for: slow.request)
        let session = try await exchange.session()
        session["late"] = true
        let logout = try await browser.visit(manager) { try $0.end() }
        #expect(logout[.setCookie]?.contains("Max-Age=0") == true)
        await #expect(throws: SessionError.self) { try await slow.finish(exchange) }
        let thief = slow.copy()
        try await thief.visit(manager) { #expect(!$0.exists) }
        #expect(try await manager.sessions(of: "ada").isEmpty)
    }

    @Test func endingAllEndsAllButOne() async throws {
        let browsers = [Browser(), Browser(), Browser()]
        for browser in browsers { try await browser.visit(manager) { try $0.renew(subject: "ada") } }
        #expect(try await manager.sessions(of: "ada").count == 3)
        try await browsers[1].visit(manager) { session in
            let ended = try await manager.endAll(of: "ada", except: session.id)
            #expect(ended == 2)
        }
        for (index, browser) in browsers.enumerated() {
            try await browser.visit(manager) { #expect($0.exists == (index == 1)) }
        }
    }
}
