import HTTPTypes
import Sessions
import Testing

@Suite("Renewal") struct SessionRenewalTests {
    let browser = Browser()

    @Test(
        "R7, R30, CVE-2018-11385, CVE-2015-8124, CVE-2023-46733: the token changes at every sign-in and on demand",
        arguments: StoreKind.allCases
    )
    func tokenChanges(_ kind: StoreKind) async throws {
        let manager = try SessionManager(store: kind.makeStore())
        try await browser.visit(manager) { $0["a"] = 1 }
        var seen: Set<String?> = [browser.cookie]
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        #expect(seen.insert(browser.cookie).inserted)
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        #expect(seen.insert(browser.cookie).inserted)
        try await browser.visit(manager) { try $0.renew() }
        #expect(seen.insert(browser.cookie).inserted)
        try await browser.visit(manager) { session in
            #expect(session.subject == "ada")
            #expect(session["a", as: Int.self] == 1)
        }
    }

    @Test("The old token is dead for reading, writing and signing in, and says so", arguments: StoreKind.allCases)
    func oldTokenIsDead(_ kind: StoreKind) async throws {
        let manager = try SessionManager(store: kind.makeStore())
        try await browser.visit(manager) { $0["a"] = 1 }
        let old = browser.copy()
        try await browser.visit(manager) { try $0.renew() }
        let fields = try await old.visit(manager) { session in
            #expect(!session.exists)
            #expect(session["a", as: Int.self] == nil)
            let error = #expect(throws: SessionError.self) { try session.set(2, for: "a") }
            #expect(error?.code == .ended)
            let signIn = #expect(throws: SessionError.self) { try session.renew(subject: "eve") }
            #expect(signIn?.code == .ended)
        }
        #expect(fields[.setCookie] == nil)
    }

    @Test("Logging out with a superseded token ends the session that took its place", arguments: StoreKind.allCases)
    func endFollowsTheForwarder(_ kind: StoreKind) async throws {
        let manager = try SessionManager(store: kind.makeStore())
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        let old = browser.copy()
        try await browser.visit(manager) { try $0.renew() }
        try await old.visit(manager) { try $0.end() }
        try await browser.visit(manager) { #expect(!$0.exists) }
    }

    @Test("Renewing where there is no session does nothing")
    func renewWithoutSession() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        let fields = try await browser.visit(manager) { try $0.renew() }
        #expect(fields[.setCookie] == nil)
        #expect(try await manager.count() == 0)
    }

