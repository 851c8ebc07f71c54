extension SessionManager {
    /// The number of live sessions in the store, of all managers that share it. Sessions renewed within the last minute may
    /// count twice.
    /// - Throws: ``SessionError``: `.unavailable`, or `.unsupported` if the store cannot count.
    public func count() async throws(SessionError) -> Int {
        let store = try enumerable()
        return try await reporting("count") { () async throws(SessionStoreError) in try await store.count(now: now) }
    }

    /// The live sessions in the store, of all managers that share it, by ascending id: for operators.
    /// - Parameters:
    ///   - id: Where the page before ended; `nil` for the first one.
    ///   - limit: The most sessions of a page, 1 to 1000.
    /// - Returns: The sessions, and where the next page begins, or `nil` after the last one.
    /// - Throws: ``SessionError``: `.unavailable`, or `.unsupported` if the store cannot list.
    public func page(
        after id: SessionID? = nil,
        limit: Int = 100
    ) async throws(SessionError) -> (sessions: [SessionInfo], next: SessionID?) {
        let store = try enumerable()
        let page = try await reporting("page") { () async throws(SessionStoreError) in
            try await store.page(after: id, limit: min(max(limit, 1), 1000), now: now)
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
