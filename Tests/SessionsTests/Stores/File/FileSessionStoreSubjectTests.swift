import Testing

@testable import Sessions

@Suite("The file store: subjects and leases")
struct FileSessionStoreSubjectTests {
    private let folder = TemporaryFolder()
    private let now = Sample.start
    private let subject = Sample.subject()
    private var subjectPath: String {
        "\(folder("sessions"))/subjects/\(subject.description.prefix(2))/\(subject.description.dropFirst(2))"
    }

    private func open(_ durability: FileSessionStore.Durability = .none) throws -> FileSessionStore {
        try FileSessionStore(path: folder("sessions"), durability: durability)
    }

    @Test("Entries keep when they were made, and are pruned at their absolute deadline only", arguments: [false, true])
    func entries(flushed: Bool) async throws {
        let store = try open(flushed ? .flushed : .none)
        let ids = [Sample.id(), Sample.id()].sorted()
        let added = now + .milliseconds(1234)
        let end = now + .seconds(100)
        _ = try await store.addToIndex(ids[0], subject: subject, absoluteDeadline: end, now: added)
        _ = try await store.addToIndex(ids[1], subject: subject, absoluteDeadline: end + .seconds(1), now: now)
        // Again: the entry that is there stays.
        _ = try await store.addToIndex(ids[0], subject: subject, absoluteDeadline: end, now: now + .seconds(50))
        let all = [SubjectIndexEntry(id: ids[0], addedAt: added), SubjectIndexEntry(id: ids[1], addedAt: now)]
        #expect(try await store.index(of: subject, now: end - .milliseconds(1)) == all)
        #expect(try await store.index(of: subject, now: end) == [all[1]])
        #expect(Set(Disk.entries(subjectPath)) == [ids[1].description, "epoch"])
        try await store.removeFromIndex(ids[1], subject: subject)
        try await store.removeFromIndex(ids[1], subject: subject)
        try await store.removeFromIndex(ids[1], subject: Sample.subject())
        #expect(try await store.index(of: subject, now: now).isEmpty)
        #expect(try await store.index(of: Sample.subject(), now: now).isEmpty)
    }

    @Test("A raised epoch is new each time, and seen by whoever signs in afterwards")
    func epochs() async throws {
        let store = try open()
        let other = try open()
        #expect(try await store.epoch(of: subject) == .initial)
        let id = Sample.id()
        let end = now + .seconds(100)
        #expect(try await store.addToIndex(id, subject: subject, absoluteDeadline: end, now: now) == .initial)
        #expect(try await store.raiseEpoch(of: subject, now: now) == [SubjectIndexEntry(id: id, addedAt: now)])
        let first = try await other.epoch(of: subject)
        #expect(first != .initial)
        _ = try await other.raiseEpoch(of: subject, now: now)
        let second = try await store.addToIndex(Sample.id(), subject: subject, absoluteDeadline: end, now: now)
        #expect(second != first && second != .initial)
        // A subject that nobody has ever heard of: whoever is signing in meanwhile must notice.
        let stranger = Sample.subject()
        #expect(try await store.raiseEpoch(of: stranger, now: now).isEmpty)
        #expect(try await store.epoch(of: stranger) != .initial)
    }

    @Test("Sign-ins and end-alls through two stores: whoever saw the old epoch is in the list of the end-all")
    func race() async throws {
        let stores = [try open(), try open()]
        let end = now + .seconds(100)
        for _ in 0..<50 {
            let subject = Sample.subject()
            let id = Sample.id()
            let now = now
            async let added = stores[0].addToIndex(id, subject: subject, absoluteDeadline: end, now: now)
            async let raised = stores[1].raiseEpoch(of: subject, now: now)
            let outcome = (try await added, try await raised)
            #expect((outcome.0 == .initial) == outcome.1.contains { $0.id == id })
        }
    }

    @Test("Every step on an index is taken under the lock of its subject, and only that")
    func heldLock() async throws {
        let store = try FileSessionStore(path: folder("sessions"), lockTimeout: .milliseconds(5))
        let id = Sample.id()
        let end = now + .seconds(9)
        _ = try await store.addToIndex(id, subject: subject, absoluteDeadline: end, now: now)
        let lock = Disk.hold("\(subjectPath)/epoch")
        defer { Disk.release(lock) }
        let (subject, now) = (subject, now)
        let steps: [@Sendable () async throws -> Void] = [
            { _ = try await store.addToIndex(Sample.id(), subject: subject, absoluteDeadline: end, now: now) },
            { try await store.removeFromIndex(id, subject: subject) },
            { _ = try await store.raiseEpoch(of: subject, now: now) },
            { _ = try await store.index(of: subject, now: now) },
            { _ = try await store.epoch(of: subject) },
        ]
        for step in steps {
            let error = await #expect(throws: SessionStoreError.self) { try await step() }
            #expect(error?.code == .unavailable)
        }
        // A sweep passes by, and other subjects do not notice.
        _ = try await Sample.sweepAll(store, now: now + .seconds(10_000))
        #expect(Disk.entries(subjectPath).count == 2)
        _ = try await store.raiseEpoch(of: Sample.subject(), now: now)
    }

