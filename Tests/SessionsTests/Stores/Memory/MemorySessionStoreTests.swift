import Synchronization
import Testing

@testable import Sessions

@Suite struct MemorySessionStoreTests {
    let now = SessionInstant(millisecondsSince1970: 1_700_000_000_000)

    private func record(
        stamp: UInt64 = 1,
        livesFor idle: Duration = .seconds(60),
        text: String = ""
    ) throws -> SessionRecord {
        var values = SessionValues(now: now)
        try values.set(text, for: SessionKey<String>("text"))
        return SessionRecord(
            stamp: SessionStamp(rawValue: stamp),
            revision: 1,
            createdAt: now,
            absoluteDeadline: now + .seconds(3600),
            idleTimeout: idle,
            expiresAt: now + idle,
            values: values
        )
    }

    private func forwarder(to id: SessionID, stamp: UInt64) -> SessionRecord {
        SessionRecord(
            stamp: SessionStamp(rawValue: stamp),
            revision: 2,
            createdAt: now,
            absoluteDeadline: now + .seconds(3600),
            idleTimeout: .seconds(60),
            expiresAt: now + .seconds(60),
            kind: .forwarder(successor: id, nonce: nil),
            values: SessionValues(now: now)
        )
    }

    private func id(_ number: UInt64, leading: UInt8 = 0) -> SessionID {
        var digest = Digest32()
        digest.w0 = UInt64(littleEndian: UInt64(leading))
        digest.w1 = number
        digest.w3 = number
        return SessionID(digest: digest)
    }

    private func randomID() -> SessionID { SessionID(digest: SessionToken(from: SystemSessionRandom()).bytes) }

    private func storedCounts(_ store: MemorySessionStore) -> [Int] {
        [
            store.shards.reduce(0) { $0 + $1.sessions.withLock { $0.count } },
            store.shards.reduce(0) { $0 + $1.leases.withLock { $0.count } },
            store.shards.reduce(0) { $0 + $1.subjects.withLock { $0.count } },
        ]
    }

    // MARK: Defects of the original

    @Test("D27: an expired session is missing at once, before any sweep")
    func expiryNeedsNoSweep() async throws {
        let store = MemorySessionStore()
        let id = randomID()
        _ = try await store.insert(record(livesFor: .seconds(60)), id: id)
        let end = now + .seconds(60)
        #expect(try await store.load(id, now: end - .milliseconds(1)) != nil)
        #expect(try await store.load(id, now: end) == nil)
        #expect(try await store.count(now: end) == 0)
        #expect(storedCounts(store)[0] == 1)
    }

