import HTTPTypes
import Sessions
import Synchronization
import Testing

@Suite("A request and its response") struct SessionExchangeTests {
    let manager: SessionManager
    let store = MemorySessionStore()
    let browser = Browser()

    init() throws {
        manager = try SessionManager(store: store)
    }

    func request(cookies: [String]) -> HTTPRequest {
        var request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
        request.headerFields[.cookie] = cookies.map { "__Host-session=\($0)" }.joined(separator: "; ")
        return request
    }

    @Test("R17, D35, CVE-2015-5143, CVE-2015-5963, CVE-2015-5964: strangers leave the store empty")
    func strangers() async throws {
        for index in 0..<1000 {
            let stranger = Browser()
            stranger.cookie =
                index % 2 == 0
                ? nil : String(repeating: "A", count: 42) + "\("AEIMQUYcgkosw048".randomElement() ?? "A")"
            let fields = try await stranger.visit(manager) { session in
                _ = session["n", as: Int.self]
                try session.remove("n")
                try session.end()
            }
            #expect(fields[values: .setCookie].allSatisfy { $0.contains("Max-Age=0") })
        }
        #expect(try await manager.count() == 0)
    }

    @Test("R28, C13, CVE-2024-38513, CVE-2018-1000519: an unknown token is never adopted")
    func unknownToken() async throws {
        let token = String(repeating: "B", count: 42) + "A"
        browser.cookie = token
        var events = manager.events().makeAsyncIterator()
        let read = try await browser.visit(manager) { #expect(!$0.exists) }
        #expect(read[.setCookie] == nil)
        let event = await events.next(isolation: nil)
        #expect(event?.kind == .rejectedToken)
        try await browser.visit(manager) { $0["n"] = 1 }
        #expect(browser.cookie != token)
        let victim = Browser()
        victim.cookie = token
        try await victim.visit(manager) { #expect(!$0.exists) }
    }

    @Test(
        "C1, CVE-2015-3982: empty, missing and malformed tokens touch no store",
        arguments: [
            "", ";;; ; =", "=v", "__Host-session", "__Host-session=", "__Host-session=x", "__Host-session=\"\"",
            "__Host-session=../../etc/passwd", "__host-session=AAAA",
        ]
    )
    func malformed(_ field: String) async throws {
        let store = ScriptedStore()
        let manager = try SessionManager(store: store)
        var request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
        request.headerFields[.cookie] = field
        let exchange = manager.exchange(for: request)
        #expect(try await !exchange.session().exists)
        var fields = HTTPFields()
        try await exchange.finish(&fields)
        #expect(store.calls.isEmpty)
        #expect(fields[.setCookie] == nil)
    }

    @Test("C2, C12: of several tokens the one live session wins, in any order")
    func oneLiveOfSeveral() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        let live = try #require(browser.cookie)
        let dead = String(repeating: "C", count: 42) + "A"
        for cookies in [[live, dead], [dead, live], [live, live], ["junk", live]] {
            let exchange = manager.exchange(for: request(cookies: cookies))
            #expect(try await exchange.session()["n", as: Int.self] == 1)
        }
    }

    @Test("C2: two live sessions are none; writes fail and no cookie is sent")
    func twoLive() async throws {
        let other = Browser()
        try await browser.visit(manager) { $0["n"] = 1 }
        try await other.visit(manager) { $0["n"] = 2 }
        let cookies = [try #require(browser.cookie), try #require(other.cookie)]
        var events = manager.events().makeAsyncIterator()
        for order in [cookies, cookies.reversed()] {
            let exchange = manager.exchange(for: request(cookies: order))
            let session = try await exchange.session()
            #expect(!session.exists)
            for write in [
                { try session.set(3, for: "n") }, { try session.renew(subject: "eve") }, { try session.end() },
            ] {
                let error = #expect(throws: SessionError.self) { try write() }
                #expect(error?.code == .ambiguous)
                #expect(error?.httpStatusCode == 400)
            }
            var fields = HTTPFields()
            try await exchange.finish(&fields)
            #expect(fields[.setCookie] == nil)
        }
        let event = await events.next(isolation: nil)
        #expect(event?.kind == .ambiguousTokens)
    }

    @Test("A former token beside the present one counts as one session")
    func forwarderBesideSuccessor() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        let old = try #require(browser.cookie)
        try await browser.visit(manager) { try $0.renew() }
        let new = try #require(browser.cookie)
        for cookies in [[old, new], [new, old]] {
            let exchange = manager.exchange(for: request(cookies: cookies))
            #expect(try await exchange.session()["n", as: Int.self] == 1)
        }
    }

    @Test("I6: expired, ended and renewed tokens answer as unknown ones do")
    func deadTokensLookAlike() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        let ended = browser.copy()
        let exchange = manager.exchange(for: browser.request)
        try await exchange.session().end()
        try await browser.finish(exchange)
        let unknown = Browser()
        unknown.cookie = String(repeating: "D", count: 42) + "A"
        let answers = [
            try await ended.visit(manager) { #expect($0["n", as: Int.self] == nil) },
            try await unknown.visit(manager) { #expect($0["n", as: Int.self] == nil) },
        ]
        #expect(answers[0] == answers[1])
    }

    @Test("R49, D8: login, renewal and logout in one handler give one cookie, and nothing is lost")
    func oneCookie() async throws {
        browser.cookie = String(repeating: "E", count: 42) + "A"
        let fields = try await browser.visit(manager) { session in
            session["a"] = 1
            try session.renew(subject: "ada")
            session["b"] = 2
            try await session.save()
            try session.renew()
            session["c"] = 3
        }
        #expect(fields[values: .setCookie].count == 1)
        try await browser.visit(manager) { #expect($0.values.keys == ["a", "b", "c"]) }
        #expect(try await manager.sessions(of: "ada").count == 1)
        let logout = try await browser.visit(manager) { session in
            try session.renew()
            try session.end()
        }
        #expect(logout[values: .setCookie].count == 1)
        #expect(logout[.setCookie]?.contains("Max-Age=0") == true)
        #expect(try await store.liveSessions() == 0)
    }

    @Test("R33, CVE-2023-30861, CVE-2026-27205, CVE-2022-24894: Vary whenever the session was looked at")
    func vary() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        let uses: [(Session) throws -> Void] = [
            { _ = $0["n", as: Int.self] }, { _ = $0.exists }, { _ = $0.values.keys }, { $0["n"] = 2 },
            { try $0.renew() },
            { _ in },
        ]
        for use in uses {
            let fields = try await browser.visit(manager) { try use($0) }
            #expect(fields[.vary] == "Cookie")
            #expect((fields[.cacheControl] == "no-store") == (fields[.setCookie] != nil))
        }
    }

    @Test("An edit after the head has left is an error, and commit { } still works then")
    func lateEdits() async throws {
        let exchange = manager.exchange(for: browser.request)
        let session = try await exchange.session()
        session["n"] = 1
        try await browser.finish(exchange)
        for edit in [
            { try session.set(2, for: "n") }, { try session.remove("n") }, { try session.renew() },
            { try session.end() },
        ] {
            let error = #expect(throws: SessionError.self) { try edit() }
            #expect(error?.code == .alreadyCommitted)
        }
        #expect(try await session.commit { try $0.increment("n") } == 2)
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 2) }
    }

