import Testing

@testable import Sessions

@Suite("The file store: records")
struct FileSessionStoreTests {
    private let folder = TemporaryFolder()
    private let now = Sample.start

    private func open(
        _ durability: FileSessionStore.Durability = .none,
        lockTimeout: Duration = .seconds(30)
    ) throws -> FileSessionStore {
        try FileSessionStore(path: folder("sessions"), durability: durability, lockTimeout: lockTimeout)
    }

    private func path(_ id: SessionID) -> String { Sample.path(of: id, in: folder("sessions")) }

    @Test("What was committed is there after the store is opened again", arguments: [false, true])
    func restart(flushed: Bool) async throws {
        let id = Sample.id()
        let record = Sample.record(stamp: 2, revision: 2, subject: "ann")
        do {
            let store = try open(flushed ? .flushed : .none)
            #expect(try await store.insert(Sample.record(stamp: 1), id: id) == .inserted)
            #expect(try await store.update(record, id: id, ifStamp: .init(rawValue: 1), now: now) == .updated)
        }
        #expect(try await open().load(id, now: now) == record)
    }

    @Test("D27: a session is gone at the instant of its deadline, swept or not")
    func expiry() async throws {
        let store = try open()
        let id = Sample.id()
        let end = now + .seconds(10)
        let record = Sample.record(stamp: 1, expiresAt: end)
        _ = try await store.insert(record, id: id)
        let before = end - .milliseconds(1)
        #expect(try await store.load(id, now: before) == record)
        #expect(try await store.load(id, now: end) == nil)
        #expect(try await store.update(record, id: id, ifStamp: record.stamp, now: end) == .missing)
        #expect(try await store.touch(id, ifStamp: record.stamp, expiresAt: end + .seconds(9), now: end) == false)
        #expect(try await store.delete(id, ifStamp: record.stamp, now: end) == .missing)
        #expect(try await store.count(now: end) == 0)
        #expect(try await store.count(now: before) == 1)
    }