    @Test("A subject's folder goes when it is empty and its epoch is over an hour old, not before")
    func removal() async throws {
        let store = try open()
        let id = Sample.id()
        _ = try await store.addToIndex(id, subject: subject, absoluteDeadline: now + .seconds(5000), now: now)
        _ = try await store.raiseEpoch(of: subject, now: now)
        let epoch = try await store.epoch(of: subject)
        _ = try await Sample.sweepAll(store, now: now + .seconds(4999))
        #expect(try await store.index(of: subject, now: now).count == 1)
        _ = try await store.raiseEpoch(of: subject, now: now + .seconds(4000))
        _ = try await Sample.sweepAll(store, now: now + .seconds(5001))
        #expect(Disk.entries(subjectPath) == ["epoch"])
        #expect(try await store.epoch(of: subject) != epoch)
        _ = try await Sample.sweepAll(store, now: now + .seconds(7601))
        #expect(!Disk.exists(subjectPath))
        #expect(try await store.epoch(of: subject) == .initial)
        #expect(
            try await store.addToIndex(id, subject: subject, absoluteDeadline: now + .seconds(9), now: now) == .initial
        )
    }

    @Test("Adding to an index while sweeps remove its empty folder loses no entry")
    func addAgainstRemoval() async throws {
        let stores = [try open(), try open()]
        let subject = subject
        let later = now + .seconds(10_000)
        for _ in 0..<30 {
            let id = Sample.id()
            _ = try await stores[0].addToIndex(id, subject: subject, absoluteDeadline: now + .seconds(1), now: now)
            let kept = Sample.id()
            async let swept = Sample.sweepAll(stores[1], now: later)
            async let added = stores[0].addToIndex(
                kept,
                subject: subject,
                absoluteDeadline: later + .seconds(1),
                now: later
            )
            _ = (try await swept, try await added)
            #expect(try await stores[1].index(of: subject, now: later).map(\.id) == [kept])
            try await stores[0].removeFromIndex(kept, subject: subject)
            _ = try await Sample.sweepAll(stores[1], now: later + .seconds(10_000))
        }
    }

    @Test("A lease has one holder until it is given back or its time is over")
    func leases() async throws {
        let store = try open()
        let other = try open()
        let id = Sample.id()
        let end = now + .seconds(10)
        func acquire(_ store: FileSessionStore, _ holder: UInt64, at time: SessionInstant) async throws -> Bool {
            try await store.acquireLease(on: id, holder: holder, expiresAt: end, now: time)
        }
        #expect(try await acquire(store, 1, at: now))
        #expect(try await acquire(store, 1, at: now))
        #expect(try await acquire(other, 2, at: now) == false)
        try await other.releaseLease(on: id, holder: 2)
        #expect(try await acquire(other, 2, at: now) == false)
        try await store.releaseLease(on: id, holder: 1)
        #expect(try await acquire(other, 2, at: now))
        #expect(try await acquire(store, 1, at: end - .milliseconds(1)) == false)
        #expect(try await store.acquireLease(on: id, holder: 1, expiresAt: end + .seconds(5), now: end))
        let path = "\(folder("sessions"))/leases/\(id.description.prefix(2))"
        _ = try await Sample.sweepAll(store, now: end)
        #expect(Disk.entries(path).count == 1)
        _ = try await Sample.sweepAll(store, now: end + .seconds(5))
        #expect(Disk.entries(path).isEmpty)
    }

    @Test("Many who want one lease: one gets it")
    func leaseRace() async throws {
        let stores = [try open(), try open()]
        let id = Sample.id()
        let now = now
        let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
            for holder in 1...20 as ClosedRange<UInt64> {
                let store = stores[Int(holder % 2)]
                group.addTask {
                    try await store.acquireLease(on: id, holder: holder, expiresAt: now + .seconds(9), now: now)
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(winners == 1)
    }
}
