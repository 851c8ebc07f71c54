import Synchronization
import Testing

@testable import Sessions

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Makes chosen system calls fail, and notes all of them.
private final class Script: Sendable {
    private let state = Mutex<(calls: [SystemCall], faults: [SystemCall: FileSystem.Fault])>(([], [:]))

    var hook: FileSystem.Hook {
        { [self] call in
            state.withLock { state in
                state.calls.append(call)
                return state.faults[call]
            }
        }
    }

    func fail(_ call: SystemCall, _ fault: FileSystem.Fault?) { state.withLock { $0.faults[call] = fault } }

    /// The calls since the last time, of the kinds that matter for durability.
    func takeCalls() -> [SystemCall] {
        state.withLock {
            let kinds: Set<SystemCall> = [.write, .flush, .link, .rename, .unlink, .flushFolder]
            let calls = $0.calls.filter(kinds.contains)
            $0.calls = []
            return calls
        }
    }
}

@Suite("The file store: failures and the order of its steps")
struct FileSessionStoreFaultTests {
    private let folder = TemporaryFolder()
    private let now = Sample.start
    private let script = Script()
    private let id = Sample.id()
    private let newID = Sample.id()

    private func open(_ durability: FileSessionStore.Durability = .none) throws -> FileSessionStore {
        try FileSessionStore(
            path: folder("sessions"),
            durability: durability,
            lockTimeout: .seconds(30),
            hook: script.hook
        )
    }

    private func update(_ store: FileSessionStore, _ stamp: UInt64, size: Int = 0) async throws -> UpdateOutcome {
        let record = Sample.record(stamp: stamp + 1, subject: String(repeating: "x", count: size))
        return try await store.update(record, id: id, ifStamp: .init(rawValue: stamp), now: now)
    }

    private func renew(_ store: FileSessionStore, _ stamp: UInt64) async throws -> RenewOutcome {
        try await store.renew(
            id,
            ifStamp: .init(rawValue: stamp),
            forwarder: Sample.record(stamp: 100, kind: .forwarder(successor: newID, nonce: nil)),
            successor: Sample.record(stamp: 101, kind: .session(predecessor: id)),
            newID: newID,
            now: now
        )
    }

    @Test(
        "F4: a call that fails is a typed error, the record stays as it was, no descriptor is lost",
        arguments: [ENOSPC, EDQUOT, EIO, EMFILE, ENFILE, EROFS, EACCES]
    )
    func failures(code: Int32) async throws {
        let store = try open()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        let record = try await store.load(id, now: now)
        let descriptors = Disk.openDescriptors(below: folder.path)
        let calls: [SystemCall] = [.open, .status, .read, .write, .lock, .link, .rename, .unlink]
        for call in calls {
            script.fail(call, .failure(code))
            let other = Sample.id()
            var errors: [SessionStoreError] = []
            func attempt(_ body: () async throws(SessionStoreError) -> Void) async {
                do throws(SessionStoreError) { try await body() } catch { errors.append(error) }
            }
            let (id, now) = (id, now)
            await attempt { () throws(SessionStoreError) in _ = try await store.load(id, now: now) }
            await attempt { () throws(SessionStoreError) in
                _ = try await store.insert(Sample.record(stamp: 1), id: other)
            }
            await attempt { () throws(SessionStoreError) in
                let wrong = SessionStamp(rawValue: 99)
                _ = try await store.delete(id, ifStamp: wrong, now: now)
            }
            if call != .unlink {
                await attempt { () throws(SessionStoreError) in
                    let large = Sample.record(stamp: 9, subject: String(repeating: "x", count: 1024))
                    let stamp = SessionStamp(rawValue: call == .link ? 99 : 1)
                    _ = try await store.update(large, id: id, ifStamp: stamp, now: now)
                }
            }
            script.fail(call, nil)
            #expect(!errors.isEmpty, "\(call)")
            for error in errors {
                #expect(error.code == .unavailable || error.code == .outcomeUnknown, "\(call): \(error)")
                #expect(error.message.contains(FileFailure.text(of: code)), "\(call): \(error)")
            }
            #expect(try await store.load(id, now: now) == record, "\(call)")
        }
        #expect(Disk.openDescriptors(below: folder.path) == descriptors)
    }

    @Test("F4: writes that come in pieces arrive whole")
    func shortWrites() async throws {
        let store = try open()
        script.fail(.write, .shortWrite(7))
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        #expect(try await update(store, 1) == .updated)
        #expect(try await update(store, 2, size: 1000) == .updated)
        #expect(try await store.load(id, now: now)?.stamp.rawValue == 3)
    }

    @Test("A slot whose write failed and that could not be emptied either may count: the outcome is unknown")
    func failedWrite() async throws {
        let store = try open()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        script.fail(.write, .failure(EIO))
        let error = await #expect(throws: SessionStoreError.self) { try await update(store, 1) }
        #expect(error?.code == .outcomeUnknown)
        script.fail(.write, nil)
        #expect(try await store.load(id, now: now)?.stamp.rawValue == 1)
    }

