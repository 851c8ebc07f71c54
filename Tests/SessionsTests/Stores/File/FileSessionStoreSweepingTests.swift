import Testing

@testable import Sessions

@Suite("The file store: counting, listing and sweeping")
struct FileSessionStoreSweepingTests {
    private let folder = TemporaryFolder()
    private let now = Sample.start
    private var path: String { folder("sessions") }

    @Test("A sweep removes what has expired, in small steps, and reports sessions but not forwarders")
    func sweep() async throws {
        let store = try FileSessionStore(path: path)
        var expected: Set<SessionID> = []
        var living: Set<SessionID> = []
        for index in 0..<60 {
            let id = Sample.id()
            let end = now + .seconds(index % 2 == 0 ? 10 : 100)
            let kind: SessionRecord.Kind =
                index % 10 == 0 ? .forwarder(successor: Sample.id(), nonce: nil) : .session(predecessor: nil)
            _ = try await store.insert(Sample.record(stamp: 1, expiresAt: end, kind: kind), id: id)
            if index % 2 == 1 { living.insert(id) } else if index % 10 != 0 { expected.insert(id) }
        }
        let expired = try await Sample.sweepAll(store, limit: 7, now: now + .seconds(10))
        #expect(Set(expired) == expected)
        #expect(expired.count == expected.count)
        #expect(try await store.count(now: now) == living.count)
        #expect(Disk.tree("\(path)/records").filter { !Disk.isFolder($0) }.count == living.count)
        #expect(try await Sample.sweepAll(store, now: now + .seconds(10)).isEmpty)
    }

    @Test("F6: a step looks at about as many entries as it may, in one shard too")
    func steps() async throws {
        let store = try FileSessionStore(path: path)
        for index in 0..<40 {
            var bytes = Sample.id().bytes
            bytes[0] = 7
            let id = try #require(SessionID(bytes: bytes))
            _ = try await store.insert(Sample.record(stamp: UInt64(index), expiresAt: now + .seconds(1)), id: id)
        }
        var position: SweepPosition?
        var most = 0
        var total = 0
        repeat {
            let step = try await store.sweep(from: position, limit: 8, now: now + .seconds(1))
            most = max(most, step.expired.count)
            total += step.expired.count
            position = step.next
        } while position != nil
        #expect(most <= 8)
        #expect(total == 40)
    }

