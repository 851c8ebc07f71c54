import Sessions

/// Makes one write of each kind while system calls fail, and says of each what is left: as it was before, or as it should be.
///
/// An error with which a store says that it surely did nothing must have left what was there before. A write that failed is
/// made again, since the next one must succeed when the disk works again.
final class Faults {
    enum Left: String {
        case old, new
        /// What was to be new is there and cannot be read. Nobody was told that it is there, and a sweep removes it.
        case leftover
    }

    /// What is neither old nor new, or not what the store said.
    struct Wrong: Error, CustomStringConvertible {
        var description: String
    }

    let store: FileSessionStore
    private let path: String
    private var id: SessionID
    private var newID: SessionID
    private let subject: SubjectID

    /// How often a call is made until it succeeds: a fault may come once to each thread, and to what looks after it.
    private static let attempts = 24

    /// Begins when there is a line on standard input, so that somebody can come between before.
    static func run(_ path: String, _ durability: FileSessionStore.Durability) async throws {
        Output.line("ready")
        Output.waitForLine()
        var store: FileSessionStore?
        for _ in 0..<attempts where store == nil {
            do throws(SessionStoreError) {
                store = try FileSessionStore(path: path, durability: durability)
            } catch {
                Output.line("failed open \(error.code)")
            }
        }
        guard let store else { throw Wrong(description: "open: it never succeeds") }
        try await Faults(store: store, path: path).run()
    }

    init(store: FileSessionStore, path: String) throws {
        self.path = path
        self.store = store
        id = try FileStoreWriter.newID()
        newID = try FileStoreWriter.newID()
        guard let subject = SubjectID(try FileStoreWriter.newID().description) else {
            throw Wrong(description: "subject")
        }
        self.subject = subject
    }

    private var now: SessionInstant { FileStoreWriter.now }

    private func run() async throws {
        let first = FileStoreWriter.record(revision: 1)
        try await step(
            "insert",
            perform: { _ = try await store.insert(first, id: id) },
            left: { try await isThere(first) }
        )

        let second = FileStoreWriter.record(revision: 2)
        try await step(
            "update",
            perform: { try await update(second, first) },
            left: { try await became(second, from: first) }
        )

        let later = now + .seconds(7200)
        try await step(
            "touch",
            perform: { _ = try await store.touch(id, ifStamp: second.stamp, expiresAt: later, now: now) },
            left: {
                let record = try await load(id)
                guard record?.stamp == second.stamp else { return nil }
                return record?.expiresAt == later ? .new : record?.expiresAt == second.expiresAt ? .old : nil
            }
        )

        let large = FileStoreWriter.record(revision: 3, subject: String(repeating: "x", count: 1024))
        try await step(
            "grow",
            perform: { try await update(large, second) },
            left: { try await became(large, from: second) }
        )

        var forwarder = large
        let successor = FileStoreWriter.record(revision: 4)
        try await step(
            "renew",
            perform: {
                // Each attempt has a token of its own, so that what the one before has left is nobody's.
                newID = try FileStoreWriter.newID()
                forwarder = FileStoreWriter.record(revision: 4, kind: .forwarder(successor: newID, nonce: nil))
                try await renew(large, forwarder, successor)
            },
            left: {
                let (old, new) = (try await load(id), try await loadIfReadable(newID))
                if old?.stamp == forwarder.stamp { return new?.stamp == successor.stamp ? .new : nil }
                // A successor that nobody has the token of may be there.
                return old?.stamp == large.stamp ? .old : nil
            }
        )

        try await step(
            "delete",
            perform: { _ = try await store.delete(newID, ifStamp: successor.stamp, now: now) },
            left: {
                let record = try await load(newID)
                return record == nil ? .new : record?.stamp == successor.stamp ? .old : nil
            }
        )

        try await step("addToIndex", perform: { try await addToIndex() }, left: { try await isListed() ? .new : .old })
        let epoch = try await again { try await store.epoch(of: subject) }
        try await step(
            "raiseEpoch",
            perform: { _ = try await store.raiseEpoch(of: subject, now: now) },
            left: {
                guard try await isListed() else { return nil }
                return try await again { try await store.epoch(of: subject) } == epoch ? .old : .new
            }
        )
        try await step(
            "removeFromIndex",
            perform: { try await store.removeFromIndex(id, subject: subject) },
            left: {
                try await isListed() ? .old : .new
            }
        )
        try await step(
            "sweep",
            perform: { try await sweep() },
            left: {
                // Nothing has expired yet.
                try await load(id)?.stamp == forwarder.stamp ? .new : nil
            }
        )
        Output.line("descriptors \(Output.descriptorCount(below: path))")
    }

