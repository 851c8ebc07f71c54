import Sessions

extension SessionStoreConformance.Check {
    static let subjects: [Self] = [indexKeepsEntries, epochsChange, indexPrunes, indexIsOneStep]

    private static let indexKeepsEntries = Self("The index keeps each subject's entries, with or without records") {
        context in
        guard let store = context.store as? any SubjectIndexingSessionStore else { return }
        let subject = context.makeSubject()
        let other = context.makeSubject()
        let deadline = context.now + .seconds(24 * 3600)
        context.expect(
            try await store.index(of: subject, now: context.now),
            is: [],
            "an unknown subject has no entries"
        )
        context.expect(try await store.epoch(of: subject), is: .initial, "an unknown subject has the initial epoch")

        // A crash after the first step of a sign-in: an entry, and no record.
        let crashed = context.makeID()
        context.expect(
            try await store.addToIndex(crashed, subject: subject, absoluteDeadline: deadline, now: context.now),
            is: .initial,
            "adding an entry gives the epoch"
        )
        let addedAt = context.now
        context.clock.advance(by: .seconds(5))
        _ = try await store.addToIndex(crashed, subject: subject, absoluteDeadline: deadline, now: context.now)
        let expected = SubjectIndexEntry(id: crashed, addedAt: addedAt)
        context.expect(
            try await store.index(of: subject, now: context.now),
            is: [expected],
            "an entry without a record stays, and adding it again keeps the time when it was made"
        )
        // A crash between the steps of an end: a record, and no entry.
        let unlisted = context.makeRecord(text: "unlisted")
        let unlistedID = try await context.insert(unlisted)
        context.expect(try await context.load(unlistedID), is: unlisted, "a record without an entry is a record")
        context.expect(
            try await store.index(of: subject, now: context.now),
            is: [expected],
            "only what was added is in the index"
        )

        let many = Set((0..<50).map { _ in context.makeID() })
        for id in many {
            _ = try await store.addToIndex(id, subject: other, absoluteDeadline: deadline, now: context.now)
        }
        try await store.removeFromIndex(context.makeID(), subject: subject)
        try await store.removeFromIndex(context.makeID(), subject: context.makeSubject())
        context.expect(
            try await store.index(of: subject, now: context.now),
            is: [expected],
            "removing what is not there changes nothing, and subjects do not mix"
        )
        context.expect(
            Set(try await store.index(of: other, now: context.now).map(\.id)) == many,
            "a subject can have many entries"
        )
        try await store.removeFromIndex(crashed, subject: subject)
        context.expect(try await store.index(of: subject, now: context.now), is: [], "a removed entry is gone")
        for id in many { try await store.removeFromIndex(id, subject: other) }
        context.expect(try await store.index(of: other, now: context.now), is: [], "removed entries are gone")
    }

    private static let epochsChange = Self("Raising the epoch changes it, for good, and keeps the entries") { context in
        guard let store = context.store as? any SubjectIndexingSessionStore else { return }
        let subject = context.makeSubject()
        let other = context.makeSubject()
        let deadline = context.now + .seconds(24 * 3600)
        let id = context.makeID()
        _ = try await store.addToIndex(id, subject: subject, absoluteDeadline: deadline, now: context.now)
        var epochs: Set<SubjectEpoch> = [.initial]
        for round in 1...20 {
            let entries = try await store.raiseEpoch(of: subject, now: context.now)
            context.expect(entries.map(\.id), is: [id], "raising the epoch gives the entries and keeps them")
            let epoch = try await store.epoch(of: subject)
            epochs.insert(epoch)
            context.expect(epochs.count, is: round + 1, "an epoch never comes back")
            context.expect(
                try await store.addToIndex(id, subject: subject, absoluteDeadline: deadline, now: context.now),
                is: epoch,
                "adding an entry gives the epoch as it is"
            )
        }
        context.expect(try await store.epoch(of: other), is: .initial, "subjects have epochs of their own")
        let raised = try await store.raiseEpoch(of: other, now: context.now)
        context.expect(raised, is: [], "a subject without entries can have its epoch raised")
        let remembered = try await store.epoch(of: other)
        context.expect(remembered != .initial, "the epoch of a subject without entries is remembered")
        if let sweeping = store as? any SweepingSessionStore {
            context.clock.advance(by: .seconds(120))
            _ = try await context.sweep(sweeping)
            context.expect(try await store.epoch(of: other), is: remembered, "a sweep forgets no recent epoch")
        }
        try await store.removeFromIndex(id, subject: subject)
        let last = try await store.epoch(of: subject)
        context.expect(epochs.contains(last), "the epoch outlives the last entry")
        context.expect(last != .initial, "the epoch outlives the last entry")
    }

