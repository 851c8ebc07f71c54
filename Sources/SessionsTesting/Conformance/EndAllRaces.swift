import Sessions

/// ``EndAllRaces`` over any store.
protocol EndAllRacing {
    /// The request is held, the end-all runs.
    func holdingRequest(_ scenario: SubjectScenario) async throws
    /// The end-all is held, the request runs.
    func holdingEndAll(_ scenario: SubjectScenario) async throws
}

/// Two things at once on one subject: a request that signs in, renews, rotates, writes or ends, and an end-all.
///
/// One of them is held before and after each of its steps in the store, while the other runs from beginning to end. Both
/// ways of renewing are tried: in one step, if the store can, and in several.
struct EndAllRaces<Base: SubjectIndexingSessionStore>: EndAllRacing {
    private let base: Base
    private let context: SessionStoreConformance.Context

    init(_ base: Base, _ context: SessionStoreConformance.Context) {
        self.base = base
        self.context = context
    }

    /// More steps than any request or end-all takes.
    private static var mostSteps: Int { 40 }

    private struct Held {
        var store: FaultInjectingSessionStore<Base>
        var gate: SessionStoreGate
        var step: Int
        var isHeldBefore: Bool
        var isStepwise: Bool

        /// The store as a manager gets it.
        var visible: any SessionStore { isStepwise ? StepwiseSessionStore(base: store) : store }

        var description: String {
            let step = store.calls.count < step ? "no step" : "\(store.calls[step - 1])"
            return "\(isHeldBefore ? "before" : "after") step \(self.step) (\(step))\(isStepwise ? ", stepwise" : "")"
        }

        /// The steps that had been taken when the end-all ran.
        var stepsTaken: ArraySlice<SessionStoreOperation> { store.calls.prefix(isHeldBefore ? step - 1 : step) }
    }

    /// Runs `race` for each step, until there are no more.
    private func forEachStep(_ race: (Held) async throws -> Void) async throws {
        for isStepwise in [false, true] {
            for isHeldBefore in [true, false] {
                for step in 1...Self.mostSteps {
                    let held = Held(
                        store: FaultInjectingSessionStore(base),
                        gate: SessionStoreGate(),
                        step: step,
                        isHeldBefore: isHeldBefore,
                        isStepwise: isStepwise
                    )
                    held.store.inject(isHeldBefore ? .pauseBefore(held.gate) : .pauseAfter(held.gate), call: step)
                    try await race(held)
                    if held.store.calls.count < step { break }
                }
            }
        }
    }

    func holdingRequest(_ scenario: SubjectScenario) async throws {
        try await forEachStep { held in
            let stage = try await Stage(scenario, base: base, context)
            let manager = try stage.manager(on: held.visible)
            try await withThrowingTaskGroup { group in
                // The group waits for the held task even if something below throws.
                defer { held.gate.open() }
                group.addTask {
                    // A request that has fewer steps than the one it would be held at.
                    defer { held.gate.open() }
                    try await stage.run(scenario, manager)
                }
                await held.gate.waitUntilReached()
                let isHeld = held.store.calls.count >= held.step
                if isHeld { try await stage.operators.endAll(of: stage.subject) }
                held.gate.open()
                try await group.waitForAll()
                guard isHeld else { return }
                // A sign-in begins when it has been written to the index: before that it may survive.
                if !scenario.beginsSignedIn, !held.stepsTaken.contains(.addToIndex) { return }
                try await stage.expectNothingLeft("a \(scenario) held \(held.description) while an end-all ran")
            }
        }
    }

    func holdingEndAll(_ scenario: SubjectScenario) async throws {
        try await forEachStep { held in
            let stage = try await Stage(scenario, base: base, context)
            let manager = try stage.manager(on: held.visible)
            let requests = try stage.manager(on: held.isStepwise ? StepwiseSessionStore(base: base) : base)
            try await withThrowingTaskGroup { group in
                // The group waits for the held task even if something below throws.
                defer { held.gate.open() }
                group.addTask {
                    defer { held.gate.open() }
                    try await manager.endAll(of: stage.subject)
                }
                await held.gate.waitUntilReached()
                let isHeld = held.store.calls.count >= held.step
                if isHeld { try await stage.run(scenario, requests) }
                held.gate.open()
                try await group.waitForAll()
                guard isHeld else { return }
                // A sign-in that began after the epoch was raised may survive.
                if !scenario.beginsSignedIn, held.stepsTaken.contains(.raiseEpoch) { return }
                try await stage.expectNothingLeft("a \(scenario) while an end-all was held \(held.description)")
            }
        }
    }

    /// A subject with two sessions, or a stranger about to sign in.
    private struct Stage: Sendable {
        let subject: String
        let name: String
        let browser: ConformanceBrowser
        let otherDevice: ConformanceBrowser
        let tokenBefore: String?
        let otherID: SessionID?
        let operators: SessionManager
        let context: SessionStoreConformance.Context

        init(_ scenario: SubjectScenario, base: Base, _ context: SessionStoreConformance.Context) async throws {
            self.context = context
            subject = context.makeID().description
            name = context.makeID().description
            browser = ConformanceBrowser(clock: context.clock)
            otherDevice = ConformanceBrowser(clock: context.clock)
            operators = try SessionManager(
                store: base,
                configuration: SessionStoreConformance.makeConfiguration(name: name),
                clock: context.clock
            )
            let subject = subject
            var otherID: SessionID?
            switch scenario {
            case .signIn: break
            case .signInOverAnonymousSession:
                try await browser.visit(operators) { $0["cart"] = 1 }
            case .renewal, .rotation, .update, .end, .endByID:
                try await browser.visit(operators) { try $0.renew(subject: subject) }
                try await otherDevice.visit(operators) { try $0.renew(subject: subject) }
                try await otherDevice.visit(operators) { otherID = $0.id }
            }
            self.otherID = otherID
            tokenBefore = browser.token
            // Old enough for a timed rotation, without any session having expired.
            if scenario == .rotation { context.clock.advance(by: .seconds(301)) }
        }

        func manager(on store: any SessionStore) throws -> SessionManager {
            try SessionManager(
                store: store,
                configuration: SessionStoreConformance.makeConfiguration(name: name),
                clock: context.clock
            )
        }

        /// The request. That it fails is fine, as long as nobody stays signed in.
        func run(_ scenario: SubjectScenario, _ manager: SessionManager) async throws {
            do {
                switch scenario {
                case .signIn, .signInOverAnonymousSession:
                    try await browser.visit(manager) { try $0.renew(subject: subject) }
                case .renewal:
                    try await browser.visit(manager) { try $0.renew() }
                case .rotation:
                    try await browser.visit(manager) { _ = $0["cart"] as Int? }
                case .update:
                    try await browser.visit(manager) { try $0.increment(SessionKey("count")) }
                case .end:
                    try await browser.visit(manager) { try $0.end() }
                case .endByID:
                    if let otherID { try await manager.end(otherID, of: subject) }
                }
            } catch let error as SessionError where error.code == .ended {
                return
            }
        }

        func expectNothingLeft(_ situation: String) async throws {
            let listed = try await operators.sessions(of: subject)
            context.expect(listed.isEmpty, "\(situation): \(listed.count) sessions of the subject are listed")
            for token in Set([tokenBefore, browser.token, otherDevice.token].compactMap { $0 }) {
                var found: String?
                try await ConformanceBrowser(clock: context.clock, token: token).visit(operators) { found = $0.subject }
                context.expect(found != subject, "\(situation): a token still leads to a session of the subject")
            }
        }
    }
}
