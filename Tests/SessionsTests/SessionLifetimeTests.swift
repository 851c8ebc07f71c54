import HTTPTypes
import Sessions
import Testing

@Suite("Lifetimes") struct SessionLifetimeTests {
    let clock = TestClock()
    let store = ScriptedStore()
    let browser = Browser()

    func manager(_ configure: (inout SessionManager.Configuration) -> Void = { _ in }) throws -> SessionManager {
        var configuration = SessionManager.Configuration()
        configuration.lifetime = .init(idle: .seconds(100), absolute: .seconds(1000))
        configure(&configuration)
        return try SessionManager(store: store, configuration: configuration, clock: clock)
    }

    @Test("R8: an idle session is alive 1 ms before its deadline and dead at it")
    func idleDeadline() async throws {
        let manager = try manager()
        try await browser.visit(manager) { $0["a"] = 1 }
        clock.advance(by: .milliseconds(99_999))
        let early = manager.exchange(for: browser.request)
        #expect(try await early.session().exists)
        clock.advance(by: .milliseconds(1))
        try await browser.visit(manager) { #expect(!$0.exists) }
    }

    @Test("R8: reading extends the life, at most once per tenth of the idle time")
    func throttledExtension() async throws {
        let manager = try manager()
        try await browser.visit(manager) { $0["a"] = 1 }
        store.script { _, _ in .pass }
        clock.advance(by: .milliseconds(9_999))
        try await browser.visit(manager)
        #expect(store.calls == ["load"])
        clock.advance(by: .milliseconds(1))
        try await browser.visit(manager) { #expect($0.lastSeenAt == clock.now - .seconds(10)) }
        #expect(store.calls == ["load", "load", "touch"])
        try await browser.visit(manager) { #expect($0.expiresAt == clock.now + .seconds(100)) }
        #expect(store.calls == ["load", "load", "touch", "load"])
    }

    @Test("A touch moves the deadline and nothing else")
    func touchKeepsTheRecord() async throws {
        let manager = try manager()
        try await browser.visit(manager) { $0["a"] = 1 }
        clock.advance(by: .seconds(50))
        try await browser.visit(manager)
        try await browser.visit(manager) { session in
            #expect(session.revision == 1)
            #expect(session.expiresAt == clock.now + .seconds(100))
        }
    }

    @Test("R9: a busy session dies at its absolute deadline, renewals or not")
    func absoluteDeadline() async throws {
        let manager = try manager()
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        for _ in 0..<19 {
            clock.advance(by: .seconds(50))
            try await browser.visit(manager) { session in
                #expect(session.exists)
                try session.renew()
            }
        }
        clock.advance(by: .milliseconds(49_999))
        try await browser.visit(manager) { #expect($0.exists) }
        clock.advance(by: .milliseconds(1))
        try await browser.visit(manager) { #expect(!$0.exists) }
    }

    @Test("Signing in starts the absolute clock anew")
    func signInRestartsTheClock() async throws {
        let manager = try manager()
        try await browser.visit(manager) { $0["a"] = 1 }
        clock.advance(by: .seconds(50))
        try await browser.visit(manager) { try $0.renew(subject: "ada") }
        try await browser.visit(manager) { session in
            #expect(session.absoluteDeadline == clock.now + .seconds(1000))
            #expect(session.authenticatedAt == clock.now)
            #expect(session.createdAt == clock.now - .seconds(50))
        }
    }

    @Test("A session can have lifetimes of its own, which renewals keep and sign-ins reset")
    func ownLifetime() async throws {
        let manager = try manager()
        try await browser.visit(manager) { session in
            try session.renew(subject: "ada")
            try session.setLifetime(idle: .seconds(5000), absolute: .seconds(9000))
        }
        clock.advance(by: .seconds(4000))
        try await browser.visit(manager) { try $0.renew() }
        try await browser.visit(manager) { session in
            #expect(session.expiresAt == clock.now + .seconds(5000))
            #expect(session.absoluteDeadline == clock.now + .seconds(5000))
            try session.renew(subject: "ada")
        }
        try await browser.visit(manager) { #expect($0.expiresAt == clock.now + .seconds(100)) }
    }

    @Test("Changing the lifetimes of a stored session is a commit")
    func lifetimeOfStoredSession() async throws {
        let manager = try manager()
        try await browser.visit(manager) { $0["a"] = 1 }
        try await browser.visit(manager) { try $0.setLifetime(idle: .seconds(200), absolute: .seconds(300)) }
        try await browser.visit(manager) { session in
            #expect(session.expiresAt == clock.now + .seconds(200))
            #expect(session.absoluteDeadline == clock.now + .seconds(300))
        }
    }

    @Test(
        "T1: lifetimes out of range are refused by name",
        arguments: [
            Duration.zero, .seconds(-1), .milliseconds(999), .seconds(401 * 86_400), .seconds(Int64.max),
        ]
    )
    func lifetimeRange(_ lifetime: Duration) throws {
        let idle = #expect(throws: SessionError.self) {
            try manager { $0.lifetime.idle = lifetime }
        }
        #expect(idle?.code == .misconfigured)
        #expect(idle?.message.contains("lifetime.idle") == true)
        let absolute = #expect(throws: SessionError.self) {
            try manager { $0.lifetime.absolute = lifetime }
        }
        #expect(absolute?.message.contains("lifetime.absolute") == true)
    }

    @Test("T2: a session made in the future is not believed")
    func clockWentBack() async throws {
        let manager = try manager { $0.lifetime = .init(idle: .seconds(3600), absolute: .seconds(7200)) }
        clock.advance(by: .seconds(600))
        try await browser.visit(manager) { $0["a"] = 1 }
        let earlier = TestClock()
        let other = try SessionManager(store: store, clock: earlier)
        try await browser.visit(other) { #expect(!$0.exists) }
        earlier.advance(by: .seconds(300))
        try await browser.visit(other) { #expect($0.exists) }
    }

    @Test("T4: expiry between load and commit is final")
    func expiryBeforeCommit() async throws {
        let manager = try manager()
        try await browser.visit(manager) { $0["a"] = 1 }
        let exchange = manager.exchange(for: browser.request)
        try await exchange.session()["a"] = 2
        clock.advance(by: .seconds(100))
        let error = await #expect(throws: SessionError.self) { try await browser.finish(exchange) }
        #expect(error?.code == .ended)
        try await browser.visit(manager) { #expect(!$0.exists) }
    }

    @Test("A value with a lifetime is gone after it, without a write, and leaves the record with the next commit")
    func valueLifetime() async throws {
        let manager = try manager()
        try await browser.visit(manager) { session in
            try session.set("123456", for: "code", lifetime: .seconds(5))
            session["name"] = "Ada"
        }
        clock.advance(by: .milliseconds(4_999))
        try await browser.visit(manager) { #expect($0["code", as: String.self] == "123456") }
        clock.advance(by: .milliseconds(1))
        store.script { _, _ in .pass }
        try await browser.visit(manager) { session in
            #expect(session["code", as: String.self] == nil)
            #expect(session.values.keys == ["name"])
        }
        #expect(store.calls == ["load"])
        try await browser.visit(manager) { session in
            session["name"] = "Bob"
        }
        let id = try #require(try await store.base.page(after: nil, limit: 1, now: clock.now).entries.first)
        #expect(id.record.values(at: .distantPast).keys == ["name"])
    }

    @Test("An update keeps the lifetime of its value")
    func updateKeepsValueLifetime() async throws {
        let manager = try manager()
        try await browser.visit(manager) { try $0.set(1, for: "tries", lifetime: .seconds(5)) }
        try await browser.visit(manager) { try $0.increment("tries") }
        clock.advance(by: .seconds(5))
        try await browser.visit(manager) { #expect($0["tries", as: Int.self] == nil) }
    }

    @Test("A sweep reports what has expired, and run() sweeps until it is cancelled")
    func sweeping() async throws {
        let memory = MemorySessionStore()
        var configuration = SessionManager.Configuration()
        configuration.lifetime = .init(idle: .seconds(100), absolute: .seconds(1000))
        let manager = try SessionManager(store: memory, configuration: configuration, clock: clock)
        for _ in 0..<10 { try await Browser().visit(manager) { $0["a"] = 1 } }
        #expect(try await manager.sweep() == 0)
        clock.advance(by: .seconds(99))
        try await browser.visit(manager) { $0["a"] = 1 }
        var events = manager.events().makeAsyncIterator()
        let running = Task { try await manager.run() }
        await clock.untilSomebodySleeps()
        clock.advance(by: .seconds(60))
        for _ in 0..<10 {
            let event = await events.next(isolation: nil)
            #expect(event?.kind == .expired)
        }
        running.cancel()
        try await running.value
        #expect(try await manager.count() == 1)
    }
}
