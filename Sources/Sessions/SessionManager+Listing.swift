extension SessionManager {
    /// The number of live sessions in the store, of all managers that share it. Sessions renewed within the last minute may
    /// count twice.
    /// - Throws: ``SessionError``: `.unavailable`, or `.unsupported` if the store cannot count.
    public func count() async throws(SessionError) -> Int {
        let store = try enumerable()
        return try await reporting("count") { () async throws(SessionStoreError) in try await store.count(now: now) }
    }

    /// The live sessions in the store, of all managers that share it, page by page: for operators.
    ///
    /// A session that is there during all pages comes at least once, in some stores exactly once: see
    /// ``EnumerableSessionStore/page(after:limit:now:)``.
    /// - Parameters:
    ///   - cursor: Where the page before ended; `nil`, the default, for the first one.
    ///   - limit: How many sessions to aim at, 1 to 1000. Default: 100. A page may have fewer, or none, and not be the
    ///     last; some stores give a few more.
    /// - Returns: The sessions, and where the next page begins, or `nil` after the last one.
    /// - Throws: ``SessionError``: `.unavailable`, `.invalidCursor` for a cursor that leads nowhere, or `.unsupported` if the
    ///   store cannot list.
    public func page(
        after cursor: SessionStoreCursor? = nil,
        limit: Int = 100
    ) async throws(SessionError) -> (sessions: [SessionInfo], next: SessionStoreCursor?) {
        let store = try enumerable()
        let page = try await reporting("page") { () async throws(SessionStoreError) in
            try await store.page(after: cursor, limit: min(max(limit, 1), 1000), now: now)
        }
        let sessions = page.entries.filter { !$0.record.isForwarder }.map { SessionInfo($0.id, $0.record) }
        return (sessions, page.next)
    }

    private func enumerable() throws(SessionError) -> any EnumerableSessionStore {
        guard let store = store as? any EnumerableSessionStore else {
            throw SessionError(.unsupported, "this store cannot list; conform it to EnumerableSessionStore")
        }
        return store
    }
}
