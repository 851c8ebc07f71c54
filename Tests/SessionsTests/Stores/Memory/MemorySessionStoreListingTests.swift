import Testing

@testable import Sessions

@Suite("The memory store: listing, and cursors")
struct MemorySessionStoreListingTests {
    private let store = MemorySessionStore()
    private let now = Sample.start

    private func insert(_ count: Int) async throws -> [SessionID] {
        let ids = (0..<count).map { _ in Sample.id() }
        for id in ids { _ = try await store.insert(Sample.record(stamp: 1), id: id) }
        return ids
    }

    @Test("Pages are by ascending id across all parts, and full but for the last", arguments: [1, 7, 250, 1000, 5000])
    func pagesAscend(limit: Int) async throws {
        let ids = try await insert(1000)
        let size = min(limit, 1000)
        let pages = try await Sample.pages(of: store, limit: limit, now: now)
        #expect(pages.flatMap { $0 } == ids.sorted())
        #expect(pages.dropLast().allSatisfy { $0.count == size })
        #expect(pages.count == (1000 + size - 1) / size)
    }

    @Test("Pages under change list what stays exactly once and in order, and anything else at most once")
    func pagesUnderChange() async throws { try await Sample.checkPagesUnderChange(of: store, now: now) }

    @Test("A cursor is an id's digits, whether there is a record under it or not")
    func cursors() async throws {
        let ids = try await insert(100).sorted()
        let page = try await store.page(after: nil, limit: 10, now: now)
        #expect(page.next?.rawValue == ids[9].description)
        let between = Sample.id()
        let rest = try await store.page(after: .init(rawValue: between.description), limit: 1000, now: now)
        #expect(rest.entries.map(\.id) == ids.filter { $0 > between })
    }

    @Test("A listing from a cursor that the store never gave is an error", arguments: Sample.foreignCursors + ["12"])
    func foreignCursors(text: String) async throws {
        _ = try await insert(1)
        let error = await #expect(throws: SessionStoreError.self) {
            try await store.page(after: .init(rawValue: text), limit: 10, now: now)
        }
        #expect(error?.code == .invalidCursor)
        #expect(error?.message.contains("no cursor of this store") == true)
    }

    @Test(
        "A sweep from a cursor that the store never gave ends the round",
        arguments: Sample.foreignCursors + ["-1", "+1", "01", "64", "9223372036854775808"]
    )
    func foreignSweepCursors(text: String) async throws {
        let ids = try await insert(1)
        let end = now + .seconds(3600)
        let step = try await store.sweep(from: .init(rawValue: text), limit: 1000, now: end)
        #expect(step == SweepStep(expired: [], next: nil))
        #expect(try await store.sweep(from: nil, limit: 1000, now: end) == SweepStep(expired: ids, next: nil))
    }
}
