import HTTPTypes
import InMemoryLogging
import Logging
import ServiceLifecycle
import Sessions
import SessionsTesting
import Testing

private struct Item: Codable, Hashable, Sendable { var name = "" }
private struct User { var id = "ada", name = "Ada" }

extension SessionKey where Value == Int {
    fileprivate static var visits: Self { "visits" }
    fileprivate static var tickets: Self { "tickets" }
}
extension SessionKey where Value == [Item] { fileprivate static var cart: Self { "cart" } }
extension SessionKey where Value == String {
    fileprivate static var confirmationCode: Self { "confirmation-code" }
    fileprivate static var coupon: Self { "coupon" }
    fileprivate static var theme: Self { "theme" }
}

/// The guides' examples: what is printed there compiles, and does what the text says.
@Suite struct GuideTests {
    private let clock = ManualSessionClock()
    private let user = User()
    private let item = Item(name: "tea")
    private let request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")

    private func manager(_ configuration: SessionManager.Configuration = .init()) throws -> SessionManager {
        try SessionManager(store: MemorySessionStore(), configuration: configuration, clock: clock)
    }

    @Test("Documentation, Getting started: an exchange without a framework")
    func withoutAFramework() async throws {
        let sessions = try manager()
        func respond(to request: HTTPRequest) async throws -> HTTPResponse {
            let exchange = sessions.exchange(for: request, peerAddress: nil)
            var response = HTTPResponse(status: .ok)
            do {
                let session = try await exchange.session()
                try session.increment("visits")
            } catch {
                try await exchange.abandon(&response.headerFields)
                throw error
            }
            try await exchange.finish(&response.headerFields)
            return response
        }
        var jar = SessionCookieJar(host: "example.com", clock: clock)
        for visits in 1...3 {
            var request = request
            jar.add(to: &request)
            let response = try await respond(to: request)
            jar.receive(response.headerFields, for: request)
            #expect((response.headerFields[.setCookie] != nil) == (visits == 1))
        }
        #expect(try await sessions.count() == 1)
    }

    @Test("Getting started: values")
    func values() async throws {
        let sessions = try manager()
        let browser = Browser()
        try await browser.visit(sessions) { session in
            let items = session[.cart] ?? []
            #expect(items.isEmpty)
            session[.cart] = []
            try session.update(.cart, default: []) { [item] in $0.append(item) }
            session["name"] = "Ada"
            try session.set("1234", for: .confirmationCode, lifetime: .seconds(600))
            session["notice"] = "Your order is on its way."
        }
        try await browser.visit(sessions) { session in
            let name: String? = session["name"]
            #expect(name == "Ada")
            #expect(session[.cart] == [item])
            let notice: String? = session.flash("notice")
            #expect(notice == "Your order is on its way.")
            session[.cart] = nil
        }
        clock.advance(by: .seconds(601))
        try await browser.visit(sessions) { session in
            #expect(session.values.keys == ["name"])
        }
    }