    @Test("A late commit cannot make a session: its cookie would come too late")
    func lateCreation() async throws {
        let exchange = manager.exchange(for: browser.request)
        let session = try await exchange.session()
        try await browser.finish(exchange)
        await #expect(throws: SessionError.self) { try await session.commit { $0["n"] = 1 } }
        #expect(try await manager.count() == 0)
    }

    @Test("A session that was made, and ended by somebody else before the response leaves, sets no cookie")
    func endedBetweenCommits() async throws {
        let exchange = manager.exchange(for: browser.request)
        let session = try await exchange.session()
        session["n"] = 1
        try await session.save()
        let id = try #require(session.id)
        #expect(try await manager.end(id))
        session["n"] = 2
        var fields = HTTPFields()
        let error = await #expect(throws: SessionError.self) { try await exchange.finish(&fields) }
        #expect(error?.code == .ended)
        #expect(fields[values: .setCookie].isEmpty)
    }

    @Test("A handler that fails loses its edits, and its end() happens")
    func abandoning() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        let failing = manager.exchange(for: browser.request)
        try await failing.session()["n"] = 2
        var fields = HTTPFields()
        try await failing.abandon(&fields)
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 1) }
        let ending = manager.exchange(for: browser.request)
        try await ending.session().end()
        try await ending.abandon(&fields)
        #expect(fields[.setCookie]?.contains("Max-Age=0") == true)
        try await browser.visit(manager) { #expect(!$0.exists) }
    }

    @Test("withSession serves a plain server in one call")
    func withSession() async throws {
        var fields = HTTPFields()
        let answer = try await manager.withSession(for: browser.request, responseFields: &fields) { session in
            session["n"] = 1
            return "hello"
        }
        #expect(answer == "hello")
        browser.keep(fields)
        struct Failure: Error {}
        await #expect(throws: Failure.self) {
            var fields = HTTPFields()
            try await manager.withSession(for: browser.request, responseFields: &fields) { session in
                session["n"] = 2
                throw Failure()
            }
        }
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 1) }
    }

    @Test("D33: a header-only client can sign in, renew and sign out")
    func headerTransport() async throws {
        let name = try #require(HTTPField.Name("X-Session"))
        var configuration = SessionManager.Configuration()
        configuration.cookie = nil
        configuration.headerName = name
        let manager = try SessionManager(store: store, configuration: configuration)
        var request = HTTPRequest(method: .post, scheme: "https", authority: "example.com", path: "/")
        var fields = HTTPFields()
        try await manager.withSession(for: request, responseFields: &fields) { try $0.renew(subject: "ada") }
        let first = try #require(fields[name])
        #expect(fields[.setCookie] == nil)
        #expect(fields[.vary] == "X-Session")
        request.headerFields[name] = first
        fields = HTTPFields()
        try await manager.withSession(for: request, responseFields: &fields) { try $0.renew() }
        let second = try #require(fields[name])
        #expect(second != first)
        request.headerFields[name] = second
        try await manager.withSession(for: request, responseFields: &fields) { try $0.end() }
        try await manager.withSession(for: request, responseFields: &fields) { #expect(!$0.exists) }
    }

    @Test("R27: tokens in the query, a header or the path are ignored by default")
    func otherPlaces() async throws {
        try await browser.visit(manager) { $0["n"] = 1 }
        let token = try #require(browser.cookie)
        var request = HTTPRequest(
            method: .get,
            scheme: "https",
            authority: "example.com",
            path: "/;jsessionid=\(token)?__Host-session=\(token)"
        )
        request.headerFields[.authorization] = "Bearer \(token)"
        #expect(try await !manager.exchange(for: request).session().exists)
    }

    @Test(
        "CVE-2022-46170, CVE-2011-4136, CVE-2020-13254, C13: two managers on one store do not accept each other's tokens"
    )
    func twoManagers() async throws {
        var configuration = SessionManager.Configuration()
        configuration.name = "admin"
        let admin = try SessionManager(store: store, configuration: configuration)
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        try await browser.visit(admin) { #expect(!$0.exists) }
        #expect(try await admin.sessions(of: "ada").isEmpty)
    }

    @Test("The address of the client is asked once by the request that makes a session, and not by one that reads it")
    func addressWhenNeeded() async throws {
        let asked = Mutex(0)
        @Sendable func address() -> String? {
            asked.withLock { $0 += 1 }
            return "10.1.2.3"
        }
        let first = manager.exchange(for: browser.request, peerAddress: address())
        try await first.session().set(1, for: SessionKey<Int>("n"))
        try await browser.finish(first)
        #expect(asked.withLock { $0 } == 1)
        #expect(try await manager.exchange(for: browser.request).session().clientLabels?.addressClass == "private")
        asked.withLock { $0 = 0 }
        let second = manager.exchange(for: browser.request, peerAddress: address())
        #expect(try await second.session()[SessionKey<Int>("n")] == 1)
        try await browser.finish(second)
        #expect(asked.withLock { $0 } == 0)
    }

    @Test("R16: a device list shows the client, and its ids are no cookies")
    func deviceList() async throws {
        var request = browser.request
        request.headerFields[.userAgent] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
        let exchange = manager.exchange(for: request, peerAddress: "10.1.2.3")
        try await exchange.session().renew(subject: "ada")
        try await browser.finish(exchange)
        let listed = try await manager.sessions(of: "ada")
        #expect(listed.first?.labels == SessionLabels(client: "Firefox on Linux", addressClass: "private"))
        let thief = Browser()
        thief.cookie = listed.first.map { "\($0.id)" }
        try await thief.visit(manager) { #expect(!$0.exists) }
        thief.cookie = String("\(try #require(listed.first).id)".prefix(43))
        try await thief.visit(manager) { #expect(!$0.exists) }
    }
}
