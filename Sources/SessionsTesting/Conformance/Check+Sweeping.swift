import Sessions

extension SessionStoreConformance.Check {
    static let sweeping: [Self] = [removesExpired, keepsExtended]

    private static let removesExpired = Self("A sweep removes what has expired and nothing else") { context in
        guard let store = context.store as? any SweepingSessionStore else { return }
        var expiring: Set<SessionID> = []
        for _ in 0..<40 { expiring.insert(try await context.insert(context.makeRecord(livesFor: .seconds(60)))) }
        let forwarder = try await context.insert(context.makeForwarder(to: context.makeID(), livesFor: .seconds(60)))
        var living: [SessionID: SessionRecord] = [:]
        for _ in 0..<10 {
            let record = context.makeRecord(text: "lives", livesFor: .seconds(7200))
            living[try await context.insert(record)] = record
        }
        let touched = context.makeRecord(text: "touched", livesFor: .seconds(60))
        let touchedID = try await context.insert(touched)
        _ = try await store.touch(
            touchedID,
            ifStamp: touched.stamp,
            expiresAt: context.now + .seconds(7200),
            now: context.now
        )
        let updated = context.makeRecord(livesFor: .seconds(60))
        let updatedID = try await context.insert(updated)
        let update = context.makeUpdate(of: updated, text: "updated", livesFor: .seconds(7200))
        _ = try await store.update(update, id: updatedID, ifStamp: updated.stamp, now: context.now)

        let early = try await context.sweep(store)
        context.expect(expiring.isDisjoint(with: early), "a sweep removes nothing before its deadline")
        for id in expiring {
            context.expect(try await context.load(id) != nil, "a sweep removes nothing before its deadline")
        }

        // Stores may leave expired records a minute for servers whose clocks differ.
        context.clock.advance(by: .seconds(600))
        let swept = try await context.sweep(store, limit: 7)
        context.expect(Set(swept).count, is: swept.count, "a sweep names each session once")
        context.expect(!swept.contains(forwarder), "a sweep does not name forwarders")
        if store.sweepsRecords {
            context.expect(expiring.subtracting(swept).count, is: 0, "a sweep removes and names every expired session")
            context.expect(
                try await context.store.insert(context.makeRecord(), id: forwarder),
                is: .inserted,
                "a sweep removes expired forwarders"
            )
            for id in expiring {
                context.expect(
                    try await store.insert(context.makeRecord(), id: id),
                    is: .inserted,
                    "the id of a swept record is free"
                )
            }
        } else {
            context.expect(swept, is: [], "a store that sweeps no records names none")
        }
        for (id, record) in living {
            context.expect(try await context.load(id), is: record, "a sweep leaves what lives")
        }
        context.expect(
            context.text(of: try await context.load(touchedID)),
            is: "touched",
            "a sweep leaves a session that a touch has extended"
        )
        context.expect(
            try await context.load(updatedID),
            is: update,
            "a sweep leaves a session that an update has extended"
        )
        let again = try await context.sweep(store)
        context.expect(expiring.isDisjoint(with: again), "a sweep names a session once and for all")
    }

    private static let keepsExtended = Self("A sweep beside a touch or an update takes nothing that was extended") {
        context in
        guard let store = context.store as? any SweepingSessionStore else { return }
        for round in 0..<40 {
            let touched = context.makeRecord(text: "touched", livesFor: .seconds(600))
            let touchedID = try await context.insert(touched)
            let updated = context.makeRecord(text: "first", livesFor: .seconds(600))
            let updatedID = try await context.insert(updated)
            context.clock.advance(by: .seconds(599))
            let before = context.now
            let after = before + .seconds(300)
            let update = context.makeUpdate(of: updated, text: "updated", livesFor: .seconds(3600))
            // The requests came before the deadline, and the sweep's clock is past it.
            async let touching = {
                if round.isMultiple(of: 2) { await Task.yield() }
                return try await store.touch(
                    touchedID,
                    ifStamp: touched.stamp,
                    expiresAt: before + .seconds(3600),
                    now: before
                )
            }()
            async let updating = {
                if round.isMultiple(of: 2) { await Task.yield() }
                return try await store.update(update, id: updatedID, ifStamp: updated.stamp, now: before)
            }()
            async let sweeping = context.sweep(store, at: after)
            _ = try await sweeping
            context.clock.advance(to: after)
            if try await touching {
                context.expect(
                    context.text(of: try await context.load(touchedID)),
                    is: "touched",
                    "a sweep takes no session whose touch has said true"
                )
            }
            if try await updating == .updated {
                context.expect(
                    try await context.load(updatedID),
                    is: update,
                    "a sweep takes no session whose update has succeeded"
                )
            }
        }
    }
}