    @Test("Lifetimes: a session may end after nine tenths of its idle time, and never lives longer")
    func drift() async throws {
        var configuration = SessionManager.Configuration()
        configuration.lifetime = .init(idle: .seconds(1000), absolute: .seconds(12 * 3600))
        let sessions = try manager(configuration)
        let browser = Browser()
        try await browser.visit(sessions) { $0["n"] = 1 }
        clock.advance(by: .seconds(99))
        try await browser.visit(sessions) { #expect($0.exists) }
        clock.advance(by: .seconds(902))
        try await browser.visit(sessions) { #expect(!$0.exists) }

        try await browser.visit(sessions) { $0["n"] = 1 }
        clock.advance(by: .seconds(100))
        try await browser.visit(sessions) { #expect($0.exists) }
        clock.advance(by: .milliseconds(999_999))
        try await browser.visit(sessions) { #expect($0.exists) }
        clock.advance(by: .seconds(1000))
        try await browser.visit(sessions) { #expect(!$0.exists) }
    }

    @Test("Lifetimes: remember me, until a later sign-in gives the configured lifetimes again")
    func rememberMe() async throws {
        let sessions = try manager()
        let browser = Browser()
        try await browser.visit(sessions) { session in
            try session.renew(subject: user.id)
            try session.setLifetime(idle: .seconds(14 * 86_400), absolute: .seconds(90 * 86_400))
        }
        clock.advance(by: .seconds(13 * 86_400))
        try await browser.visit(sessions) { session in
            #expect(session.subject == "ada")
            let signIn = try #require(session.authenticatedAt)
            let end = try #require(session.absoluteDeadline)
            #expect(end - signIn == .seconds(90 * 86_400))
            try session.renew(subject: user.id)
        }
        clock.advance(by: .seconds(3601))
        try await browser.visit(sessions) { #expect(!$0.exists) }
    }

    @Test("Lifetimes: rotation leads from the old token to the session, for the grace")
    func rotation() async throws {
        var configuration = SessionManager.Configuration()
        configuration.rotation = .init(interval: .seconds(900), grace: .seconds(60))
        let sessions = try manager(configuration)
        let browser = Browser()
        try await browser.visit(sessions) { $0["n"] = 1 }
        let late = browser.copy()
        let later = browser.copy()
        clock.advance(by: .seconds(900))
        try await browser.visit(sessions) { _ = $0["n", as: Int.self] }
        #expect(browser.cookie != late.cookie)
        clock.advance(by: .seconds(59))
        try await late.visit(sessions) { #expect($0["n"] == 1) }
        #expect(late.cookie == browser.cookie)
        clock.advance(by: .seconds(1))
        try await later.visit(sessions) { #expect(!$0.exists) }
    }

    @Test("Concurrency: what each call does when two requests run at once")
    func twoAtOnce() async throws {
        let sessions = try manager()
        let browser = Browser()
        try await browser.visit(sessions) { session in
            session[.coupon] = "SAVE10"
            session[.theme] = "light"
        }
        let exchanges = [sessions.exchange(for: browser.request), sessions.exchange(for: browser.request)]
        var tickets: Set<Int> = []
        var coupons: [String] = []
        var requests: [Session] = []
        for exchange in exchanges { requests.append(try await exchange.session()) }
        for (index, session) in requests.enumerated() {
            session[.theme] = "dark \(index)"
            try session.update(.cart, default: []) { [item] in $0.append(item) }
            try session.increment(.visits)
        }
        for session in requests {
            tickets.insert(try await session.commit { try $0.increment(.tickets) })
            if let coupon = try await session.take(.coupon) { coupons.append(coupon) }
        }
        try await browser.visit(sessions) { session in
            #expect(session[.theme] == "dark 1")
            #expect(session[.cart] == [item, item])
            #expect(session[.visits] == 2)
        }
        #expect(tickets == [1, 2])
        #expect(coupons == ["SAVE10"])
    }

    @Test(
        "Concurrency: a plain set of what was read loses counts, and is told",
        arguments: [
            SessionPolicy.LostUpdate.overwrite, .fail,
        ]
    )
    func lostUpdate(policy: SessionPolicy.LostUpdate) async throws {
        let sessions = try manager()
        let browser = Browser()
        try await browser.visit(sessions) { $0[.visits] = 0 }
        let exchange = sessions.exchange(for: browser.request, policy: SessionPolicy(onLostUpdate: policy))
        let session = try await exchange.session()
        session[.visits] = (session[.visits] ?? 0) + 1
        try await browser.visit(sessions) { try $0.increment(.visits, by: 10) }
        if policy == .fail {
            await #expect(throws: SessionError.self) { try await session.save() }
        } else {
            try await session.save()
        }
        try await browser.visit(sessions) { #expect($0[.visits] == (policy == .fail ? 10 : 1)) }
    }

    @Test("Signing in: devices, one by one and all")
    func devices() async throws {
        let sessions = try manager()
        let browsers = [Browser(), Browser(), Browser()]
        for browser in browsers { try await browser.visit(sessions) { try $0.renew(subject: user.id) } }
        var shown: [String] = []
        try await browsers[0].visit(sessions) { session in
            for info in try await sessions.sessions(of: user.id) {
                shown.append(info.labels.client ?? "unknown")
                shown.append(info.id == session.id ? "this device" : "")
            }
            let other = try #require(try await sessions.sessions(of: user.id).first { $0.id != session.id })
            let wasNotTheirs = try await sessions.end(other.id, of: "somebody else")
            #expect(!wasNotTheirs)
            let wasTheirs = try await sessions.end(other.id, of: user.id)
            #expect(wasTheirs)
            try await sessions.endAll(of: user.id, except: session.id)
            guard let time = session.authenticatedAt, clock.now - time < .seconds(300) else {
                Issue.record("signed in just now")
                return
            }
        }
        #expect(shown.filter { $0 == "this device" }.count == 1)
        #expect(try await sessions.sessions(of: user.id).count == 1)
        try await sessions.endAll(of: user.id)
        #expect(try await sessions.sessions(of: user.id).isEmpty)
    }

    @Test("Cookies and proxies: the configurations of the guide are accepted")
    func cookies() throws {
        var configuration = SessionManager.Configuration()
        configuration.cookie = SessionCookie(name: "__Secure-session", domain: "example.com", sameSite: .strict)
        configuration.trustedProxies = AddressRange.loopback + [AddressRange("10.1.0.0/16")].compactMap { $0 }
        configuration.headerName = HTTPField.Name("X-Session")
        #expect(configuration.trustedProxies.count == 3)
        _ = try manager(configuration)
        configuration.cookie = SessionCookie(name: "session", security: .never)
        _ = try manager(configuration)
        configuration.cookie = SessionCookie(security: .never)
        #expect(throws: SessionError.self) { try manager(configuration) }
    }

    @Test("Operating: events, listing and ending")
    func operating() async throws {
        let sessions = try manager()
        let events = sessions.events()
        let stranger = Browser()
        stranger.cookie = String(repeating: "A", count: 43)
        try await stranger.visit(sessions) { #expect(!$0.exists) }
        for await event in events where event.kind == .rejectedToken {
            #expect(event.id != nil)
            break
        }
        for _ in 0..<7 { try await Browser().visit(sessions) { try $0.renew(subject: "ada") } }
        var listed: Set<SessionID> = []
        var next: SessionStoreCursor?
        repeat {
            let page = try await sessions.page(after: next, limit: 2)
            for session in page.sessions { listed.insert(session.id) }
            next = page.next
        } while next != nil
        #expect(listed.count == 7)
        let one = try #require(listed.first)
        try await sessions.end(one)
        #expect(try await sessions.count() == 6)
        try await sessions.endAll(of: "ada")
        #expect(try await sessions.count() == 0)
        try await sessions.checkHealth()
    }

    @Test("Opening by name: addresses, config strings, JSON, keys of an application")
    func opening() async throws {
        let address = try await SessionManager.open("memory:?maximum=100000")
        #expect(address.configuration.cookie?.name == "__Host-session")
        let named = try await SessionManager.open(
            "memory",
            cookieName: "gosessionid",
            maxLifetime: .seconds(3600),
            config: ""
        )
        #expect(named.configuration.cookie?.name == "gosessionid")
        let json = try await SessionManager.open("memory", json: #"{"cookieName":"gosessionid","gclifetime":3600}"#)
        #expect(json.configuration.sweepInterval == .seconds(3600))
        #expect(json.configuration.lifetime.idle == .seconds(3600))
        let settings = ["sessionon": "true", "sessionprovider": "memory", "sessionname": "shop"]
        let old = try BeegoConfiguration(applicationConfiguration: settings)
        #expect(old.isEnabled)
        let store = try await SessionStoreRegistry.shared.makeStore(
            provider: old.providerName,
            config: old.providerConfig
        )
        let sessions = try SessionManager(store: store, configuration: old.configuration)
        #expect(sessions.configuration.cookie?.name == "shop")

        let registry = SessionStoreRegistry()
        try registry.register(
            SessionStoreProvider("couch") { location, context throws(SessionStoreError) in
                guard case .url(let url) = location else {
                    throw SessionStoreError(.misconfigured, "couch: give a URL")
                }
                try url.requireParameters(in: ["pool"])
                _ = try url.integer("pool", in: 1...1000) ?? 16
                return MemorySessionStore()
            }
        )
        _ = try await SessionManager.open("couch://db.example.com/sessions?pool=8", registry: registry)
        await #expect(throws: SessionStoreError.self) { try await registry.makeStore("couch://db.example.com/?pol=8") }
    }
}
