import Sessions

extension SessionStoreConformance.Check {
    static let sharing: [Self] = [seeEachOther, sharedUpdaters]

    private static let seeEachOther = Self("Two servers over one store see each other's writes at once") { context in
        guard let second = try await context.secondStore() else { return }
        let first = context.makeRecord(text: "first")
        let id = try await context.insert(first)
        context.expect(try await second.load(id, now: context.now), is: first, "an insert is seen by the other server")
        let update = context.makeUpdate(of: first, text: "second", livesFor: .seconds(900))
        context.expect(
            try await second.update(update, id: id, ifStamp: first.stamp, now: context.now),
            is: .updated,
            "the other server can update what this one inserted"
        )
        context.expect(try await context.load(id), is: update, "an update is seen by the other server")
        context.expect(
            try await context.store.update(
                context.makeUpdate(of: first, text: "late"),
                id: id,
                ifStamp: first.stamp,
                now: context.now
            ),
            is: .conflict(update),
            "an update conflicts with that of the other server"
        )
        context.expect(
            try await second.touch(
                id,
                ifStamp: update.stamp,
                expiresAt: context.now + .seconds(1800),
                now: context.now
            ),
            is: true,
            "the other server can touch"
        )
        context.expect(
            try await context.load(id)?.expiresAt,
            is: context.now + .seconds(1800),
            "a touch is seen by the other server"
        )
        if let store = context.store as? any SubjectIndexingSessionStore,
            let other = second as? any SubjectIndexingSessionStore
        {
            let subject = context.makeSubject()
            let epoch = try await store.addToIndex(
                id,
                subject: subject,
                absoluteDeadline: first.absoluteDeadline,
                now: context.now
            )
            context.expect(
                try await other.raiseEpoch(of: subject, now: context.now).map(\.id),
                is: [id],
                "an index entry is seen by the other server"
            )
            context.expect(try await store.epoch(of: subject) != epoch, "a raised epoch is seen by the other server")
        }
        if let store = context.store as? any LeasingSessionStore, let other = second as? any LeasingSessionStore {
            let expiresAt = context.now + .seconds(30)
            let taken = try await store.acquireLease(on: id, holder: 1, expiresAt: expiresAt, now: context.now)
            let stolen = try await other.acquireLease(on: id, holder: 2, expiresAt: expiresAt, now: context.now)
            context.expect(taken && !stolen, "a lease holds for the other server too")
            try await store.releaseLease(on: id, holder: 1)
        }
        context.expect(
            try await second.delete(id, ifStamp: update.stamp, now: context.now),
            is: .deleted,
            "the other server can delete"
        )
        context.expect(try await context.load(id), is: nil, "a delete is seen by the other server")
    }

    private static let sharedUpdaters = Self("Two servers, 50 updaters each: all items are there") { context in
        guard let second = try await context.secondStore() else { return }
        let first = context.makeRecord(text: "")
        let id = try await context.insert(first)
        try await SessionStoreConformance.addItems(100, to: id, first: first, context) { index in
            index.isMultiple(of: 2) ? context.store : second
        }
    }
}
