import Testing

@testable import Sessions

/// Serialized, because the umask belongs to the process.
@Suite("The file store: its folder and who may use it", .serialized)
struct FileSessionStoreFolderTests {
    private let folder = TemporaryFolder()
    private let now = Sample.start

    private func code(opening path: String) -> SessionStoreError.Code? {
        do throws(SessionStoreError) {
            _ = try FileSessionStore(path: path)
            return nil
        } catch {
            #expect(error.message.contains(path) || path.isEmpty || path.utf8.contains(0))
            return error.code
        }
    }

    @Test(
        "CVE-2019-16354, CVE-2019-16355, D24, F7: folders are 0700 and files 0600, whatever the umask",
        arguments: [0o000, 0o022, 0o077] as [UInt32]
    )
    func modes(mask: UInt32) async throws {
        let path = folder("new/sessions")
        try await Disk.withMask(mask) {
            let store = try FileSessionStore(path: path)
            let (id, newID) = (Sample.id(), Sample.id())
            _ = try await store.insert(Sample.record(stamp: 1), id: id)
            let large = Sample.record(stamp: 2, subject: String(repeating: "x", count: 1024))
            _ = try await store.update(large, id: id, ifStamp: .init(rawValue: 1), now: now)
            _ = try await store.renew(
                id,
                ifStamp: .init(rawValue: 2),
                forwarder: Sample.record(stamp: 3, kind: .forwarder(successor: newID, nonce: nil)),
                successor: Sample.record(stamp: 4),
                newID: newID,
                now: now
            )
            let subject = Sample.subject()
            _ = try await store.addToIndex(newID, subject: subject, absoluteDeadline: now + .seconds(9), now: now)
            _ = try await store.raiseEpoch(of: subject, now: now)
            _ = try await store.acquireLease(on: newID, holder: 1, expiresAt: now + .seconds(9), now: now)
            try await store.checkHealth()
        }
        let tree = Disk.tree(folder("new"))
        // Two shards may be one.
        #expect((14...15).contains(tree.count))
        for entry in tree { #expect(Disk.mode(entry) == (Disk.isFolder(entry) ? 0o700 : 0o600), "\(entry)") }
        #expect(Disk.mode(folder("new")) == 0o700)
    }

    @Test(
        "CVE-2026-40973, F2: a folder that others may write to is refused",
        arguments: [0o777, 0o770, 0o702] as [UInt32]
    )
    func exposed(mode: UInt32) throws {
        let path = folder("exposed")
        Disk.makeFolder(path, mode: mode)
        #expect(code(opening: path) == .misconfigured)
        Disk.setMode(path, 0o755)
        #expect(code(opening: path) == nil)
        Disk.setMode("\(path)/records", 0o777)
        #expect(code(opening: path) == .misconfigured)
    }

    @Test("F2: a folder of another user, a link and a file are refused; so are paths that are none")
    func refused() throws {
        #expect(code(opening: Disk.foreignFolder(folder)) == .misconfigured)
        Disk.makeFolder(folder("real"))
        Disk.makeLink(folder("link"), to: folder("real"))
        #expect(code(opening: folder("link")) == .misconfigured)
        #expect(throws: SessionStoreError.self) { try FileSessionStore(path: folder("link") + "/") }
        #expect(Disk.entries(folder("real")).isEmpty)
        Disk.write([1], to: folder("file"))
        #expect(code(opening: folder("file")) == .misconfigured)
        #expect(code(opening: "") == .misconfigured)
        #expect(code(opening: folder("a\0b")) == .misconfigured)
    }

    @Test("D38: a path that cannot become a folder shows when the store is opened")
    func badPath() {
        Disk.write([1], to: folder("file"))
        #expect(code(opening: folder("file/sessions")) == .misconfigured)
        #expect(code(opening: "/proc/no/sessions") == .misconfigured)
    }

    @Test("A folder that says it is something else is refused; one of a later version is an outage")
    func marker() throws {
        let path = folder("sessions")
        #expect(code(opening: path) == nil)
        Disk.write(Array("swift-sessions file store 2\n".utf8), to: "\(path)/.swift-sessions")
        #expect(code(opening: path) == .newerFormat)
        Disk.write(Array("notes".utf8), to: "\(path)/.swift-sessions")
        #expect(code(opening: path) == .misconfigured)
    }

    @Test("F2: a folder that is removed or replaced is an outage, not a logout of everybody")
    func replaced() async throws {
        let path = folder("sessions")
        let store = try FileSessionStore(path: path)
        let id = Sample.id()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        try await store.checkHealth()
        for replace in [true, false] {
            Disk.removeAll(folder("moved"))
            if Disk.exists(path) { Disk.move(path, to: folder("moved")) }
            if replace { Disk.makeFolder(path) } else { Disk.removeAll(path) }
            if !replace { Disk.removeAll(folder("moved")) }
            for operation in Operation.allCases {
                let error = await #expect(throws: SessionStoreError.self) {
                    try await operation.run(store, Sample.id(), now)
                }
                #expect(error?.code == .unavailable, "\(operation), replaced: \(replace)")
            }
        }
    }

    enum Operation: CaseIterable {
        case load, insert, update, touch, delete, count, page, sweep, epoch, index, add, raise, health