    @Test("Signing out with renew(subject: nil) keeps the values under a new token")
    func signOutKeepsValues() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        try await browser.visit(manager) { session in
            session["theme"] = "dark"
            try session.renew(subject: "ada")
        }
        let old = browser.copy()
        try await browser.visit(manager) { try $0.renew(subject: nil) }
        #expect(browser.cookie != old.cookie)
        try await browser.visit(manager) { session in
            #expect(session.subject == nil)
            #expect(session.authenticatedAt == nil)
            #expect(session["theme", as: String.self] == "dark")
        }
        #expect(try await manager.sessions(of: "ada").isEmpty)
    }

    @Test("Edits of another request that commits first come along in the renewal", arguments: StoreKind.allCases)
    func editsComeAlong(_ kind: StoreKind) async throws {
        let manager = try SessionManager(store: kind.makeStore())
        try await browser.visit(manager) { $0["n"] = 1 }
        let exchange = manager.exchange(for: browser.request)
        let session = try await exchange.session()
        try session.renew(subject: "ada")
        try session.increment("n")
        try await browser.copy().visit(manager) { try $0.increment("n", by: 10) }
        try await browser.finish(exchange)
        try await browser.visit(manager) { session in
            #expect(session["n", as: Int.self] == 12)
            #expect(session.subject == "ada")
        }
    }

    @Test("Of parallel sign-ins on one token one wins, the others are told", arguments: StoreKind.allCases)
    func oneWinner(_ kind: StoreKind) async throws {
        let manager = try SessionManager(store: kind.makeStore())
        try await browser.visit(manager) { $0["n"] = 1 }
        let browser = browser
        let won = await withTaskGroup(of: Bool.self) { group in
            for index in 0..<20 {
                group.addTask {
                    let tab = browser.copy()
                    do {
                        try await tab.visit(manager) { session in
                            await Task.yield()
                            try session.renew(subject: "user \(index)")
                        }
                        return true
                    } catch {
                        #expect((error as? SessionError)?.code == .ended)
                        #expect(tab.cookie == browser.cookie)
                        return false
                    }
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(won == 1)
    }

    @Test(
        "Parallel renewals and updates: every acknowledged update is in the one surviving session",
        arguments: StoreKind.allCases
    )
    func renewalsAndUpdates(_ kind: StoreKind) async throws {
        let manager = try SessionManager(store: kind.makeStore())
        try await browser.visit(manager) { $0["n"] = 0 }
        let shared = browser
        let acknowledged = await withTaskGroup(of: Int.self) { group in
            for index in 0..<200 {
                group.addTask {
                    // Every request uses the newest cookie that any response has brought, as a browser's tabs do.
                    do {
                        try await shared.visit(manager) { session in
                            await Task.yield()
                            if index % 10 == 0 { try session.renew() } else { try session.increment("n") }
                        }
                        return index % 10 == 0 ? 0 : 1
                    } catch {
                        #expect((error as? SessionError)?.code == .ended)
                        return 0
                    }
                }
            }
            return await group.reduce(0, +)
        }
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == acknowledged) }
        let live = try await manager.store.liveSessions()
        #expect(live == 1)
    }

    @Test(
        "T-RENEW-FAIL, tower-sessions#260: a store that fails in the midst of a renewal leaves the old session as it was",
        arguments: ["insert", "update"]
    )
    func failureKeepsTheOldSession(_ operation: String) async throws {
        let store = ScriptedStore()
        let manager = try SessionManager(store: store)
        try await browser.visit(manager) { $0["n"] = 1 }
        store.script { name, _ in name == operation ? .fail(.unavailable) : .pass }
        let error = await #expect(throws: SessionError.self) {
            try await browser.visit(manager) { try $0.renew(subject: "ada") }
        }
        #expect(error?.code == .unavailable)
        store.script { _, _ in .pass }
        try await browser.visit(manager) { session in
            #expect(session["n", as: Int.self] == 1)
            #expect(session.subject == nil)
        }
        #expect(try await store.liveSessions() == 1)
    }

    @Test("A renewal whose answer was lost is looked up: it counts if it took effect")
    func lostAnswer() async throws {
        let store = ScriptedStore()
        let manager = try SessionManager(store: store)
        try await browser.visit(manager) { $0["n"] = 1 }
        let old = browser.cookie
        store.script { name, _ in name == "update" ? .executeThenFail(.outcomeUnknown) : .pass }
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        #expect(browser.cookie != old)
        store.script { _, _ in .pass }
        try await browser.visit(manager) { #expect($0.subject == "ada") }
    }

    @Test("A renewal whose outcome stays unknown gives 503 and no cookie")
    func unknownOutcome() async throws {
        let store = ScriptedStore()
        let manager = try SessionManager(store: store)
        try await browser.visit(manager) { $0["n"] = 1 }
        let old = browser.cookie
        store.script { name, call in
            name == "update"
                ? .executeThenFail(.outcomeUnknown) : name == "load" && call > 1 ? .fail(.unavailable) : .pass
        }
        let exchange = manager.exchange(for: browser.request)
        try await exchange.session().renew(subject: "ada")
        var fields = HTTPFields()
        let error = await #expect(throws: SessionError.self) { try await exchange.finish(&fields) }
        #expect(error?.httpStatusCode == 503)
        #expect(fields[.setCookie] == nil)
        #expect(browser.cookie == old)
    }

    @Test("I7, T-COLLIDE: a random source that repeats itself never joins two sessions")
    func repeatingRandomSource() async throws {
        struct Repeating: SessionRandom {
            func fill(_ buffer: UnsafeMutableRawBufferPointer) {
                for index in buffer.indices { buffer[index] = 7 }
            }
        }
        let manager = try SessionManager(store: MemorySessionStore(), random: Repeating())
        try await browser.visit(manager) { $0["name"] = "Ada" }
        let stranger = Browser()
        let error = await #expect(throws: SessionError.self) {
            try await stranger.visit(manager) { $0["name"] = "Eve" }
        }
        #expect(error?.code == .unavailable)
        #expect(stranger.cookie == nil)
        let renewal = await #expect(throws: SessionError.self) { try await browser.visit(manager) { try $0.renew() } }
        #expect(renewal?.code == .unavailable)
        try await browser.visit(manager) { #expect($0["name", as: String.self] == "Ada") }
    }

    @Test("CVE-2014-0482: the subject cannot change without a new token")
    func subjectNeedsRenewal() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        let old = browser.copy()
        try await browser.visit(manager) { try $0.renew(subject: "bob") }
        try await old.visit(manager) { #expect($0.subject == nil) }
        #expect(try await manager.sessions(of: "ada").isEmpty)
        #expect(try await manager.sessions(of: "bob").count == 1)
    }

    @Test("A subject is 1 to 1024 bytes", arguments: ["", String(repeating: "x", count: 1025)])
    func subjectLength(_ subject: String) async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        try await browser.visit(manager) { session in
            let error = #expect(throws: SessionError.self) { try session.renew(subject: subject) }
            #expect(error?.code == .invalidSubject)
        }
    }
}

extension SessionStore {
    /// The number of live sessions, forwarders left out.
    func liveSessions() async throws -> Int {
        let store: any EnumerableSessionStore =
            if let scripted = self as? ScriptedStore { scripted.base } else {
                try #require(self as? any EnumerableSessionStore)
            }
        let now = SystemSessionClock().now
        return try await store.page(after: nil, limit: 1000, now: now).entries.count { !$0.record.isForwarder }
    }
}
