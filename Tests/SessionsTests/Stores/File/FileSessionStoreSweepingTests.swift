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
        var cursor: SessionStoreCursor?
        var most = 0
        var total = 0
        repeat {
            let step = try await store.sweep(from: cursor, limit: 8, now: now + .seconds(1))
            most = max(most, step.expired.count)
            total += step.expired.count
            cursor = step.next
        } while cursor != nil
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

    @Test("The second name that a killed insert left goes with a sweep, and the record stays")
    func leftoverName() async throws {
        let store = try FileSessionStore(path: path)
        let id = Sample.id()
        let record = Sample.record(stamp: 1, expiresAt: now + .seconds(80_000))
        _ = try await store.insert(record, id: id)
        let place = Sample.path(of: id, in: path)
        Disk.makeHardLink(String(place.dropLast(62)) + ".tmp-0123456789abcdef", to: place)
        _ = try await Sample.sweepAll(store, now: now + .seconds(4000))
        #expect(Disk.links(place) == 1)
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

    @Test("Pages are by ascending id across all shards, and full but for the last", arguments: [1, 7, 50, 1000])
    func pages(limit: Int) async throws {
        let store = try FileSessionStore(path: path)
        let ids = (0..<50).map { _ in Sample.id() }.sorted()
        for id in ids { _ = try await store.insert(Sample.record(stamp: 1), id: id) }
        let pages = try await Sample.pages(of: store, limit: limit, now: now)
        #expect(pages.flatMap { $0 } == ids)
        #expect(pages.dropLast().allSatisfy { $0.count == limit })
        #expect(pages.count == (50 + limit - 1) / limit)
    }

    @Test("Pages under change list what stays exactly once and in order, and anything else at most once")
    func pagesUnderChange() async throws {
        try await Sample.checkPagesUnderChange(of: FileSessionStore(path: path), now: now)
    }

    @Test("A record that cannot be read does not break the list")
    func unreadableRecord() async throws {
        let store = try FileSessionStore(path: path)
        let ids = (0..<3).map { _ in Sample.id() }.sorted()
        for id in ids { _ = try await store.insert(Sample.record(stamp: 1), id: id) }
        Disk.write([1, 2, 3], to: Sample.path(of: ids[0], in: path))
        #expect(try await Sample.pages(of: store, limit: 1, now: now) == [[ids[1]], [ids[2]]])
    }

    @Test("A listing goes on after an id's digits, and any other cursor is an error")
    func cursors() async throws {
        let store = try FileSessionStore(path: path)
        let ids = (0..<3).map { _ in Sample.id() }.sorted()
        for id in ids { _ = try await store.insert(Sample.record(stamp: 1), id: id) }
        #expect(try await store.page(after: nil, limit: 2, now: now).next?.rawValue == ids[1].description)
        let last = SessionStoreCursor(rawValue: ids[2].description)
        #expect(try await store.page(after: last, limit: 10, now: now) == SessionPage(entries: [], next: nil))
        for text in Sample.foreignCursors {
            let error = await #expect(throws: SessionStoreError.self) {
                try await store.page(after: .init(rawValue: text), limit: 10, now: now)
            }
            #expect(error?.code == .invalidCursor, "\(text)")
        }
    }

    @Test("A sweep from a cursor that the store never gave ends the round and removes nothing")
    func foreignSweepCursors() async throws {
        let store = try FileSessionStore(path: path)
        let id = Sample.id()
        _ = try await store.insert(Sample.record(stamp: 1), id: id)
        let end = now + .seconds(3600)
        for text in Sample.foreignCursors {
            let step = try await store.sweep(from: .init(rawValue: text), limit: 1000, now: end)
            #expect(step == SweepStep(expired: [], next: nil), "\(text)")
        }
        #expect(try await Sample.sweepAll(store, now: end) == [id])
    }
}
