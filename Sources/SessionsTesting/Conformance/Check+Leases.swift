import Sessions

extension SessionStoreConformance.Check {
    static let leases: [Self] = [oneHolder, health]

    private static let oneHolder = Self("A lease has one holder at a time, until it is given back or its time is over")
    {
        context in
        guard let store = context.store as? any LeasingSessionStore else { return }
        let id = context.makeID()
        func acquire(_ holder: UInt64, _ id: SessionID, for duration: Duration = .seconds(30)) async throws -> Bool {
            try await store.acquireLease(on: id, holder: holder, expiresAt: context.now + duration, now: context.now)
        }
        context.expect(
            try await acquire(1, id),
            is: true,
            "a free lease can be taken, whether there is a record or not"
        )
        context.expect(try await acquire(2, id), is: false, "a lease that another holds cannot be taken")
        context.expect(try await acquire(2, context.makeID()), is: true, "each session has a lease of its own")
        context.expect(try await acquire(1, id, for: .seconds(60)), is: true, "a holder can extend its lease")
        try await store.releaseLease(on: id, holder: 2)
        context.expect(try await acquire(2, id), is: false, "nobody can give another's lease back")
        context.clock.advance(by: .seconds(60) - .milliseconds(1))
        context.expect(try await acquire(2, id), is: false, "a lease holds up to the last millisecond")
        context.clock.advance(by: .milliseconds(1))
        context.expect(try await acquire(2, id), is: true, "a lease whose time is over can be taken")
        try await store.releaseLease(on: id, holder: 1)
        context.expect(try await acquire(3, id), is: false, "a former holder cannot give the next one's lease back")
        try await store.releaseLease(on: id, holder: 2)
        context.expect(try await acquire(.max, id), is: true, "a lease that was given back can be taken")
        try await store.releaseLease(on: id, holder: .max)
        try await store.releaseLease(on: id, holder: .max)

        for _ in 0..<20 {
            let id = context.makeID()
            let taken = try await SessionStoreConformance.concurrently(16) { holder in
                try await store.acquireLease(
                    on: id,
                    holder: UInt64(holder),
                    expiresAt: context.now + .seconds(30),
                    now: context.now
                )
            }
            context.expect(taken.count { $0 }, is: 1, "of 16 who take a lease at once exactly one gets it")
        }
    }

    private static let health = Self("A store that works says so") { context in
        guard let store = context.store as? any HealthCheckingSessionStore else { return }
        try await store.checkHealth()
    }
}