        func run(_ store: FileSessionStore, _ id: SessionID, _ now: SessionInstant) async throws {
            let stamp = SessionStamp(rawValue: 1)
            let subject = SubjectID(digest: id.digest)
            switch self {
            case .load: _ = try await store.load(id, now: now)
            case .insert: _ = try await store.insert(Sample.record(stamp: 1), id: id)
            case .update: _ = try await store.update(Sample.record(stamp: 2), id: id, ifStamp: stamp, now: now)
            case .touch: _ = try await store.touch(id, ifStamp: stamp, expiresAt: now + .seconds(9), now: now)
            case .delete: _ = try await store.delete(id, ifStamp: stamp, now: now)
            case .count: _ = try await store.count(now: now)
            case .page: _ = try await store.page(after: nil, limit: 10, now: now)
            case .sweep: _ = try await store.sweep(from: nil, limit: 10, now: now)
            case .epoch: _ = try await store.epoch(of: subject)
            case .index: _ = try await store.index(of: subject, now: now)
            case .add: _ = try await store.addToIndex(id, subject: subject, absoluteDeadline: now, now: now)
            case .raise: _ = try await store.raiseEpoch(of: subject, now: now)
            case .health: try await store.checkHealth()
            }
        }
    }

    @Test("F1: a link, a FIFO, a folder or a second name in a record's place is nobody's session, and stays as it is")
    func notARecord() async throws {
        let path = folder("sessions")
        let store = try FileSessionStore(path: path)
        let victim = folder("victim")
        Disk.write(Array("precious".utf8), to: victim)
        let original = Sample.id()
        _ = try await store.insert(Sample.record(stamp: 1), id: original)
        let plant: [(String, (String) -> Void)] = [
            ("link", { Disk.makeLink($0, to: victim) }),
            ("link to a record", { Disk.makeLink($0, to: Sample.path(of: original, in: path)) }),
            ("FIFO", { Disk.makeFIFO($0) }),
            ("folder", { Disk.makeFolder($0) }),
            ("copy", { Disk.write(Disk.read(Sample.path(of: original, in: path)), to: $0) }),
            ("second name", { Disk.makeHardLink($0, to: victim) }),
        ]
        for (name, plant) in plant {
            let id = Sample.id()
            let place = Sample.path(of: id, in: path)
            Disk.makeFolder(String(place.dropLast(63)))
            plant(place)
            let stamp = SessionStamp(rawValue: 1)
            let load = await #expect(throws: SessionStoreError.self) { try await store.load(id, now: now) }
            #expect(load?.code == .corruptRecord, "\(name)")
            let update = await #expect(throws: SessionStoreError.self) {
                try await store.update(Sample.record(stamp: 2), id: id, ifStamp: stamp, now: now)
            }
            #expect(update?.code == .corruptRecord, "\(name)")
            await #expect(throws: SessionStoreError.self, "\(name)") {
                try await store.delete(id, ifStamp: stamp, now: now)
            }
            #expect(try await store.insert(Sample.record(stamp: 3), id: id) == .exists, "\(name)")
            _ = try await sweepAll(store, now: now + .seconds(1_000_000))
            #expect(Disk.exists(place), "\(name)")
        }
        #expect(Disk.read(victim) == Array("precious".utf8))
    }

    @Test("A link in the place of a shard is not followed")
    func linkedShard() async throws {
        let path = folder("sessions")
        let id = Sample.id()
        _ = try FileSessionStore(path: path)
        Disk.makeFolder(folder("elsewhere"))
        Disk.makeLink("\(path)/records/\(id.description.prefix(2))", to: folder("elsewhere"))
        let store = try FileSessionStore(path: path)
        await #expect(throws: SessionStoreError.self) { try await store.insert(Sample.record(stamp: 1), id: id) }
        await #expect(throws: SessionStoreError.self) { try await store.load(id, now: now) }
        #expect(Disk.entries(folder("elsewhere")).isEmpty)
    }

    @Test(
        "D1, D2, D3, D4, CVE-2024-3400, CVE-2024-55885, CVE-2011-0698: what a client sends cannot become a file's name",
        arguments: ["../../victim", "a/b", "a\\b", ".", "..", "x", "\0", String(repeating: "a", count: 300)]
    )
    func hostileNames(text: String) async throws {
        #expect(SessionID(text) == nil)
        #expect(SessionToken(text) == nil)
        #expect(SessionID(String(repeating: "a", count: 64 - text.utf8.count % 64) + text) == nil)
        // What can become one is 64 digits, and everything made of it stays in the folder.
        let before = Disk.entries(folder.path)
        let store = try FileSessionStore(path: folder("sessions"))
        let id = Sample.id()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        _ = try await store.load(id, now: now)
        _ = try await store.delete(id, ifStamp: .init(rawValue: 1), now: now)
        #expect(Disk.entries(folder.path) == before + ["sessions"])
    }

    private func sweepAll(_ store: FileSessionStore, now: SessionInstant) async throws -> [SessionID] {
        try await Sample.sweepAll(store, now: now)
    }
}

extension Sample {
    /// A whole round of sweeping.
    static func sweepAll(
        _ store: FileSessionStore,
        limit: Int = 256,
        now: SessionInstant
    ) async throws -> [SessionID] {
        var cursor: SessionStoreCursor?
        var expired: [SessionID] = []
        repeat {
            let step = try await store.sweep(from: cursor, limit: limit, now: now)
            expired += step.expired
            cursor = step.next
        } while cursor != nil
        return expired
    }
}
