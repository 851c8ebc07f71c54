import Sessions

extension SessionStoreConformance.Check {
    static let renewal: [Self] = [renewalIsOneStep, renewalRaces]

    private static let renewalIsOneStep = Self("A renewal writes both records or neither") { context in
        guard let store = context.store as? any RenewingSessionStore else { return }
        func renew(
            _ id: SessionID,
            ifStamp stamp: SessionStamp,
            _ forwarder: SessionRecord,
            _ successor: SessionRecord,
            _ newID: SessionID
        ) async throws -> RenewOutcome {
            try await store.renew(
                id,
                ifStamp: stamp,
                forwarder: forwarder,
                successor: successor,
                newID: newID,
                now: context.now
            )
        }
        let record = context.makeRecord(text: "session", livesFor: .seconds(600))
        let id = try await context.insert(record)
        let newID = context.makeID()
        let successor = context.makeRecord(text: "successor", kind: .session(predecessor: id))
        let forwarder = context.makeForwarder(to: newID)

        context.expect(
            try await renew(id, ifStamp: context.makeStamp(), forwarder, successor, newID),
            is: .conflict(record),
            "a renewal with another stamp conflicts and gives the record as it is now"
        )
        context.expect(try await context.load(id), is: record, "a renewal that conflicts leaves the old record")
        context.expect(try await context.load(newID), is: nil, "a renewal that conflicts leaves no new record")

        let taken = context.makeRecord(text: "taken")
        let takenID = try await context.insert(taken)
        context.expect(
            try await renew(id, ifStamp: record.stamp, context.makeForwarder(to: takenID), successor, takenID),
            is: .exists,
            "a renewal to a used id says .exists"
        )
        context.expect(try await context.load(id), is: record, "a renewal to a used id leaves the old record")
        context.expect(try await context.load(takenID), is: taken, "a renewal to a used id overwrites nothing")

        context.expect(
            try await renew(id, ifStamp: record.stamp, forwarder, successor, newID),
            is: .renewed,
            "a renewal with the stored stamp succeeds"
        )
        context.expect(try await context.load(id), is: forwarder, "a renewal leaves the forwarder under the old id")
        context.expect(try await context.load(newID), is: successor, "a renewal leaves the session under the new id")
        context.expect(
            try await renew(id, ifStamp: record.stamp, forwarder, successor, context.makeID()),
            is: .conflict(forwarder),
            "a renewal of what was renewed conflicts with the forwarder"
        )

        func expectMissing(_ id: SessionID, _ stamp: SessionStamp, _ what: String) async throws {
            let newID = context.makeID()
            context.expect(
                try await renew(id, ifStamp: stamp, context.makeForwarder(to: newID), successor, newID),
                is: .missing,
                "a renewal of \(what) session says .missing"
            )
            context.expect(try await context.load(id), is: nil, "a renewal brings \(what) session not back")
            context.expect(try await context.load(newID), is: nil, "a renewal of \(what) session leaves no new record")
        }
        try await expectMissing(context.makeID(), record.stamp, "an unknown")
        let ended = context.makeRecord()
        let endedID = try await context.insert(ended)
        _ = try await context.store.delete(endedID, ifStamp: ended.stamp, now: context.now)
        try await expectMissing(endedID, ended.stamp, "an ended")
        let expiring = context.makeRecord(livesFor: .seconds(60))
        let expiredID = try await context.insert(expiring)
        context.clock.advance(to: expiring.expiresAt)
        try await expectMissing(expiredID, expiring.stamp, "an expired")
    }

    private static let renewalRaces = Self("Of renewals, updates and deletes at once with one stamp exactly one wins") {
        context in
        guard let store = context.store as? any RenewingSessionStore else { return }
        for _ in 0..<30 {
            let record = context.makeRecord(text: "session")
            let id = try await context.insert(record)
            let newIDs = (0..<6).map { _ in context.makeID() }
            let successor = context.makeRecord(text: "successor", kind: .session(predecessor: id))
            let update = context.makeUpdate(of: record, text: "update")
            let won = try await SessionStoreConformance.concurrently(8) { index in
                switch index {
                case 6:
                    return try await store.update(update, id: id, ifStamp: record.stamp, now: context.now) == .updated
                case 7:
                    return try await store.delete(id, ifStamp: record.stamp, now: context.now) == .deleted
                default:
                    return try await store.renew(
                        id,
                        ifStamp: record.stamp,
                        forwarder: context.makeForwarder(to: newIDs[index]),
                        successor: successor,
                        newID: newIDs[index],
                        now: context.now
                    ) == .renewed
                }
            }
            context.expect(won.count { $0 }, is: 1, "of 6 renewals, an update and a delete at once exactly one wins")
            for (index, newID) in newIDs.enumerated() {
                context.expect(
                    try await context.load(newID) != nil,
                    is: won[index],
                    "a new record is there if and only if its renewal won"
                )
            }
            let old = try await context.load(id)
            context.expect(old == nil, is: won[7], "the old record is gone if and only if the delete won")
            context.expect(old == update, is: won[6], "the old record is updated if and only if the update won")
        }
    }
}