    @Test("D23: a commit leaves the bytes of the last one alone, so whatever interrupts it loses nothing")
    func neverInPlace() async throws {
        let store = try open()
        let id = Sample.id()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        for stamp in UInt64(1)...6 {
            let before = FileSlots(Disk.read(path(id)))
            let current = try before.current(for: id, onlyNewest: true)
            if stamp % 3 == 0 {
                #expect(
                    try await store.touch(
                        id,
                        ifStamp: current.record.stamp,
                        expiresAt: current.record.expiresAt + .seconds(9),
                        now: now
                    )
                )
            } else {
                let next = Sample.record(stamp: stamp + 100)
                #expect(try await store.update(next, id: id, ifStamp: current.record.stamp, now: now) == .updated)
            }
            let after = Disk.read(path(id))
            let counted = current.range.lowerBound - FileSlots.headerByteCount..<current.range.upperBound
            #expect(Array(after[counted]) == Array(before.bytes[counted]))
            #expect(after != before.bytes)
        }
    }

    @Test("A record that outgrows its file moves into a larger one, and back into the slots of that")
    func grow() async throws {
        let store = try open()
        let id = Sample.id()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        let inode = Disk.inode(path(id))
        let large = Sample.record(stamp: 2, subject: String(repeating: "x", count: 1024))
        #expect(try await store.update(large, id: id, ifStamp: .init(rawValue: 1), now: now) == .updated)
        #expect(Disk.inode(path(id)) != inode)
        #expect(try await store.load(id, now: now) == large)
        let small = Sample.record(stamp: 3)
        #expect(try await store.update(small, id: id, ifStamp: .init(rawValue: 2), now: now) == .updated)
        #expect(try await store.load(id, now: now) == small)
        #expect(Disk.mode(path(id)) == 0o600)
        #expect(Disk.links(path(id)) == 1)
    }

    @Test("A touch moves the deadline, never earlier and never the record; a conflicting one moves nothing")
    func touch() async throws {
        let store = try open()
        let id = Sample.id()
        let record = Sample.record(stamp: 1, expiresAt: now + .seconds(10))
        _ = try await store.insert(record, id: id)
        let later = now + .seconds(20)
        #expect(try await store.touch(id, ifStamp: .init(rawValue: 9), expiresAt: later, now: now) == false)
        #expect(try await store.load(id, now: now)?.expiresAt == record.expiresAt)
        #expect(try await store.touch(id, ifStamp: record.stamp, expiresAt: later, now: now))
        #expect(try await store.touch(id, ifStamp: record.stamp, expiresAt: now + .seconds(5), now: now))
        let touched = try await store.load(id, now: now)
        #expect(touched?.expiresAt == later)
        #expect(touched?.encoded(for: id) == record.encoded(for: id))
    }

    @Test("A forwarder leaves no values in the file, and damage to it does not make the old token good again")
    func forwarder() async throws {
        let store = try open()
        let (id, newID) = (Sample.id(), Sample.id())
        let record = Sample.record(stamp: 1, subject: "a-name-that-must-go")
        _ = try await store.insert(record, id: id)
        _ = try await store.update(
            Sample.record(stamp: 2, subject: "a-name-that-must-go"),
            id: id,
            ifStamp: .init(rawValue: 1),
            now: now
        )
        let outcome = try await store.renew(
            id,
            ifStamp: .init(rawValue: 2),
            forwarder: Sample.record(stamp: 3, kind: .forwarder(successor: newID, nonce: nil)),
            successor: Sample.record(stamp: 4, kind: .session(predecessor: id)),
            newID: newID,
            now: now
        )
        #expect(outcome == .renewed)
        #expect(try await store.load(id, now: now)?.kind == .forwarder(successor: newID, nonce: nil))
        #expect(try await store.load(newID, now: now)?.kind == .session(predecessor: id))
        var bytes = Disk.read(path(id))
        #expect(!String(decoding: bytes, as: UTF8.self).contains("must-go"))
        let start = bytes.count / 2
        for offset in [0, start] where bytes[offset] != 0 { bytes[offset + 50] ^= 1 }
        Disk.write(bytes, to: path(id))
        await #expect(throws: SessionStoreError.self) { try await store.load(id, now: now) }
    }

    @Test("A renewal that loses, or whose new id is taken, writes nothing")
    func renewalThatLoses() async throws {
        let store = try open()
        let (id, newID) = (Sample.id(), Sample.id())
        let record = Sample.record(stamp: 1)
        func renew(_ stamp: UInt64) async throws -> RenewOutcome {
            try await store.renew(
                id,
                ifStamp: .init(rawValue: stamp),
                forwarder: Sample.record(stamp: 3, kind: .forwarder(successor: newID, nonce: nil)),
                successor: Sample.record(stamp: 4),
                newID: newID,
                now: now
            )
        }
        #expect(try await renew(1) == .missing)
        _ = try await store.insert(record, id: id)
        #expect(try await renew(2) == .conflict(record))
        #expect(try await store.load(newID, now: now) == nil)
        _ = try await store.insert(Sample.record(stamp: 7), id: newID)
        #expect(try await renew(1) == .exists)
        #expect(try await store.load(id, now: now) == record)
        #expect(try await store.load(newID, now: now)?.stamp.rawValue == 7)
    }

    @Test("F5, D23: parallel updates through two stores on one folder lose nothing, and readers see no torn record")
    func parallelUpdates() async throws {
        let stores = [try open(), try open()]
        let id = Sample.id()
        _ = try await stores[0].insert(Sample.record(stamp: 1, revision: 0), id: id)
        let now = now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                let store = stores[task % 2]
                group.addTask {
                    for _ in 0..<10 {
                        guard var current = try await store.load(id, now: now) else { throw Missing() }
                        while true {
                            // Now and then a size that does not fit, so that files are replaced under way.
                            let size = current.revision % 40 == 20 ? 1024 : 0
                            let next = Sample.record(
                                stamp: SystemSessionRandom().next(),
                                revision: current.revision + 1,
                                subject: String(repeating: "x", count: size)
                            )
                            switch try await store.update(next, id: id, ifStamp: current.stamp, now: now) {
                            case .updated: break
                            case .conflict(let newer):
                                current = newer
                                continue
                            case .missing: throw Missing()
                            }
                            break
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await stores[1].load(id, now: now)?.revision == 160)
    }

    private struct Missing: Error {}

    @Test("An update and a delete of one record: one of them wins, and nothing comes back")
    func updateAgainstDelete() async throws {
        let stores = [try open(), try open()]
        let now = now
        for _ in 0..<100 {
            let id = Sample.id()
            let record = Sample.record(stamp: 1)
            _ = try await stores[0].insert(record, id: id)
            async let update = stores[0].update(Sample.record(stamp: 2), id: id, ifStamp: record.stamp, now: now)
            async let delete = stores[1].delete(id, ifStamp: record.stamp, now: now)
            let left = try await stores[0].load(id, now: now)
            let outcome = (try await update, try await delete)
            let final = try await stores[1].load(id, now: now)
            switch outcome {
            case (.missing, .deleted): #expect(final == nil)
            case (.updated, .conflict(let current)):
                #expect(current.stamp.rawValue == 2)
                #expect(final?.stamp.rawValue == 2)
            default: Issue.record("\(outcome), \(String(describing: left))")
            }
        }
    }

    @Test("D26: a lock that another process holds stops nobody but that session's writers, and those not for ever")
    func heldLock() async throws {
        let store = try open(lockTimeout: .milliseconds(50))
        let (held, free) = (Sample.id(), Sample.id())
        for id in [held, free] { _ = try await store.insert(Sample.record(stamp: 1), id: id) }
        let lock = Disk.hold(path(held))
        defer { Disk.release(lock) }
        let now = now
        try await withThrowingTaskGroup(of: SessionStoreError.Code?.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    do throws(SessionStoreError) {
                        _ = try await store.delete(held, ifStamp: .init(rawValue: 1), now: now)
                        return nil
                    } catch {
                        return error.code
                    }
                }
            }
            let update = try await store.update(
                Sample.record(stamp: 2),
                id: free,
                ifStamp: .init(rawValue: 1),
                now: now
            )
            #expect(update == .updated)
            // A reader needs no lock.
            #expect(try await store.load(held, now: now)?.stamp.rawValue == 1)
            for try await code in group { #expect(code == .unavailable) }
        }
        #expect(try await store.load(held, now: now) != nil)
    }

    @Test("A write that waits for a lock is carried through though its task is cancelled")
    func cancelledWrite() async throws {
        let store = try open()
        let id = Sample.id()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        let lock = Disk.hold(path(id))
        let now = now
        let task = Task { try await store.delete(id, ifStamp: .init(rawValue: 1), now: now) }
        task.cancel()
        Disk.release(lock)
        #expect(try await task.value == .deleted)
        #expect(try await store.load(id, now: now) == nil)
    }

    @Test("A cancelled task reads nothing, and is told so")
    func cancelledLoad() async throws {
        let store = try open()
        let now = now
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await store.load(Sample.id(), now: now)
        }
        let error = await #expect(throws: SessionStoreError.self) { try await task.value }
        #expect(error?.code == .cancelled)
    }

    @Test("A record larger than any file may be is refused before anything is written")
    func recordTooLarge() async throws {
        let storage = try FileStorage(path: folder("sessions"), isFlushed: false, hook: nil)
        let body = Array(repeating: UInt8(0), count: FileSlots.maximumRecordByteCount + 1)
        let record = SessionRecord(body: body, expiresAt: now + .seconds(1))
        #expect(throws: FileFailure.self) { try storage.insert(record, id: Sample.id()) }
        #expect(Disk.entries(folder("sessions/records")).isEmpty)
    }
}
