import Sessions

extension SessionStoreConformance.Check {
    static let concurrency: [Self] = [oneWinner, oneDelete, deleteStays, touchBesideUpdate, hundredUpdaters]

    private static let oneWinner = Self("Of updates at once with one stamp exactly one wins") { context in
        for _ in 0..<20 {
            let first = context.makeRecord(text: "first")
            let id = try await context.insert(first)
            let updates = (0..<8).map { context.makeUpdate(of: first, text: "\($0)") }
            let outcomes = try await SessionStoreConformance.concurrently(8) { index in
                try await context.store.update(updates[index], id: id, ifStamp: first.stamp, now: context.now)
            }
            let winners = outcomes.indices.filter { outcomes[$0] == .updated }
            context.expect(winners.count, is: 1, "of 8 updates at once with one stamp exactly one wins")
            guard let winner = winners.first else { continue }
            context.expect(try await context.load(id), is: updates[winner], "the update that won is the one stored")
            for index in outcomes.indices where index != winner {
                context.expect(
                    outcomes[index],
                    is: .conflict(updates[winner]),
                    "the updates that lost get the record of the one that won"
                )
            }
        }
    }

    private static let oneDelete = Self("Of deletes at once exactly one wins") { context in
        for _ in 0..<20 {
            let record = context.makeRecord()
            let id = try await context.insert(record)
            let outcomes = try await SessionStoreConformance.concurrently(8) { _ in
                try await context.store.delete(id, ifStamp: record.stamp, now: context.now)
            }
            context.expect(outcomes.count { $0 == .deleted }, is: 1, "of 8 deletes at once exactly one wins")
            context.expect(outcomes.count { $0 == .missing }, is: 7, "the deletes that lost find nothing")
        }
    }

    private static let deleteStays = Self("An update beside a delete does not bring the session back") { context in
        for round in 0..<100 {
            let first = context.makeRecord(text: "first")
            let id = try await context.insert(first)
            let update = context.makeUpdate(of: first, text: "update")
            // Both orders of starting, so that each gets its chance to be first.
            async let deleting = {
                if round.isMultiple(of: 2) { await Task.yield() }
                return try await context.store.delete(id, ifStamp: first.stamp, now: context.now)
            }()
            async let updating = {
                if !round.isMultiple(of: 2) { await Task.yield() }
                return try await context.store.update(update, id: id, ifStamp: first.stamp, now: context.now)
            }()
            let stored: SessionRecord?
            switch try await (deleting, updating) {
            case (.deleted, .missing): stored = nil
            case (.conflict(update), .updated): stored = update
            case (let deleted, let updated):
                context.fail(
                    "of a delete and an update at once with one stamp one wins and the other says so: "
                        + "they said \(deleted) and \(updated)"
                )
                continue
            }
            context.expect(try await context.load(id), is: stored, "what won beside a delete is what is stored")
        }
    }

    private static let touchBesideUpdate = Self("A touch beside an update loses no value") { context in
        for _ in 0..<100 {
            let first = context.makeRecord(text: "first", livesFor: .seconds(600))
            let id = try await context.insert(first)
            let update = context.makeUpdate(of: first, text: "update", livesFor: .seconds(900))
            async let touching = context.store.touch(
                id,
                ifStamp: first.stamp,
                expiresAt: context.now + .seconds(1200),
                now: context.now
            )
            async let updating = context.store.update(update, id: id, ifStamp: first.stamp, now: context.now)
            _ = try await touching
            context.expect(
                try await updating,
                is: .updated,
                "a touch changes no stamp, so an update beside it succeeds"
            )
            let loaded = try await context.load(id)
            context.expect(context.text(of: loaded), is: "update", "a touch never writes older values back")
            context.expect(loaded?.stamp, is: update.stamp, "a touch never writes an older stamp back")
        }
    }

    private static let hundredUpdaters = Self("100 updaters at once, each adding an item: all items are there") {
        context in
        let first = context.makeRecord(text: "")
        let id = try await context.insert(first)
        try await SessionStoreConformance.addItems(100, to: id, first: first, context) { _ in context.store }
    }
}

extension SessionStoreConformance {
    /// Lets `count` tasks add an item each to the text of one record, as managers do: update, and again after a conflict.
    static func addItems(
        _ count: Int,
        to id: SessionID,
        first: SessionRecord,
        _ context: Context,
        store: @escaping @Sendable (Int) -> any SessionStore
    ) async throws {
        _ = try await concurrently(count) { index in
            var current = first
            for _ in 0..<10_000 {
                let text = (context.text(of: current) ?? "") + "\(index);"
                let update = context.makeUpdate(of: current, text: text)
                let outcome = try await store(index).update(update, id: id, ifStamp: current.stamp, now: context.now)
                switch outcome {
                case .updated: return
                case .conflict(let newer): current = newer
                case .missing:
                    context.fail("a session that nobody ended stays while it is updated")
                    return
                }
            }
            context.fail("an update that goes on trying wins in the end: it lost 10,000 times")
        }
        let items = (context.text(of: try await context.load(id)) ?? "").split(separator: ";").compactMap { Int($0) }
        context.expect(items.count, is: count, "of \(count) items added at once none is lost or doubled")
        context.expect(Set(items).count, is: count, "of \(count) items added at once none is lost or doubled")
    }
}
