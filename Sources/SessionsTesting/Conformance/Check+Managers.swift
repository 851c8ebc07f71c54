import HTTPTypes
import Sessions
import Synchronization

extension SessionStoreConformance.Check {
    static let managers: [Self] = [
        endAllBesideRequests, requestsBesideEndAll, renewalsBesideUpdates, logoutBesideRequests,
    ]

    private static let endAllBesideRequests = Self(
        "No session survives an end-all that runs while its request is held at any of its steps",
        needsManager: true
    ) { context in
        guard let store = context.store as? any SubjectIndexingSessionStore else { return }
        try await SessionStoreConformance.forEachScenario(store, context) { try await $0.holdingRequest($1) }
    }

    private static let requestsBesideEndAll = Self(
        "No session survives an end-all that is held at any of its steps while its request runs",
        needsManager: true
    ) { context in
        guard let store = context.store as? any SubjectIndexingSessionStore else { return }
        try await SessionStoreConformance.forEachScenario(store, context) { try await $0.holdingEndAll($1) }
    }

    private static let renewalsBesideUpdates = Self(
        "Of renewals and updates at once every acknowledged item is in the one session that lives",
        needsManager: true
    ) { context in
        try await SessionStoreConformance.renewalsBesideUpdates(on: context.store, context)
        try await SessionStoreConformance.renewalsBesideUpdates(
            on: SessionStoreConformance.basic(context.store),
            context
        )
    }
}

/// A request that concerns a subject's sessions.
enum SubjectScenario: CaseIterable {
    case signIn, signInOverAnonymousSession, renewal, rotation, update, end, endByID

    /// Whether the subject had the session before the request.
    var beginsSignedIn: Bool { self != .signIn && self != .signInOverAnonymousSession }
}

extension SessionStoreConformance {
    static func makeConfiguration(name: String) -> SessionManager.Configuration {
        var configuration = SessionManager.Configuration()
        configuration.name = name
        configuration.rotation = .init(interval: .seconds(300), grace: .seconds(60))
        return configuration
    }

    fileprivate static func forEachScenario<Base: SubjectIndexingSessionStore>(
        _ store: Base,
        _ context: Context,
        _ race: (any EndAllRacing, SubjectScenario) async throws -> Void
    ) async throws {
        for scenario in SubjectScenario.allCases { try await race(EndAllRaces(store, context), scenario) }
    }

    static func basic(_ store: some SessionStore) -> any SessionStore { BasicSessionStore(store) }

    private static let itemsKey = SessionKey<[Int]>("items")

    fileprivate static func renewalsBesideUpdates(on store: any SessionStore, _ context: Context) async throws {
        let manager = try SessionManager(
            store: store,
            configuration: makeConfiguration(name: context.makeID().description),
            clock: context.clock
        )
        let browser = ConformanceBrowser(clock: context.clock)
        try await browser.visit(manager) { session in session[itemsKey] = [] }
        let seen = Mutex<Set<String>>([])
        let acknowledged = try await concurrently(40) { index -> Int? in
            for _ in 0..<1000 {
                if let token = browser.token { seen.withLock { _ = $0.insert(token) } }
                do {
                    try await browser.visit(manager) { session in
                        if index % 8 == 0 { try session.renew() }
                        try session.update(itemsKey, default: []) { $0.append(index) }
                    }
                    return index
                } catch let error as SessionError where error.code == .ended || error.code == .conflict {
                    // The token was superseded: as a browser would, try again with the one that has come meanwhile.
                    await Task.yield()
                }
            }
            return nil
        }
        if let token = browser.token { seen.withLock { _ = $0.insert(token) } }
        var stored: [Int]?
        try await browser.visit(manager) { session in stored = session[itemsKey] }
        let items = try context.require(stored, "the session lives after all renewals")
        context.expect(
            items.sorted() == acknowledged.compactMap { $0 }.sorted(),
            "every acknowledged item is in the session once: \(acknowledged.count { $0 != nil }) were acknowledged, "
                + "\(items.count) are there"
        )
        var living = 0
        for token in seen.withLock({ $0 }) {
            if try await ConformanceBrowser(clock: context.clock, token: token).finds(manager) { living += 1 }
        }
        context.expect(living, is: 1, "of all tokens that a renewed session had exactly one lives")
    }
}

/// A browser that talks to a manager, and whose requests may run at the same time.
final class ConformanceBrowser: Sendable {
    private let jar: Mutex<SessionCookieJar>

    init(clock: ManualSessionClock, token: String? = nil) {
        var jar = SessionCookieJar(clock: clock)
        if let token {
            jar.receive([.setCookie: "__Host-session=\(token); Path=/; Secure; HttpOnly"])
        }
        self.jar = Mutex(jar)
    }

    var token: String? { jar.withLock { $0["__Host-session"] } }

    /// A request with the cookies that are there now.
    var request: HTTPRequest {
        var request = HTTPRequest(method: .get, scheme: "https", authority: "localhost", path: "/")
        request.headerFields[.cookie] = jar.withLock { $0.field() }
        return request
    }

    /// Keeps a response's cookies.
    func receive(_ fields: HTTPFields) { jar.withLock { $0.receive(fields) } }

    /// One request: `handler` runs, the session commits, the response's cookies are kept.
    func visit(
        _ manager: SessionManager,
        _ freshness: SessionFreshness = .near,
        _ handler: (Session) async throws -> Void
    ) async throws {
        var fields = HTTPFields()
        let exchange = manager.exchange(for: request)
        do {
            try await handler(try await exchange.session(freshness))
        } catch {
            try await exchange.abandon(&fields)
            throw error
        }
        defer { receive(fields) }
        try await exchange.finish(&fields)
    }

    /// Whether the cookie leads to a session.
    func finds(_ manager: SessionManager, _ freshness: SessionFreshness = .near) async throws -> Bool {
        var isFound = false
        try await visit(manager, freshness) { isFound = $0.exists }
        return isFound
    }
}
