import Logging
import Sessions
import Testing

@testable import SessionsTesting

/// Fails the first, second, … call of the store in every operation of a manager, until the operation runs to its end, and looks
/// at what is left with a manager that has seen nothing of it.
@Suite("Whichever call of the store fails, a session is as it was or as it should be")
struct SessionFaultTests {
    /// How a call fails.
    enum Fault: CaseIterable, Sendable {
        case notExecuted, requestLost, answerLost
        /// Neither the answer comes nor that of the look-up that clears up what happened.
        case answerAndNextCallLost
        /// This call and all after it: what the death of the process leaves.
        case outage

        func inject<Base>(into store: FaultInjectingSessionStore<Base>, call: Int) {
            switch self {
            case .notExecuted: store.inject(.unavailable, call: call)
            case .requestLost: store.inject(.lostRequest, call: call)
            case .answerLost: store.inject(.lostAnswer, call: call)
            case .answerAndNextCallLost:
                store.inject(.lostAnswer, call: call)
                store.inject(.unavailable, call: call + 1)
            case .outage:
                for later in call..<call + 40 { store.inject(.unavailable, call: later) }
            }
        }
    }

    @Test("With a store that renews in one step", arguments: FaultyOperation.allCases, Fault.allCases)
    func oneStep(_ operation: FaultyOperation, _ fault: Fault) async throws {
        try await failEachCall(of: operation, fault) { MemorySessionStore() }
    }

    @Test("With a store that renews in several steps", arguments: FaultyOperation.allCases, Fault.allCases)
    func severalSteps(_ operation: FaultyOperation, _ fault: Fault) async throws {
        // These two are for stores with abilities that this one lacks.
        guard operation != .sweep, operation != .page else {
            let manager = try SessionManager(store: StepwiseSessionStore(base: MemorySessionStore()))
            #expect(try await manager.sweep() == 0)
            await #expect { try await manager.page() } throws: { ($0 as? SessionError)?.code == .unsupported }
            return
        }
        try await failEachCall(of: operation, fault) { StepwiseSessionStore(base: MemorySessionStore()) }
    }

    private func failEachCall<Base: SubjectIndexingSessionStore>(
        of operation: FaultyOperation,
        _ fault: Fault,
        on makeStore: () -> Base
    ) async throws {
        var isComplete = false
        for call in 1...60 where !isComplete {
            let world = try FaultWorld(makeStore())
            try await operation.prepare(world)
            let store = FaultInjectingSessionStore(world.store)
            fault.inject(into: store, call: call)
            let failure = await world.perform(
                operation,
                with: try world.makeManager(store, rotates: operation == .rotate)
            )
            let place = "call \(call), \(store.calls.prefix(call).last.map { "\($0)" } ?? "none")"
            isComplete = store.calls.count < call
            if isComplete { #expect(failure == nil, "without a fault it throws nothing") }
            #expect(failure == nil || failure == .unavailable, "\(place): the error is that of an outage")
            try await operation.check(world, hasFailed: failure != nil, place)
        }
        #expect(isComplete, "the operation ends within 60 calls")
    }
}

/// A store, the browsers that have sessions in it, and the time.
struct FaultWorld<Base: SubjectIndexingSessionStore> {
    let store: Base
    let clock = TestClock()
    /// The manager that looks and prepares: no fault ever comes to it.
    let manager: SessionManager
    let browser = Browser()
    let others = [Browser(), Browser()]

    static var count: SessionKey<Int> { .init("count") }

    init(_ store: Base) throws {
        self.store = store
        manager = try SessionManager(store: store, clock: clock)
    }

