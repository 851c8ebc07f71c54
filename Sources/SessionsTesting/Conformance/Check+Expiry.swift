import Sessions

extension SessionStoreConformance.Check {
    static let expiry: [Self] = [boundary, longLives]

    private static let boundary = Self("A record is missing from its idle deadline on, swept or not") { context in
        func makeExpiring() async throws -> (id: SessionID, record: SessionRecord) {
            let record = context.makeRecord(text: "expiring", livesFor: .seconds(1800))
            return (try await context.insert(record), record)
        }
        let loaded = try await makeExpiring()
        let updated = try await makeExpiring()
        let touched = try await makeExpiring()
        let deleted = try await makeExpiring()
        let dead = [
            try await makeExpiring(), try await makeExpiring(), try await makeExpiring(), try await makeExpiring(),
        ]
        let deadline = loaded.record.expiresAt

        context.clock.advance(to: deadline - .milliseconds(1))
        context.expect(
            try await context.load(loaded.id),
            is: loaded.record,
            "a record lives up to the last millisecond before its deadline"
        )
        let update = context.makeUpdate(of: updated.record, text: "updated", livesFor: .seconds(1800))
        context.expect(
            try await context.store.update(update, id: updated.id, ifStamp: updated.record.stamp, now: context.now),
            is: .updated,
            "a record can be updated up to the last millisecond"
        )
        context.expect(
            try await context.store.touch(
                touched.id,
                ifStamp: touched.record.stamp,
                expiresAt: deadline + .seconds(600),
                now: context.now
            ),
            is: true,
            "a record can be touched up to the last millisecond"
        )
        context.expect(
            try await context.store.delete(deleted.id, ifStamp: deleted.record.stamp, now: context.now),
            is: .deleted,
            "a record can be deleted up to the last millisecond"
        )
        let enumerable = context.store as? any EnumerableSessionStore
        let countBefore = try await enumerable?.count(now: context.now)

        context.clock.advance(to: deadline)
        let late = context.makeUpdate(of: dead[0].record, text: "late", livesFor: .seconds(1800))
        context.expect(try await context.load(loaded.id), is: nil, "a record is missing at its deadline")
        context.expect(
            try await context.store.update(late, id: dead[0].id, ifStamp: dead[0].record.stamp, now: context.now),
            is: .missing,
            "an update at the deadline says .missing"
        )
        context.expect(
            try await context.store.touch(
                dead[1].id,
                ifStamp: dead[1].record.stamp,
                expiresAt: deadline + .seconds(600),
                now: context.now
            ),
            is: false,
            "a touch at the deadline says false"
        )
        context.expect(
            try await context.store.delete(dead[2].id, ifStamp: dead[2].record.stamp, now: context.now),
            is: .missing,
            "a delete at the deadline says .missing"
        )
        context.expect(
            try await context.store.update(late, id: dead[3].id, ifStamp: context.makeStamp(), now: context.now),
            is: .missing,
            "an expired record is missing, not in conflict"
        )
        for (id, _) in dead {
            context.expect(try await context.load(id), is: nil, "what came too late brings no expired record back")
        }
        context.expect(try await context.load(updated.id), is: update, "an update's new idle deadline counts")
        context.expect(
            try await context.load(touched.id)?.expiresAt,
            is: deadline + .seconds(600),
            "a touch's new idle deadline counts"
        )
        if let enumerable, let countBefore {
            let gone = countBefore - (try await enumerable.count(now: context.now))
            context.expect(gone >= 5, "expired records are not counted: of 5 that expired \(gone) left the count")
            let listed = try await context.list(enumerable)
            let expired = Set(dead.map(\.id) + [loaded.id])
            context.expect(
                !listed.contains { expired.contains($0.id) },
                "expired records are not listed"
            )
        }
    }

    private static let longLives = Self("Deadlines of 400 days are kept to the millisecond") { context in
        let days = Duration.seconds(400 * 24 * 3600)
        let record = context.makeRecord(livesFor: days - .milliseconds(1), absolute: days)
        let id = try await context.insert(record)
        context.expect(try await context.load(id)?.expiresAt, is: record.expiresAt, "a deadline keeps its milliseconds")
        context.clock.advance(to: record.expiresAt - .milliseconds(1))
        context.expect(try await context.load(id), is: record, "a record lives for as long as it says")
        context.clock.advance(by: .milliseconds(1))
        context.expect(try await context.load(id), is: nil, "a record of 400 days ends too")
    }
}
