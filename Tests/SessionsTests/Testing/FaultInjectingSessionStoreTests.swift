import Sessions
import SessionsTesting
import Testing

@Suite struct FaultInjectingSessionStoreTests {
    let now = SystemSessionClock().now
    let store = FaultInjectingSessionStore(MemorySessionStore())

    private func makeRecord() -> SessionRecord {
        SessionRecord(
            stamp: SessionStamp(rawValue: 1),
            revision: 1,
            createdAt: now,
            absoluteDeadline: now + .seconds(3600),
            idleTimeout: .seconds(600),
            expiresAt: now + .seconds(600),
            values: SessionValues(now: now)
        )
    }

    private func makeID() throws -> SessionID {
        try #require(SessionID((0..<64).map { _ in String(Int.random(in: 0..<16), radix: 16) }.joined()))
    }

    @Test("Of four faults each hits the call it was meant for, executed or not as it says")
    func faultsHitTheirCall() async throws {
        store.inject(.unavailable, into: .insert)
        store.inject(.lostRequest, into: .insert, call: 2)
        store.inject(.lostAnswer, into: .insert, call: 3)
        store.inject(.error(SessionStoreError(.full, "full")), into: .insert, call: 4)
        let expected: [(SessionStoreError.Code?, Bool)] = [
            (.unavailable, false), (.outcomeUnknown, false), (.outcomeUnknown, true), (.full, false), (nil, true),
        ]
        for (code, isStored) in expected {
            let id = try makeID()
            var thrown: SessionStoreError.Code?
            do {
                _ = try await store.insert(makeRecord(), id: id)
            } catch {
                thrown = error.code
            }
            #expect(thrown == code)
            #expect((try await store.base.load(id, now: now) != nil) == isStored)
        }
        #expect(store.calls == Array(repeating: .insert, count: 5))
    }

    @Test("A fault for any operation hits the k-th call of all, and faults can be taken back")
    func faultsForAnyOperation() async throws {
        store.inject(.unavailable, call: 2)
        let id = try makeID()
        #expect(try await store.insert(makeRecord(), id: id) == .inserted)
        await #expect(throws: SessionStoreError.self) { _ = try await store.load(id, now: now) }
        #expect(try await store.load(id, now: now) != nil)
        store.inject(.unavailable)
        store.removeFaults()
        #expect(try await store.load(id, now: now) != nil)
        #expect(store.callCount(of: .load) == 3)
        store.resetCalls()
        #expect(store.calls.isEmpty)
    }

    @Test("An outage fails everything until it ends")
    func outage() async throws {
        store.setOutage(.unavailable)
        let id = try makeID()
        await #expect(throws: SessionStoreError.self) { _ = try await store.insert(makeRecord(), id: id) }
        await #expect(throws: SessionStoreError.self) { try await store.checkHealth() }
        store.setOutage(nil)
        #expect(try await store.insert(makeRecord(), id: id) == .inserted)
        try await store.checkHealth()
    }

    @Test("A call held at a gate waits before or after it takes effect", arguments: [true, false])
    func gates(isHeldBefore: Bool) async throws {
        let gate = SessionStoreGate()
        store.inject(isHeldBefore ? .pauseBefore(gate) : .pauseAfter(gate), into: .insert)
        let id = try makeID()
        let record = makeRecord()
        async let inserting = store.insert(record, id: id)
        await gate.waitUntilReached()
        #expect((try await store.base.load(id, now: now) == nil) == isHeldBefore)
        gate.open()
        #expect(try await inserting == .inserted)
        #expect(try await store.base.load(id, now: now) == record)
    }

    @Test("Abilities are those of the wrapped store; a basic store has none")
    func abilities() throws {
        let wrapped: any SessionStore = store
        #expect(wrapped is any RenewingSessionStore)
        #expect(wrapped is any SubjectIndexingSessionStore)
        #expect(wrapped is any LeasingSessionStore)
        let basic: any SessionStore = BasicSessionStore(store)
        #expect(!(basic is any RenewingSessionStore))
        #expect(!(basic is any EnumerableSessionStore))
        #expect(!(basic is any SubjectIndexingSessionStore))
        #expect(!(basic is any SweepingSessionStore))
        #expect(!(basic is any LeasingSessionStore))
        #expect(!(basic is any HealthCheckingSessionStore))
        let faulty: any SessionStore = FaultInjectingSessionStore(BasicSessionStore(store))
        #expect(!(faulty is any RenewingSessionStore))
    }
}