    func makeManager(_ store: any SessionStore, rotates: Bool) throws -> SessionManager {
        var configuration = SessionManager.Configuration()
        if rotates { configuration.rotation = .init(interval: .seconds(60), grace: .seconds(60)) }
        return try SessionManager(
            store: store,
            configuration: configuration,
            clock: clock,
            // A thousand outages that were asked for are no news.
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    func perform(_ operation: FaultyOperation, with manager: SessionManager) async -> SessionError.Code? {
        do {
            try await operation.perform(self, with: manager)
            return nil
        } catch {
            return (error as? SessionError)?.code ?? .misconfigured
        }
    }

    /// What a request with a cookie would see.
    struct State: Equatable {
        var count: Int?
        var subject: String?
        var expiresAt: SessionInstant?

        static var none: Self { .init() }
    }

    func state(of browser: Browser) async throws -> State {
        let session = try await manager.exchange(for: browser.request).session(.fresh)
        return State(count: session[Self.count], subject: session.subject, expiresAt: session.expiresAt)
    }

    func count(of browser: Browser) async throws -> Int? { try await state(of: browser).count }
}

enum FaultyOperation: CaseIterable, Sendable {
    case create, createSignedIn, edit, signIn, changeSubject, renew, rotate, touch
    case end, endByID, endAll, list, sweep, page

    /// Makes what the operation works on.
    func prepare<Base>(_ world: FaultWorld<Base>) async throws {
        let key = FaultWorld<Base>.count
        switch self {
        case .create, .createSignedIn:
            return
        case .edit, .signIn, .renew, .rotate, .touch:
            try await world.browser.visit(world.manager) { $0[key] = 1 }
        case .changeSubject, .end, .endByID, .endAll, .list, .sweep, .page:
            for browser in [world.browser] + world.others {
                try await browser.visit(world.manager) {
                    try $0.renew(subject: browser === world.others[1] ? "bob" : "ann")
                    $0[key] = 1
                }
            }
        }
        if self == .touch || self == .rotate { world.clock.advance(by: .seconds(600)) }
        if self == .sweep {
            world.clock.advance(by: .seconds(1800))
            try await world.others[0].visit(world.manager)
            world.clock.advance(by: .seconds(1900))
        }
    }

    func perform<Base>(_ world: FaultWorld<Base>, with manager: SessionManager) async throws {
        let key = FaultWorld<Base>.count
        switch self {
        case .create, .edit, .rotate:
            try await world.browser.visit(manager) { try $0.increment(key) }
        case .createSignedIn, .signIn:
            try await world.browser.visit(manager) {
                try $0.renew(subject: "ann")
                try $0.increment(key)
            }
        case .changeSubject:
            try await world.browser.visit(manager) {
                try $0.renew(subject: "bob")
                try $0.increment(key)
            }
        case .renew:
            try await world.browser.visit(manager) {
                try $0.renew()
                try $0.increment(key)
            }
        case .touch:
            try await world.browser.visit(manager) { _ = $0[key] }
        case .end:
            try await world.browser.visit(manager) { try $0.end() }
        case .endByID:
            let id = try await world.manager.exchange(for: world.browser.request).session().id
            #expect(try await manager.end(try #require(id)))
        case .endAll:
            try await manager.endAll(of: "ann")
        case .list:
            #expect(try await manager.sessions(of: "ann").count == 2)
        case .sweep:
            try await manager.sweep()
        case .page:
            #expect(try await manager.page().sessions.count == 3)
        }
    }

    /// Looks at what is left.
    /// - Parameter place: The call that failed, for messages.
    func check<Base>(_ world: FaultWorld<Base>, hasFailed: Bool, _ place: String) async throws {
        let browser = world.browser
        let former = Browser()
        former.cookie = browser.cookie
        switch self {
        case .create:
            #expect((browser.cookie != nil) != hasFailed, "\(place): a cookie for a session that is there")
            #expect(try await world.count(of: browser) == (hasFailed ? nil : 1), "\(place)")
        case .createSignedIn:
            #expect((browser.cookie != nil) != hasFailed, "\(place): a cookie for a session that is there")
            #expect(try await world.count(of: browser) == (hasFailed ? nil : 1), "\(place)")
            // One whose answer was lost is there without anybody having its token; its subject sees it, and can end it.
            let listed = try await world.manager.sessions(of: "ann").count
            #expect(hasFailed ? 0...1 ~= listed : listed == 1, "\(place): \(listed) sessions")
            try await expectAllEnd(of: "ann", world, place)
        case .edit:
            let count = try await world.count(of: browser)
            #expect(hasFailed ? count == 1 || count == 2 : count == 2, "\(place): once or not at all")
        case .touch:
            let state = try await world.state(of: browser)
            #expect(state.count == 1, "\(place)")
            #expect(!hasFailed || place.hasSuffix("load"), "\(place): who only reads is not told")
            let deadline = try #require(state.expiresAt)
            let age = world.clock.now + .seconds(3600) - deadline
            #expect(age == .zero || age == .seconds(600), "\(place): the deadline before or after")
        case .rotate:
            // Old or new: whoever has the old cookie reaches the session all the same.
            let count = try await world.count(of: browser)
            #expect(hasFailed ? count == 1 || count == 2 : count == 2, "\(place): once or not at all")
        case .signIn, .changeSubject, .renew:
            try await checkRenewal(world, hasFailed: hasFailed, place)
        case .end, .endByID:
            let count = try await world.count(of: former)
            #expect(hasFailed ? count == nil || count == 1 : count == nil, "\(place): there or not")
            #expect(try await world.count(of: world.others[0]) == 1, "\(place): others are not concerned")
            let listed = try await world.manager.sessions(of: "ann").count
            #expect(listed == (count == nil ? 1 : 2), "\(place): the index agrees")
            try await expectAllEnd(of: "ann", world, place)
        case .endAll:
            let live = try await liveCount(of: [browser, world.others[0]], world)
            #expect(hasFailed || live == 0, "\(place): all are ended")
            #expect(try await world.manager.sessions(of: "ann").count == live, "\(place): the index agrees")
            #expect(try await world.count(of: world.others[1]) == 1, "\(place): others are not concerned")
            try await expectAllEnd(of: "ann", world, place)
            #expect(try await liveCount(of: [browser, world.others[0]], world) == 0, "\(place): the next one ends all")
        case .list, .page:
            #expect(try await liveCount(of: [browser] + world.others, world) == 3, "\(place): nothing has changed")
            #expect(try await world.manager.sessions(of: "ann").count == 2, "\(place)")
        case .sweep:
            #expect(try await world.count(of: browser) == nil, "\(place): expired, swept or not")
            #expect(try await world.count(of: world.others[0]) == 1, "\(place): live ones stay")
            try await world.manager.sweep()
            #expect(try await world.manager.count() == 1, "\(place): the next sweep takes what this one has left")
        }
    }

    private func checkRenewal<Base>(_ world: FaultWorld<Base>, hasFailed: Bool, _ place: String) async throws {
        let (before, after): (String?, String?) =
            switch self {
            case .signIn: (nil, "ann")
            case .changeSubject: ("ann", "bob")
            default: (nil, nil)
            }
        let state = try await world.state(of: world.browser)
        if hasFailed, state.count != nil {
            // As it was: under the old token, with nothing of the new.
            #expect(state.count == 1 && state.subject == before, "\(place): as it was")
        } else if hasFailed {
            // Renewed, and nobody got the new token: the old one is dead.
            #expect(state == .none, "\(place): as it should be")
        } else {
            #expect(state.count == 2 && state.subject == after, "\(place): as it should be")
        }
        let isRenewed = state.count != 1
        let others = self == .changeSubject ? 1 : 0
        if let before {
            let listed = try await world.manager.sessions(of: before).count
            #expect(listed == others + (isRenewed ? 0 : 1), "\(place): the index of \(before) agrees, \(listed)")
        }
        if let after {
            let listed = try await world.manager.sessions(of: after).count
            #expect(listed == others + (isRenewed ? 1 : 0), "\(place): the index of \(after) agrees, \(listed)")
            try await expectAllEnd(of: after, world, place)
        }
    }

    private func liveCount<Base>(of browsers: [Browser], _ world: FaultWorld<Base>) async throws -> Int {
        var count = 0
        for browser in browsers {
            let found = try await world.count(of: browser)
            if found == 1 { count += 1 }
        }
        return count
    }

    /// "Sign out everywhere" leaves nothing behind, not even what nobody can reach.
    private func expectAllEnd<Base>(of subject: String, _ world: FaultWorld<Base>, _ place: String) async throws {
        try await world.manager.endAll(of: subject)
        #expect(try await world.manager.sessions(of: subject).isEmpty, "\(place): no session is left in the index")
        guard world.store is any EnumerableSessionStore else { return }
        let left = try await world.manager.page().sessions.filter { $0.subject == subject }
        #expect(left.isEmpty, "\(place): no session is left in the store")
    }
}