    @Test("D29: a record that was read does not change under its reader while others write")
    func readersSeeValues() async throws {
        let store = MemorySessionStore()
        let id = randomID()
        _ = try await store.insert(record(stamp: 0, text: "0"), id: id)
        try await withThrowingTaskGroup { group in
            for writer in 1...4 {
                group.addTask {
                    for round in 0..<500 {
                        guard let current = try await store.load(id, now: now) else { return }
                        let text = String(repeating: "\(writer)", count: round)
                        let stamp = UInt64(writer * 1000 + round)
                        _ = try await store.update(
                            record(stamp: stamp, text: text),
                            id: id,
                            ifStamp: current.stamp,
                            now: now
                        )
                    }
                }
            }
            for _ in 1...2 {
                group.addTask {
                    for _ in 0..<2000 {
                        let loaded = try await store.load(id, now: now)
                        let text = try #require(loaded).values(at: now)[SessionKey<String>("text")]
                        // One writer's text, whole.
                        #expect(Set(try #require(text)).count <= 1)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("D30: of 4 inserts at once under one id exactly one wins, 3000 times")
    func insertsDoNotRace() async throws {
        let store = MemorySessionStore()
        let records = try (0..<4).map { try record(stamp: $0) }
        var winners = 0
        for _ in 0..<3000 {
            let id = randomID()
            let inserted = try await withThrowingTaskGroup { group in
                for record in records {
                    group.addTask { (try await store.insert(record, id: id), record) }
                }
                var inserted: [SessionRecord] = []
                for try await (outcome, record) in group where outcome == .inserted { inserted.append(record) }
                return inserted
            }
            winners += inserted.count
            let loaded = try await store.load(id, now: now)
            #expect(inserted.count == 1)
            #expect(loaded == inserted.first)
        }
        #expect(winners == 3000)
    }

    @Test("D30: a sweep does not take a session that was extended, and ended sessions are not revived by a renewal")
    func sweepAndRenewalKeepTheirHands() async throws {
        let store = MemorySessionStore()
        let id = randomID()
        let later = now + .seconds(61)
        _ = try await store.insert(record(livesFor: .seconds(60)), id: id)
        #expect(
            try await store.touch(
                id,
                ifStamp: SessionStamp(rawValue: 1),
                expiresAt: now + .seconds(100),
                now: now
            )
        )
        #expect(try await store.sweep(from: nil, limit: 1000, now: later) == SweepStep(expired: [], next: nil))
        #expect(try await store.load(id, now: later) != nil)

        #expect(try await store.delete(id, ifStamp: SessionStamp(rawValue: 1), now: later) == .deleted)
        let newID = randomID()
        let renewed = try await store.renew(
            id,
            ifStamp: SessionStamp(rawValue: 1),
            forwarder: forwarder(to: newID, stamp: 2),
            successor: record(stamp: 3),
            newID: newID,
            now: later
        )
        #expect(renewed == .missing)
        #expect(storedCounts(store) == [0, 0, 0])
    }

    @Test("D35: what ended leaves nothing in memory, after 100,000 sessions")
    func nothingIsLeftBehind() async throws {
        let store = MemorySessionStore(configuration: .init(maximumCount: 10))
        let record = try record()
        let subject = try #require(SubjectID(String(repeating: "ab", count: 32)))
        for number in 0..<100_000 as Range<UInt64> {
            let id = randomID()
            _ = try await store.insert(record, id: id)
            if number.isMultiple(of: 10) {
                _ = try await store.addToIndex(id, subject: subject, absoluteDeadline: .distantFuture, now: now)
                _ = try await store.acquireLease(on: id, holder: 1, expiresAt: .distantFuture, now: now)
                try await store.removeFromIndex(id, subject: subject)
                try await store.releaseLease(on: id, holder: 1)
            }
            #expect(try await store.delete(id, ifStamp: record.stamp, now: now) == .deleted)
        }
        #expect(storedCounts(store) == [0, 0, 0])
        #expect(store.shards.allSatisfy { $0.sessions.withLock { $0.slots.capacity <= 64 } })
    }

    // MARK: Sweeping

    @Test("A sweep removes at most 256 entries under one lock, and a step no more than its limit")
    func sweepIsBounded() async throws {
        let store = MemorySessionStore()
        // All in one shard, so that one lock is all there is.
        for number in 0..<1000 { _ = try await store.insert(record(), id: id(UInt64(number))) }
        let end = now + .seconds(60)
        #expect(MemorySessionStore.sweepBatch == 256)

        let first = try await store.sweep(from: nil, limit: 100, now: end)
        #expect(first.expired.count == 100)
        let second = try await store.sweep(from: first.next, limit: 256, now: end)
        #expect(second.expired.count == 256)
        #expect(storedCounts(store)[0] == 644)
        let third = try await store.sweep(from: second.next, limit: 10_000, now: end)
        #expect(third.expired.count == 644)
        #expect(third.next == nil)
        #expect(storedCounts(store)[0] == 0)
    }

    @Test("A sweep reports sessions, not forwarders, and drops leases and idle epochs too")
    func sweepReportsSessions() async throws {
        let store = MemorySessionStore()
        let session = randomID()
        _ = try await store.insert(record(), id: session)
        _ = try await store.insert(forwarder(to: session, stamp: 1), id: randomID())
        _ = try await store.acquireLease(on: session, holder: 1, expiresAt: now + .seconds(5), now: now)
        let subject = try #require(SubjectID(String(repeating: "cd", count: 32)))
        _ = try await store.raiseEpoch(of: subject, now: now)

        var step = try await store.sweep(from: nil, limit: 1000, now: now + .seconds(60))
        #expect(step == SweepStep(expired: [session], next: nil))
        #expect(storedCounts(store) == [0, 0, 1])

        step = try await store.sweep(from: nil, limit: 1000, now: now + .seconds(3600))
        #expect(step == SweepStep(expired: [], next: nil))
        #expect(storedCounts(store) == [0, 0, 0])
    }

    // MARK: The maximum

    @Test("A full store refuses a new session and keeps the others")
    func refusesWhenFull() async throws {
        let store = MemorySessionStore(configuration: .init(maximumCount: 3))
        let ids = (0..<3).map { id(UInt64($0), leading: UInt8($0 * 80)) }
        for id in ids { _ = try await store.insert(record(), id: id) }
        let error = await #expect(throws: SessionStoreError.self) {
            _ = try await store.insert(record(), id: id(9))
        }
        #expect(error?.code == .full)
        #expect(try await store.insert(record(), id: ids[0]) == .exists)
        #expect(try await store.count(now: now) == 3)

        // Room comes from an end, and from an expiry that any call has made known.
        #expect(try await store.delete(ids[0], ifStamp: SessionStamp(rawValue: 1), now: now) == .deleted)
        #expect(try await store.insert(record(), id: ids[0]) == .inserted)
        #expect(try await store.load(ids[0], now: now + .seconds(60)) == nil)
        #expect(try await store.insert(record(livesFor: .seconds(500)), id: id(10)) == .inserted)
        #expect(try await store.count(now: now + .seconds(60)) == 1)
    }

    @Test("A full store that may evict takes the session nearest to its idle deadline")
    func evictsWhenFull() async throws {
        let store = MemorySessionStore(
            configuration: .init(maximumCount: 3, whenFull: .evictSoonestToExpire)
        )
        for (number, seconds) in [50, 20, 40].enumerated() {
            _ = try await store.insert(record(livesFor: .seconds(seconds)), id: id(UInt64(number)))
        }
        #expect(try await store.insert(record(livesFor: .seconds(5)), id: id(3)) == .inserted)
        #expect(try await store.load(id(1), now: now) == nil)
        #expect(try await store.count(now: now) == 3)
        // In another part of the store, which is empty: the others still make room.
        #expect(try await store.insert(record(livesFor: .seconds(5)), id: id(4, leading: 255)) == .inserted)
        #expect(try await store.load(id(3), now: now) == nil)
        #expect(try await store.count(now: now) == 3)
    }

    @Test("Inserts at once never exceed the maximum")
    func maximumHoldsUnderRaces() async throws {
        let store = MemorySessionStore(configuration: .init(maximumCount: 100))
        let record = try record()
        let inserted = await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    var inserted = 0
                    for _ in 0..<50 {
                        let outcome = try? await store.insert(record, id: randomID())
                        if outcome == .inserted { inserted += 1 }
                    }
                    return inserted
                }
            }
            return await group.reduce(0, +)
        }
        #expect(inserted == 100)
        #expect(storedCounts(store)[0] == 100)
    }

