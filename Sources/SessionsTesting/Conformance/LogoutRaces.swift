import HTTPTypes
import Sessions

extension SessionStoreConformance.Check {
    static let logoutBesideRequests = Self(
        "Of a thousand logouts beside a slow request of the same session none is undone",
        needsManager: true
    ) { context in
        try await SessionStoreConformance.logoutRaces(count: 1000, context)
    }
}

extension SessionStoreConformance {
    private static let countKey = SessionKey<Int>("count")

    /// Each with its own session, some at a time; the logout is another server's where there are two.
    fileprivate static func logoutRaces(count: Int, _ context: Context) async throws {
        let configuration = makeConfiguration(name: context.makeID().description)
        func manager(_ store: any SessionStore) throws -> SessionManager {
            try SessionManager(store: store, configuration: configuration, clock: context.clock)
        }
        let first = try manager(context.store)
        let second = try manager(try await context.secondStore() ?? context.store)
        let width = 16
        var undone = 0
        for start in stride(from: 0, to: count, by: width) {
            let survivors = try await concurrently(min(width, count - start)) { index in
                try await survivesLogout(round: start + index, first, second, context)
            }
            undone += survivors.count { $0 }
        }
        context.expect(undone, is: 0, "a session that was ended stays ended, whatever a request does that has it open")
    }

    /// - Returns: Whether the session is there after its end.
    private static func survivesLogout(
        round: Int,
        _ first: SessionManager,
        _ second: SessionManager,
        _ context: Context
    ) async throws -> Bool {
        // Another interleaving in each round, and the same ones each time.
        var random = UInt64(round) &* 0x9E37_79B9_7F4A_7C15
        func pause() async {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            for _ in 0..<Int(random >> 60) { await Task.yield() }
        }
        let browser = ConformanceBrowser(clock: context.clock)
        try await browser.visit(first) { session in
            try session.renew(subject: "subject \(round)")
            session[countKey] = 0
        }
        let token = try context.require(browser.token, "a sign-in sets a cookie")
        let slow = first.exchange(for: browser.request)
        let session = try await slow.session()
        await pause()
        async let late: Void = {
            var fields = HTTPFields()
            do {
                if round % 3 == 0 { try session.increment(countKey) }
                if round % 3 == 1 { try session.renew() }
                await Task.yield()
                try await slow.finish(&fields)
            } catch is SessionError {
                // It has lost, and says so.
                try? await slow.abandon(&fields)
            }
            browser.receive(fields)
        }()
        await pause()
        try await ConformanceBrowser(clock: context.clock, token: token).visit(second) { session in
            for _ in 0..<(round % 5) { await Task.yield() }
            try session.end()
        }
        try await late
        for token in [token, browser.token].compactMap(\.self) {
            // A near cache may not have heard of it yet.
            if try await ConformanceBrowser(clock: context.clock, token: token).finds(first, .fresh) { return true }
        }
        return false
    }
}