    @Test("What cannot be flushed may count or not: the outcome is unknown")
    func failedFlush() async throws {
        let store = try open(.flushed)
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        script.fail(.flush, .failure(EIO))
        let error = await #expect(throws: SessionStoreError.self) { try await update(store, 1) }
        #expect(error?.code == .outcomeUnknown)
        script.fail(.flush, nil)
        script.fail(.flushFolder, .failure(EIO))
        let delete = await #expect(throws: SessionStoreError.self) {
            try await store.delete(id, ifStamp: .init(rawValue: 2), now: now)
        }
        #expect(delete?.code == .outcomeUnknown)
        let subject = Sample.subject()
        script.fail(.flushFolder, nil)
        _ = try await store.addToIndex(id, subject: subject, absoluteDeadline: now + .seconds(60), now: now)
        script.fail(.flushFolder, .failure(ENOSPC))
        let remove = await #expect(throws: SessionStoreError.self) {
            try await store.removeFromIndex(id, subject: subject)
        }
        #expect(remove?.code == .outcomeUnknown)
        #expect(try await store.index(of: subject, now: now).isEmpty)
    }

    @Test("A renewal that stops before its commit leaves the session under its old id")
    func interruptedRenewal() async throws {
        let store = try open()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        for call in [SystemCall.link, .write] {
            script.fail(call, .failure(ENOSPC))
            await #expect(throws: SessionStoreError.self) { try await renew(store, 1) }
            script.fail(call, nil)
            #expect(try await store.load(id, now: now)?.stamp.rawValue == 1)
            #expect(try await store.load(newID, now: now) == nil)
        }
        #expect(try await renew(store, 1) == .renewed)
    }

    @Test("With .flushed every step is on the device before the next one builds on it, and before the answer")
    func flushedOrder() async throws {
        let store = try open(.flushed)
        _ = try await store.insert(Sample.record(stamp: 0), id: id)
        _ = try await store.delete(id, ifStamp: .init(rawValue: 0), now: now)
        _ = script.takeCalls()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        #expect(script.takeCalls() == [.write, .flush, .link, .unlink, .flushFolder])
        _ = try await update(store, 1)
        #expect(script.takeCalls() == [.write, .flush])
        _ = try await store.touch(id, ifStamp: .init(rawValue: 2), expiresAt: now + .seconds(9999), now: now)
        #expect(script.takeCalls() == [.write, .flush])
        _ = try await update(store, 2, size: 1024)
        #expect(script.takeCalls() == [.write, .flush, .rename, .flushFolder])
        _ = try await store.delete(id, ifStamp: .init(rawValue: 3), now: now)
        #expect(script.takeCalls() == [.unlink, .flushFolder])
    }

    @Test("A record whose maker was killed before it could take the other name away is whole, and gets rid of it")
    func killedMaker() async throws {
        let store = try open(.flushed)
        let record = Sample.record(stamp: 1)
        _ = try await store.insert(record, id: id)
        let path = Sample.path(of: id, in: folder("sessions"))
        let temporary = path.dropLast(62) + FileStoreLayout.temporaryName()
        for use in ["load", "update"] {
            Disk.makeHardLink(String(temporary), to: path)
            #expect(Disk.links(path) == 2)
            _ = script.takeCalls()
            if use == "load" {
                #expect(try await store.load(id, now: now) == record)
                #expect(script.takeCalls() == [.unlink, .flushFolder])
            } else {
                #expect(try await update(store, 1) == .updated)
                #expect(script.takeCalls() == [.unlink, .flushFolder, .write, .flush])
            }
            #expect(Disk.links(path) == 1, "\(use)")
        }
        // A name elsewhere is not of this store's making.
        Disk.makeHardLink(folder("elsewhere"), to: path)
        let error = await #expect(throws: SessionStoreError.self) { try await store.load(id, now: now) }
        #expect(error?.code == .corruptRecord)
        #expect(Disk.links(path) == 2)
    }

    @Test("With .none nothing waits for the device")
    func unflushedOrder() async throws {
        let store = try open()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        _ = try await update(store, 1)
        _ = try await update(store, 2, size: 1024)
        _ = try await renew(store, 3)
        _ = try await store.raiseEpoch(of: Sample.subject(), now: now)
        let calls = script.takeCalls()
        #expect(calls.contains(.rename))
        #expect(!calls.contains(.flush) && !calls.contains(.flushFolder))
    }

    @Test("A load is four system calls, a commit seven")
    func callsPerOperation() async throws {
        let store = try open()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        let all = Mutex<[SystemCall]>([])
        let counting = try FileSessionStore(
            path: folder("sessions"),
            durability: .none,
            lockTimeout: .seconds(1),
            hook: { call in
                all.withLock { $0.append(call) }
                return nil
            }
        )
        _ = try await counting.load(id, now: now)
        all.withLock { $0 = [] }
        _ = try await counting.load(id, now: now)
        // And `close`.
        #expect(all.withLock { $0 } == [.open, .status, .read])
        all.withLock { $0 = [] }
        _ = try await update(counting, 1)
        #expect(all.withLock { $0 } == [.open, .lock, .status, .read, .write, .setTimes])
    }

    @Test("Descriptors are closed after every operation")
    func descriptors() async throws {
        let store = try open()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        let descriptors = Disk.openDescriptors(below: folder.path)
        for round in 1...20 as ClosedRange<UInt64> {
            _ = try await update(store, round, size: round % 2 == 0 ? 1024 : 0)
            _ = try await store.load(Sample.id(), now: now)
            _ = try await store.insert(Sample.record(stamp: 1), id: id)
            _ = try await store.page(after: nil, limit: 5, now: now)
            _ = try await store.index(of: Sample.subject(), now: now)
        }
        _ = try await Sample.sweepAll(store, now: now)
        #expect(Disk.openDescriptors(below: folder.path) == descriptors)
    }
}
