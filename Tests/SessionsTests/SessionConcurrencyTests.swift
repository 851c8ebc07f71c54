import HTTPTypes
import Sessions
import Synchronization
import Testing

/// Both ways of writing: with a store that renews in one step, and with one that has only the basics.
enum StoreKind: CaseIterable, Sendable {
    case full, basic

    func makeStore() -> any SessionStore {
        switch self {
        case .full: MemorySessionStore()
        case .basic: ScriptedStore()
        }
    }
}

@Suite("Requests side by side") struct SessionConcurrencyTests {
    let browser = Browser()

    /// Two requests that have both loaded the session before either commits.
    func race(
        _ manager: SessionManager,
        policy: SessionPolicy? = nil,
        first: (Session) throws -> Void,
        second: (Session) throws -> Void
    ) async throws {
        let tab = browser.copy()
        let exchange = manager.exchange(for: browser.request, policy: policy)
        let other = manager.exchange(for: tab.request, policy: policy)
        let session = try await exchange.session()
        let otherSession = try await other.session()
        try first(session)
        try second(otherSession)
        try await browser.finish(exchange)
        try await tab.finish(other)
    }

    @Test("D7, express-session#935: keys that a request did not touch keep the other one's values")
    func untouchedKeys() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        try await browser.visit(manager) { $0["a"] = 1 }
        try await race(manager) {
            $0["b"] = 2
        } second: {
            $0["c"] = 3
        }
        try await browser.visit(manager) { session in
            #expect(session.values.keys.sorted() == ["a", "b", "c"])
        }
    }

    @Test("An update is run again on the newer value")
    func updatesAddUp() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        try await browser.visit(manager) { $0["items"] = ["a"] }
        try await race(manager) {
            try $0.update("items", default: [String]()) { $0.append("b") }
        } second: {
            try $0.update("items", default: [String]()) { $0.append("c") }
        }
        try await browser.visit(manager) { #expect($0["items", as: [String].self] == ["a", "b", "c"]) }
    }

    @Test("A removal and an update of other keys both happen; removeAll takes what came in between")
    func removals() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        try await browser.visit(manager) { session in
            session["a"] = 1
            session["b"] = 2
        }
        try await race(manager) {
            try $0.remove("a")
        } second: {
            try $0.increment("b")
        }
        try await browser.visit(manager) { session in
            #expect(session.values.keys == ["b"])
            #expect(session["b", as: Int.self] == 3)
        }
        try await race(manager) {
            $0["c"] = 1
        } second: {
            try $0.removeAll()
        }
        try await browser.visit(manager) { session in
            #expect(session.exists)
            #expect(session.values.isEmpty)
        }
    }

    @Test("A plain set over a value that was read and has changed is reported, and wins by default")
    func lostUpdateIsReported() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        try await browser.visit(manager) { $0["n"] = 1 }
        var events = manager.events().makeAsyncIterator()
        try await race(manager) {
            $0["n"] = 10
        } second: { session in
            let n: Int? = session["n"]
            session["n"] = n.map { $0 + 1 }
        }
        let event = await events.next(isolation: nil)
        #expect(event?.kind == .lostUpdate)
        #expect(event?.key == "n")
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 2) }
    }

    @Test("With the policy to fail, the lost update fails the commit and nothing is written")
    func lostUpdateFails() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        try await browser.visit(manager) { $0["n"] = 1 }
        let error = await #expect(throws: SessionError.self) {
            try await race(manager, policy: SessionPolicy(onLostUpdate: .fail)) {
                $0["n"] = 10
            } second: { session in
                let n: Int? = session["n"]
                session["n"] = n.map { $0 + 1 }
                session["other"] = true
            }
        }
        #expect(error?.code == .lostUpdate)
        #expect(error?.message.contains("\"n\"") == true)
        try await browser.visit(manager) { session in
            #expect(session["n", as: Int.self] == 10)
            #expect(session["other", as: Bool.self] == nil)
        }
    }

    @Test("A set without a read, and a set to the same value, lose nothing")
    func harmlessSets() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        let policy = SessionPolicy(onLostUpdate: .fail)
        try await browser.visit(manager) { $0["n"] = 1 }
        try await race(manager, policy: policy) {
            $0["n"] = 10
        } second: {
            $0["n"] = 11
        }
        try await race(manager, policy: policy) {
            $0["n"] = 12
        } second: { session in
            let _: Int? = session["n"]
            session["n"] = 12
        }
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 12) }
    }

    @Test("Writing what is there already writes nothing")
    func equalValueIsNoWrite() async throws {
        let store = ScriptedStore()
        let manager = try SessionManager(store: store)
        try await browser.visit(manager) { $0["n"] = 1 }
        store.script { _, _ in .pass }
        try await browser.visit(manager) { session in
            session["n"] = 1
            try session.update("n", default: 0) { $0 += 0 }
        }
        #expect(store.calls == ["load"])
    }

    @Test("Several tasks of one request share one session, one load, and lose nothing")
    func tasksOfOneRequest() async throws {
        let store = ScriptedStore()
        let manager = try SessionManager(store: store)
        try await browser.visit(manager) { $0["n"] = 0 }
        store.script { _, _ in .pass }
        let exchange = manager.exchange(for: browser.request)
        try await withThrowingTaskGroup { group in
            for _ in 0..<100 {
                group.addTask {
                    let session = try await exchange.session()
                    try session.increment("n")
                    if Bool.random() { try await session.save() }
                }
            }
            try await group.waitForAll()
        }
        try await browser.finish(exchange)
        #expect(store.calls.count { $0 == "load" } == 1)
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 100) }
    }

    @Test("take gives a one-time value to exactly one of many callers")
    func takeOnce() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        try await browser.visit(manager) { $0["ticket"] = "A7" }
        let browser = browser
        let taken = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    let exchange = manager.exchange(for: browser.request)
                    let session = try await exchange.session()
                    await Task.yield()
                    return try await session.take(SessionKey<String>("ticket"))
                }
            }
            return try await group.reduce(into: [String]()) { if let ticket = $1 { $0.append(ticket) } }
        }
        #expect(taken == ["A7"])
    }

    @Test("flash shows a value once, and never removes a newer one unseen")
    func flash() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        let notice = SessionKey<String>("notice")
        try await browser.visit(manager) { try $0.set("saved", for: notice) }
        try await race(manager) {
            try $0.set("deleted", for: notice)
        } second: { session in
            #expect(session.flash(notice) == "saved")
        }
        try await browser.visit(manager) { #expect($0.flash(notice) == "deleted") }
        try await browser.visit(manager) { #expect($0.flash(notice) == nil) }
    }

    @Test(
        "T-RES, CVE-2025-46336, CVE-2025-32441, D6: no interleaving of a logout and a slow request brings a session back"
    )
    func logoutInterleavings() async throws {
        for kind in StoreKind.allCases {
            let manager = try SessionManager(store: kind.makeStore())
            var random = SplitMix(state: 6)
            for round in 0..<1000 {
                let browser = Browser()
                try await browser.visit(manager) { session in
                    try session.renew(subject: "ada")
                    session["n"] = 0
                }
                let thief = browser.copy()
                let steps = (0..<4).map { _ in Int(random.next() % 4) }
                let slow = manager.exchange(for: browser.request)
                let session = try await slow.session()
                let what = round % 3
                async let late: Void = {
                    for _ in 0..<steps[0] { await Task.yield() }
                    if what == 0 { try session.increment("n") }
                    if what == 1 { try session.renew() }
                    for _ in 0..<steps[1] { await Task.yield() }
                    var fields = HTTPFields()
                    try? await slow.finish(&fields)
                    if let cookie = fields[.setCookie], what != 1 {
                        Issue.record("a slow request set a cookie: \(cookie.count) bytes")
                    }
                    thief.keep(fields)
                }()
                for _ in 0..<steps[2] { await Task.yield() }
                let logout = browser.copy()
                try await logout.visit(manager) { session in
                    for _ in 0..<steps[3] { await Task.yield() }
                    try session.end()
                }
                try await late
                for visitor in [browser, thief] {
                    try await visitor.visit(manager) { session in
                        #expect(session.exists == false, "round \(round), \(kind)")
                    }
                }
            }
        }
    }

    @Test("One request at a time in exclusive mode, in the order in which they came")
    func exclusive() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        try await browser.visit(manager) { $0["n"] = 0 }
        let browser = browser
        let room = Room()
        try await withThrowingTaskGroup { group in
            for _ in 0..<50 {
                group.addTask {
                    let policy = SessionPolicy(exclusiveTimeout: .seconds(60))
                    try await browser.copy().visit(manager, policy: policy) { session in
                        room.enter()
                        let n: Int = session["n"] ?? 0
                        await Task.yield()
                        session["n"] = n + 1
                        room.leave()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(room.most == 1)
        try await browser.visit(manager) { #expect($0["n", as: Int.self] == 50) }
    }

    @Test("Exclusive mode gives up after its timeout, and the next request gets in once the first is done")
    func exclusiveTimeout() async throws {
        let clock = TestClock()
        let manager = try SessionManager(store: MemorySessionStore(), clock: clock)
        let policy = SessionPolicy(exclusiveTimeout: .seconds(5))
        try await browser.visit(manager) { $0["n"] = 0 }
        let first = manager.exchange(for: browser.request, policy: policy)
        _ = try await first.session()
        let request = browser.request
        let second = Task { try await manager.exchange(for: request, policy: policy).session() }
        await clock.untilSomebodySleeps()
        clock.advance(by: .seconds(5))
        let error = await #expect(throws: SessionError.self) { try await second.value }
        #expect(error?.code == .exclusiveTimeout)
        try await browser.finish(first)
        try await browser.visit(manager, policy: policy) { #expect($0.exists) }
    }

    @Test("A request that waited for an exclusive session that was ended meanwhile finds none")
    func exclusiveAfterEnd() async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        let policy = SessionPolicy(exclusiveTimeout: .seconds(60))
        try await browser.visit(manager) { $0["n"] = 0 }
        let first = manager.exchange(for: browser.request, policy: policy)
        try await first.session().end()
        let request = browser.request
        let second = Task { try await manager.exchange(for: request, policy: policy).session().exists }
        for _ in 0..<10 { await Task.yield() }
        try await browser.finish(first)
        #expect(try await second.value == false)
    }
}

/// Counts how many are inside at the same time.
private final class Room: Sendable {
    private let state = Mutex((inside: 0, most: 0))

    var most: Int { state.withLock { $0.most } }

    func enter() {
        state.withLock { state in
            state.inside += 1
            state.most = max(state.most, state.inside)
        }
    }

    func leave() { state.withLock { $0.inside -= 1 } }
}
