import HTTPTypes
import Sessions
import Testing

@Suite("Editing") struct SessionEditingTests {
    let browser = Browser()

    func manager(_ limits: SessionLimits = .init()) throws -> SessionManager {
        var configuration = SessionManager.Configuration()
        configuration.limits = limits
        return try SessionManager(store: MemorySessionStore(), configuration: configuration)
    }

    @Test("CVE-2018-11386, CVE-2016-4423: what exceeds a limit is refused, and what is stored stays")
    func limits() async throws {
        let manager = try manager(SessionLimits(bytesPerValue: 100, bytesPerSession: 150, keysPerSession: 3))
        try await browser.visit(manager) { $0["a"] = "kept" }
        try await browser.visit(manager) { session in
            let value = #expect(throws: SessionError.self) {
                try session.set(String(repeating: "x", count: 99), for: "b")
            }
            #expect(value?.code == .valueTooLarge)
            #expect(value?.httpStatusCode == 413)
            try session.set(String(repeating: "x", count: 90), for: "b")
            let whole = #expect(throws: SessionError.self) {
                try session.set(String(repeating: "x", count: 90), for: "c")
            }
            #expect(whole?.code == .sessionTooLarge)
            try session.set(1, for: "c")
            let keys = #expect(throws: SessionError.self) { try session.set(1, for: "d") }
            #expect(keys?.code == .tooManyKeys)
            #expect(throws: SessionError.self) { try session.update("b", default: "") { $0 += "0123456789012345" } }
        }
        try await browser.visit(manager) { session in
            #expect(session.values.keys == ["a", "b", "c"])
            #expect(session["a", as: String.self] == "kept")
        }
    }

    @Test("An assignment that cannot be stored fails the commit, all of it")
    func assignmentFailsTheCommit() async throws {
        let manager = try manager(SessionLimits(bytesPerValue: 100))
        try await browser.visit(manager) { $0["a"] = 1 }
        let error = await #expect(throws: SessionError.self) {
            try await browser.visit(manager) { session in
                session["a"] = 2
                session["b"] = String(repeating: "x", count: 200)
            }
        }
        #expect(error?.code == .valueTooLarge)
        let nan = await #expect(throws: SessionError.self) { try await browser.visit(manager) { $0["c"] = Double.nan } }
        #expect(nan?.code == .unencodableValue)
        try await browser.visit(manager) { #expect($0["a", as: Int.self] == 1) }
    }

    @Test("P4, D32: a value of another type is isolated and reported; the rest of the session lives")
    func undecodableValue() async throws {
        let manager = try manager()
        try await browser.visit(manager) { session in
            session["a"] = "text"
            session["b"] = 2
        }
        var events = manager.events().makeAsyncIterator()
        try await browser.visit(manager) { session in
            #expect(session["a", as: Int.self] == nil)
            #expect(session["b", as: Int.self] == 2)
            let error = #expect(throws: SessionError.self) { try session.value(for: SessionKey<Int>("a")) }
            #expect(error?.code == .undecodableValue)
            #expect(throws: SessionError.self) { try session.increment("a") }
            #expect(throws: SessionError.self) { try session.update("a", default: 0) { $0 += 1 } }
        }
        let event = await events.next(isolation: nil)
        #expect(event?.kind == .undecodableValue)
        #expect(event?.key == "a")
        try await browser.visit(manager) { #expect($0["a", as: String.self] == "text") }
    }

    @Test("Names are 1 to 255 bytes, and any text", arguments: ["", String(repeating: "k", count: 256)])
    func names(_ name: String) async throws {
        let manager = try manager()
        try await browser.visit(manager) { session in
            let error = #expect(throws: SessionError.self) { try session.set(1, for: SessionKey<Int>(name)) }
            #expect(error?.code == .invalidKey)
            try session.set(1, for: "../'; DROP TABLE\u{0}\r\n\u{1F36A}")
        }
        try await browser.visit(manager) { #expect($0["../'; DROP TABLE\u{0}\r\n\u{1F36A}", as: Int.self] == 1) }
    }

    @Test("An integer does not overflow")
    func overflow() async throws {
        let manager = try manager()
        try await browser.visit(manager) { session in
            session["n"] = Int.max
            #expect(throws: SessionError.self) { try session.increment("n") }
            session["n"] = Int.min
            #expect(throws: SessionError.self) { try session.increment("n", by: -1) }
        }
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == Int.min) }
    }

    @Test("What an update throws leaves the session as it was, also when it throws in a second run")
    func throwingUpdate() async throws {
        struct SoldOut: Error {}
        let manager = try manager()
        let buy: @Sendable (inout Int) throws -> Void = { stock in
            guard stock > 0 else { throw SoldOut() }
            stock -= 1
        }
        try await browser.visit(manager) { $0["stock"] = 1 }
        let slow = manager.exchange(for: browser.request)
        try await slow.session().update("stock", default: 0, buy)
        try await browser.visit(manager) { try $0.update("stock", default: 0, buy) }
        await #expect(throws: SoldOut.self) { try await browser.finish(slow) }
        await #expect(throws: SoldOut.self) {
            try await browser.visit(manager) { try $0.update("stock", default: 0, buy) }
        }
        try await browser.visit(manager) { #expect($0["stock", as: Int.self] == 0) }
    }

    @Test("discard drops edits and renewals")
    func discard() async throws {
        let manager = try manager()
        try await browser.visit(manager) { $0["a"] = 1 }
        let fields = try await browser.visit(manager) { session in
            session["a"] = 2
            try session.renew(subject: "ada")
            session.discard()
            #expect(session["a", as: Int.self] == 1)
            #expect(session.subject == nil)
        }
        #expect(fields[.setCookie] == nil)
    }

    @Test("Setting nil removes; Codable values, dates and nested optionals come back as they went")
    func codableValues() async throws {
        struct Item: Codable, Sendable, Equatable {
            var name: String
            var price: Double
            var tags: [String: [Int?]]
        }
        let manager = try manager()
        let item = Item(name: "Tea \u{1F375} \"green\"", price: 0.1, tags: ["a": [1, nil], "b": []])
        try await browser.visit(manager) { session in
            session["item"] = item
            session["flag"] = true
            session["gone"] = 1
        }
        try await browser.visit(manager) { session in
            #expect(session["item", as: Item.self] == item)
            #expect(session["flag", as: Bool.self] == true)
            session["gone"] = Int?.none
        }
        try await browser.visit(manager) { #expect($0.values.keys == ["item", "flag"]) }
    }

    @Test("CVE-2013-7489, CVE-2020-9484, CVE-2016-3171: a record holds JSON and no names of types to make objects from")
    func noTypeNames() async throws {
        struct GadgetChain: Codable, Sendable {
            var command: String
        }
        let store = MemorySessionStore()
        let manager = try SessionManager(store: store)
        try await browser.visit(manager) { $0["item"] = GadgetChain(command: "true") }
        let now = SystemSessionClock().now
        let entry = try #require(try await store.page(after: nil, limit: 1, now: now).entries.first)
        let text = String(decoding: entry.record.encoded(for: entry.id), as: UTF8.self)
        #expect(text.hasSuffix(#"item{"command":"true"}"#))
        #expect(!text.contains("GadgetChain"))
    }

    @Test("After end() a request can neither edit nor sign in any more")
    func editAfterEnd() async throws {
        let manager = try manager()
        try await browser.visit(manager) { $0["a"] = 1 }
        try await browser.visit(manager) { session in
            try session.end()
            let error = #expect(throws: SessionError.self) { try session.set(1, for: "b") }
            #expect(error?.code == .ended)
            try await session.save()
            #expect(throws: SessionError.self) { try session.renew(subject: "ada") }
            #expect(!session.exists)
        }
        #expect(browser.cookie == nil)
        #expect(try await manager.count() == 0)
    }
}