    // MARK: Renewal

    @Test("A renewal inserts and replaces in one step, whichever of the two locks comes first")
    func renewalIsOneStep() async throws {
        for (old, new) in [(UInt8(0), UInt8(0)), (0, 200), (200, 0)] {
            let store = MemorySessionStore()
            let oldID = id(1, leading: old)
            let newID = id(2, leading: new)
            let successor = try record(stamp: 3)
            let first = try record(stamp: 1)
            _ = try await store.insert(first, id: oldID)

            func renew(ifStamp stamp: UInt64) async throws -> RenewOutcome {
                try await store.renew(
                    oldID,
                    ifStamp: SessionStamp(rawValue: stamp),
                    forwarder: forwarder(to: newID, stamp: 2),
                    successor: successor,
                    newID: newID,
                    now: now
                )
            }
            #expect(try await renew(ifStamp: 7) == .conflict(first))
            #expect(try await store.load(newID, now: now) == nil)
            #expect(try await renew(ifStamp: 1) == .renewed)
            #expect(try await store.load(newID, now: now) == successor)
            #expect(try await store.load(oldID, now: now)?.isForwarder == true)
            #expect(try await renew(ifStamp: 2) == .exists)
            #expect(try await store.load(oldID, now: now)?.stamp == SessionStamp(rawValue: 2))
        }
    }

    @Test("Of renewals at once in both directions between two parts exactly one wins, and none waits forever")
    func renewalsDoNotDeadlock() async throws {
        let store = MemorySessionStore()
        for number in 0..<300 as Range<UInt64> {
            let left = id(number * 4, leading: 0)
            let right = id(number * 4, leading: 200)
            let session = try record()
            _ = try await store.insert(session, id: left)
            _ = try await store.insert(session, id: right)
            let outcomes = try await withThrowingTaskGroup { group in
                for attempt in 1...2 as ClosedRange<UInt64> {
                    for (from, leading) in [(left, UInt8(200)), (right, 0)] {
                        let to = id(number * 4 + attempt, leading: leading)
                        group.addTask {
                            try await store.renew(
                                from,
                                ifStamp: session.stamp,
                                forwarder: forwarder(to: to, stamp: 100 + attempt),
                                successor: session,
                                newID: to,
                                now: now
                            )
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == .renewed } == 2)
        }
        #expect(storedCounts(store)[0] == 300 * 4)
    }

    // MARK: Subjects

    @Test("A subject's ended sign-ins do not pile up, and epochs never repeat")
    func subjectsStaySmall() async throws {
        let store = MemorySessionStore()
        let subject = try #require(SubjectID(String(repeating: "ef", count: 32)))
        var time = now
        for _ in 0..<5000 {
            time = time + .seconds(1)
            _ = try await store.addToIndex(
                randomID(),
                subject: subject,
                absoluteDeadline: time + .seconds(10),
                now: time
            )
        }
        let kept = store.shards.reduce(0) { count, shard in
            count + shard.subjects.withLock { $0.slots.reduce(0) { $0 + $1.value.entries.count } }
        }
        #expect(kept <= 32)
        #expect(try await store.index(of: subject, now: time).count == 10)

        var epochs: Set<SubjectEpoch> = [try await store.epoch(of: subject)]
        for _ in 0..<100 {
            _ = try await store.raiseEpoch(of: subject, now: time)
            epochs.insert(try await store.epoch(of: subject))
            time = time + .seconds(3601)
            _ = try await store.sweep(from: nil, limit: 1000, now: time)
        }
        #expect(epochs.count == 101)
    }
}
