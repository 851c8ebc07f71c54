// Writes to a file store and says after each write that it is acknowledged: for Scripts/check-file-store-kill,
// Scripts/check-file-store-flush and Scripts/check-file-store-faults, which kill it, look over its shoulder and fail its
// system calls.

import Sessions

@main
struct FileStoreWriter {
    static let usage = """
        usage: file-store-writer count FOLDER ID...            counts in the sessions ID until it is killed; prints
                                                               "acknowledged ID NUMBER" after each commit
               file-store-writer read FOLDER ID...             prints "value ID NUMBER" for each session
               file-store-writer steps FOLDER none|flushed     makes one write of each kind, prints "acknowledged KIND"
                                                               after each
               file-store-writer faults FOLDER none|flushed    the same while system calls fail, from a line on standard
                                                               input on: makes each write until it succeeds, and looks
                                                               at what is left after each failure
        """

    static func main() async {
        do {
            try await run()
        } catch {
            Output.fail("\(error)")
        }
    }

    static func run() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count >= 3 else { throw UsageError() }
        let folder = arguments[2]
        let rest = arguments.dropFirst(2)
        switch arguments[1] {
        case "count":
            try await count(FileSessionStore(path: folder), rest.map { try id($0) })
        case "read":
            let store = try FileSessionStore(path: folder)
            for id in try rest.map({ try id($0) }) {
                let record = try await store.load(id, now: now)
                Output.line("value \(id) \(record?.revision ?? 0)")
            }
        case "steps":
            try await steps(FileSessionStore(path: folder, durability: try durability(arguments[3])))
        case "faults":
            try await Faults.run(folder, try durability(arguments[3]))
        default:
            throw UsageError()
        }
    }

    struct UsageError: Error, CustomStringConvertible {
        var description: String { usage }
    }

    struct UnexpectedOutcome: Error {
        var step: String
    }

    static var now: SessionInstant { SystemSessionClock().now }

    static func id(_ text: String) throws -> SessionID {
        guard let id = SessionID(text) else { throw UsageError() }
        return id
    }

    static func newID() throws -> SessionID {
        try id((0..<64).map { _ in String(Int.random(in: 0..<16), radix: 16) }.joined())
    }

    static func durability(_ text: String) throws -> FileSessionStore.Durability {
        switch text {
        case "none": .none
        case "flushed": .flushed
        default: throw UsageError()
        }
    }

    static func record(
        revision: UInt64,
        subject: String = "",
        kind: SessionRecord.Kind = .session(predecessor: nil)
    )
        -> SessionRecord
    {
        let now = now
        return SessionRecord(
            stamp: SessionStamp(rawValue: .random(in: .min ... .max)),
            revision: revision,
            createdAt: now,
            absoluteDeadline: now + .seconds(86400),
            idleTimeout: .seconds(3600),
            expiresAt: now + .seconds(3600),
            kind: kind,
            subject: subject,
            values: SessionValues(now: now)
        )
    }

    /// Counts in each session in turn, with another size each time, so that slots are overwritten in part and in whole
    /// and files are replaced by larger ones.
    static func count(_ store: FileSessionStore, _ ids: [SessionID]) async throws {
        while true {
            for id in ids {
                guard let current = try await store.load(id, now: now) else {
                    let first = record(revision: 1)
                    guard try await store.insert(first, id: id) == .inserted else {
                        throw UnexpectedOutcome(step: "insert")
                    }
                    Output.line("acknowledged \(id) 1")
                    continue
                }
                let next = record(
                    revision: current.revision + 1,
                    subject: String(repeating: "x", count: Int.random(in: 0...SessionRecord.maximumSubjectByteCount))
                )
                guard try await store.update(next, id: id, ifStamp: current.stamp, now: now) == .updated else {
                    throw UnexpectedOutcome(step: "update")
                }
                Output.line("acknowledged \(id) \(next.revision)")
            }
        }
    }

    static func steps(_ store: FileSessionStore) async throws {
        let (id, newID) = (try self.newID(), try self.newID())
        Output.line("begin")
        let first = record(revision: 1)
        guard try await store.insert(first, id: id) == .inserted else { throw UnexpectedOutcome(step: "insert") }
        Output.line("acknowledged insert")

        let second = record(revision: 2)
        guard try await store.update(second, id: id, ifStamp: first.stamp, now: now) == .updated else {
            throw UnexpectedOutcome(step: "update")
        }
        Output.line("acknowledged update")

        guard try await store.touch(id, ifStamp: second.stamp, expiresAt: now + .seconds(7200), now: now) else {
            throw UnexpectedOutcome(step: "touch")
        }
        Output.line("acknowledged touch")

        let large = record(revision: 3, subject: String(repeating: "x", count: 1024))
        guard try await store.update(large, id: id, ifStamp: second.stamp, now: now) == .updated else {
            throw UnexpectedOutcome(step: "grow")
        }
        Output.line("acknowledged grow")

        let successor = record(revision: 4)
        let outcome = try await store.renew(
            id,
            ifStamp: large.stamp,
            forwarder: record(revision: 4, kind: .forwarder(successor: newID, nonce: nil)),
            successor: successor,
            newID: newID,
            now: now
        )
        guard outcome == .renewed else { throw UnexpectedOutcome(step: "renew") }
        Output.line("acknowledged renew")

        guard try await store.delete(newID, ifStamp: successor.stamp, now: now) == .deleted else {
            throw UnexpectedOutcome(step: "delete")
        }
        Output.line("acknowledged delete")
    }
}