    @Test("D25: no file that is not the store's own is ever removed, however old")
    func foreignFiles() async throws {
        let store = try FileSessionStore(path: path)
        let id = Sample.id()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        let shard = String(Sample.path(of: id, in: path).dropLast(63))
        let digits = String(repeating: "a", count: 61)
        let foreign = [
            folder("other.txt"), "\(path)/notes", "\(path)/records/notes", "\(shard)/notes",
            "\(shard)/\(digits)G", "\(shard)/\(digits.uppercased())a", "\(shard)/\(digits)ab", "\(shard)/\(digits)",
            "\(shard)/\(digits)a", "\(shard)/.tmp-x", "\(shard)/.tmp-000000000000000g", "\(path)/subjects/notes",
        ]
        for file in foreign {
            Disk.write(Array("not a session".utf8), to: file)
            Disk.age(file)
        }
        _ = try await Sample.sweepAll(store, now: now + .seconds(10_000_000))
        for file in foreign { #expect(Disk.exists(file), "\(file)") }
        #expect(!Disk.exists(Sample.path(of: id, in: path)))
    }

    @Test("What a killed process left half made is removed after an hour, unless somebody is at work on it")
    func leftovers() async throws {
        let store = try FileSessionStore(path: path)
        let id = Sample.id()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        let shard = String(Sample.path(of: id, in: path).dropLast(63))
        let dead = "\(shard)/.tmp-0123456789abcdef"
        let busy = "\(shard)/.tmp-0123456789abcdee"
        let root = "\(path)/.tmp-0123456789abcdef"
        for file in [dead, busy, root] { Disk.write([1], to: file) }
        let lock = Disk.hold(busy)
        defer { Disk.release(lock) }
        _ = try await Sample.sweepAll(store, now: now + .seconds(3000))
        #expect(Disk.exists(dead))
        _ = try await Sample.sweepAll(store, now: now + .seconds(4000))
        #expect(!Disk.exists(dead))
        #expect(!Disk.exists(root))
        #expect(Disk.exists(busy))
    }

    @Test("A record with the second name that a killed insert left is readable once a sweep has removed that")
    func leftoverName() async throws {
        let store = try FileSessionStore(path: path)
        let id = Sample.id()
        let record = Sample.record(stamp: 1, expiresAt: now + .seconds(80_000))
        _ = try await store.insert(record, id: id)
        let place = Sample.path(of: id, in: path)
        Disk.makeHardLink(String(place.dropLast(62)) + ".tmp-0123456789abcdef", to: place)
        await #expect(throws: SessionStoreError.self) { try await store.load(id, now: now) }
        _ = try await Sample.sweepAll(store, now: now + .seconds(4000))
        #expect(try await store.load(id, now: now) == record)
    }

    @Test("T5: a file whose time is past is asked before it is removed, and noted anew")
    func staleTime() async throws {
        let store = try FileSessionStore(path: path)
        let id = Sample.id()
        let record = Sample.record(stamp: 1)
        _ = try await store.insert(record, id: id)
        // What a writer leaves that is killed between its write and the note of the deadline.
        Disk.age(Sample.path(of: id, in: path))
        #expect(try await store.count(now: now) == 1)
        #expect(try await Sample.sweepAll(store, now: now).isEmpty)
        #expect(try await store.load(id, now: now) == record)
        let seconds = record.expiresAt.millisecondsSince1970 / 1000
        #expect(Disk.modified(Sample.path(of: id, in: path)) == seconds)
    }

    @Test("T5: a session that is touched while a sweep runs survives")
    func sweepAgainstTouch() async throws {
        let stores = [try FileSessionStore(path: path), try FileSessionStore(path: path)]
        let end = now + .seconds(10)
        let last = end - .milliseconds(1)
        for _ in 0..<30 {
            let id = Sample.id()
            let record = Sample.record(stamp: 1, expiresAt: end)
            _ = try await stores[0].insert(record, id: id)
            async let touched = stores[0].touch(id, ifStamp: record.stamp, expiresAt: end + .seconds(60), now: last)
            async let swept = Sample.sweepAll(stores[1], now: end)
            let outcome = (try await touched, try await swept)
            let left = try await stores[1].load(id, now: end)
            if outcome.0 {
                #expect(left != nil)
                #expect(outcome.1.isEmpty)
            } else {
                #expect(left == nil)
                #expect(outcome.1 == [id])
            }
            if let left { _ = try await stores[0].delete(id, ifStamp: left.stamp, now: end) }
        }
    }

    @Test("Pages come by ascending id, each record once, whatever comes and goes meanwhile")
    func pages() async throws {
        let store = try FileSessionStore(path: path)
        var ids: [SessionID] = []
        for _ in 0..<50 {
            let id = Sample.id()
            ids.append(id)
            _ = try await store.insert(Sample.record(stamp: 1), id: id)
        }
        ids.sort()
        var seen: [SessionID] = []
        var next: SessionID?
        repeat {
            let page = try await store.page(after: next, limit: 7, now: now)
            #expect(page.entries.count <= 7)
            seen += page.entries.map(\.id)
            next = page.next
            _ = try await store.insert(Sample.record(stamp: 1), id: Sample.id())
        } while next != nil
        #expect(seen == seen.sorted())
        #expect(Set(seen).count == seen.count)
        #expect(Set(ids).isSubset(of: seen))
        // A record that cannot be read does not break the list.
        Disk.write([1, 2, 3], to: Sample.path(of: ids[0], in: path))
        let page = try await store.page(after: nil, limit: 1000, now: now)
        #expect(page.entries.first?.id != ids[0])
        #expect(page.next == nil)
        #expect(try await store.page(after: page.entries.last?.id, limit: 10, now: now).entries.isEmpty)
    }
}