    // MARK: Steps

    private func step(
        _ name: String,
        perform: () async throws -> Void,
        left: () async throws -> Left?
    ) async throws {
        for _ in 0..<Self.attempts {
            var failure: SessionStoreError?
            do {
                try await perform()
            } catch let error as SessionStoreError {
                failure = error
            }
            guard let state = try await left(), state != .leftover || failure?.mayHaveExecuted == true else {
                throw Wrong(
                    description: "\(name): neither old nor new, after \(failure.map { "\($0.code)" } ?? "success")"
                )
            }
            guard let failure else {
                guard state == .new else { throw Wrong(description: "\(name): acknowledged, and not there") }
                return Output.line("acknowledged \(name)")
            }
            let isSurelyOld = !failure.mayHaveExecuted
            // A sweep changes nothing here, so its errors say nothing of what is left.
            if isSurelyOld, state == .new, name != "sweep" {
                throw Wrong(description: "\(name): \(failure.code) says that nothing was done, and it was")
            }
            Output.line("failed \(name) \(failure.code) \(state.rawValue)")
            if state == .new, name != "sweep" { return }
        }
        throw Wrong(description: "\(name): it never succeeds")
    }

    /// Makes a call that only reads until no fault hits it.
    private func again<Result>(_ body: () async throws -> Result) async throws -> Result {
        var last: (any Error)?
        for _ in 0..<Self.attempts {
            do {
                return try await body()
            } catch {
                last = error
            }
        }
        throw last ?? Wrong(description: "no attempt")
    }

    private func load(_ id: SessionID) async throws -> SessionRecord? {
        try await again { try await store.load(id, now: now) }
    }

    private func loadIfReadable(_ id: SessionID) async throws -> SessionRecord? {
        do {
            return try await load(id)
        } catch let error as SessionStoreError where error.code == .corruptRecord {
            return nil
        }
    }

    /// What an insert has left.
    private func isThere(_ record: SessionRecord) async throws -> Left? {
        let found: SessionRecord?
        do {
            found = try await load(id)
        } catch let error as SessionStoreError where error.code == .corruptRecord {
            // A second name of its file could not be removed. As a manager does, the next attempt takes another id.
            id = try FileStoreWriter.newID()
            return .leftover
        }
        guard let found else { return .old }
        return found == record ? .new : nil
    }

    private func became(_ new: SessionRecord, from old: SessionRecord) async throws -> Left? {
        let found = try await load(id)
        return found?.stamp == new.stamp ? .new : found?.stamp == old.stamp ? .old : nil
    }

    private func update(_ record: SessionRecord, _ old: SessionRecord) async throws {
        guard try await store.update(record, id: id, ifStamp: old.stamp, now: now) == .updated else {
            throw Wrong(description: "update: not updated")
        }
    }

    private func renew(_ old: SessionRecord, _ forwarder: SessionRecord, _ successor: SessionRecord) async throws {
        let outcome = try await store.renew(
            id,
            ifStamp: old.stamp,
            forwarder: forwarder,
            successor: successor,
            newID: newID,
            now: now
        )
        guard outcome == .renewed else { throw Wrong(description: "renew: \(outcome)") }
    }

    private func addToIndex() async throws {
        _ = try await store.addToIndex(id, subject: subject, absoluteDeadline: now + .seconds(86400), now: now)
    }

    private func isListed() async throws -> Bool {
        try await again { try await store.index(of: subject, now: now).map(\.id) == [id] }
    }

    private func sweep() async throws {
        var cursor: SessionStoreCursor?
        repeat {
            cursor = try await store.sweep(from: cursor, limit: 256, now: now).next
        } while cursor != nil
    }
}