    private static let indexPrunes = Self("An entry goes when its absolute deadline has passed, and not before") {
        context in
        guard let store = context.store as? any SubjectIndexingSessionStore else { return }
        let subject = context.makeSubject()
        let deadline = context.now + .seconds(3600)
        // With records: a sweep may take an entry whose session is gone.
        let short = try await context.insert(context.makeRecord(absolute: .seconds(3600)))
        let long = try await context.insert(
            context.makeRecord(livesFor: .seconds(25 * 3600), absolute: .seconds(25 * 3600))
        )
        _ = try await store.addToIndex(short, subject: subject, absoluteDeadline: deadline, now: context.now)
        _ = try await store.addToIndex(
            long,
            subject: subject,
            absoluteDeadline: deadline + .seconds(24 * 3600),
            now: context.now
        )
        func entries() async throws -> Set<SessionID> {
            Set(try await store.index(of: subject, now: context.now).map(\.id))
        }
        context.clock.advance(to: deadline - .seconds(1))
        if let sweeping = store as? any SweepingSessionStore { _ = try await context.sweep(sweeping) }
        context.expect(try await entries() == [short, long], "no entry goes before its absolute deadline")
        context.clock.advance(to: deadline + .milliseconds(1))
        context.expect(try await entries() == [long], "an entry whose absolute deadline has passed is left out")
        if let sweeping = store as? any SweepingSessionStore {
            _ = try await context.sweep(sweeping)
            context.expect(try await entries() == [long], "a sweep leaves entries whose deadline is ahead")
        }
        let raised = try await store.raiseEpoch(of: subject, now: context.now)
        context.expect(raised.map(\.id), is: [long], "raising the epoch leaves out entries whose deadline has passed")
    }

    private static let indexIsOneStep = Self("Sign-ins beside an end-all are in its list or see its epoch") { context in
        guard let store = context.store as? any SubjectIndexingSessionStore else { return }
        // Where two servers share the data, the end comes from the other one.
        let other = try await context.secondStore() as? any SubjectIndexingSessionStore ?? store
        for round in 0..<40 {
            let subject = context.makeSubject()
            let deadline = context.now + .seconds(3600)
            let ids = (0..<16).map { _ in context.makeID() }
            let before = try await store.epoch(of: subject)
            async let raising = {
                // Early in one round and late in another, so that it falls between the sign-ins' steps in some.
                for _ in 0..<(round % 10) { await Task.yield() }
                return try await other.raiseEpoch(of: subject, now: context.now)
            }()
            let seen = try await SessionStoreConformance.concurrently(16) { index in
                try await store.addToIndex(
                    ids[index],
                    subject: subject,
                    absoluteDeadline: deadline,
                    now: context.now
                )
            }
            let raised = Set(try await raising.map(\.id))
            let after = try await store.epoch(of: subject)
            context.expect(after != before, "an epoch that was raised has changed")
            for (id, epoch) in zip(ids, seen) {
                context.expect(
                    epoch == before || epoch == after,
                    "a sign-in sees the epoch from before or after an end-all, and none that never was"
                )
                // Whoever sees neither would survive an end-all that began before it.
                context.expect(
                    raised.contains(id) || epoch == after,
                    "a sign-in that an end-all does not list sees the new epoch"
                )
            }
            context.expect(
                Set(try await store.index(of: subject, now: context.now).map(\.id)) == Set(ids),
                "entries added at once are all there"
            )
        }
    }
}
