#if Hummingbird
import Hummingbird
import HummingbirdTesting
import Logging
import Sessions
import SessionsHummingbird
import SessionsTesting

typealias TestContext = BasicSessionRequestContext

/// A site with sessions over a store whose calls can be counted and made to fail.
struct TestSite: Sendable {
    let store = FaultInjectingSessionStore(MemorySessionStore())
    let sessions: SessionManager
    private let responder: RouterResponder<TestContext>

    init(_ configure: (Router<TestContext>) -> Void = { _ in }) throws {
        sessions = try SessionManager(store: store, logger: Self.quiet)
        let router = Router(context: TestContext.self)
        router.add(middleware: SessionMiddleware(sessions))
        Self.addRoutes(to: router)
        configure(router)
        responder = router.buildResponder()
    }

    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static func addRoutes(to router: Router<TestContext>) {
        router.get("plain") { _, _ in "plain" }
        router.get("read") { _, context in
            let session = try await context.session()
            let value: String? = session["value"]
            return value ?? "nothing"
        }
        router.post("write") { request, context in
            let session = try await context.session()
            session["value"] = String(buffer: try await request.body.collect(upTo: 1024))
            return HTTPResponse.Status.noContent
        }
        router.post("login") { _, context in
            try await context.session().renew(subject: "ada")
            return HTTPResponse.Status.noContent
        }
        router.post("logout") { _, context in
            try await context.session().end()
            return HTTPResponse.Status.noContent
        }
    }

    /// Sends requests to the site.
    func test(
        _ setup: TestingSetup = .router,
        _ body: @Sendable (any TestClientProtocol) async throws -> Void
    ) async throws {
        try await Application(responder: responder, logger: Self.quiet).test(setup, body)
    }
}

/// A client that keeps the session's cookie.
struct Browser {
    let client: any TestClientProtocol
    var token: String?

    init(_ client: any TestClientProtocol, token: String? = nil) {
        self.client = client
        self.token = token
    }

    mutating func get(_ path: String, _ headers: HTTPFields = [:]) async throws -> TestResponse {
        try await send(.get, path, headers: headers)
    }

    mutating func post(_ path: String, _ body: String = "", _ headers: HTTPFields = [:]) async throws -> TestResponse {
        try await send(.post, path, body: body, headers: headers)
    }

    private mutating func send(
        _ method: HTTPRequest.Method,
        _ path: String,
        body: String? = nil,
        headers: HTTPFields
    ) async throws -> TestResponse {
        var headers = headers
        if let token { headers[.cookie] = "__Host-session=\(token)" }
        let body = body.map { ByteBuffer(string: $0) }
        let response = try await client.execute(uri: "/\(path)", method: method, headers: headers, body: body)
        if let cookie = response.cookies.last {
            let value = cookie.prefix { $0 != ";" }.dropFirst("__Host-session=".count)
            token = value.isEmpty ? nil : String(value)
        }
        return response
    }
}

extension TestResponse {
    /// The values of all Set-Cookie fields.
    var cookies: [String] { headers[values: .setCookie] }

    var text: String { String(buffer: body) }

    /// Whether caches are told that the answer depends on the cookie.
    var variesByCookie: Bool { headers[values: .vary].contains { $0.lowercased().contains("cookie") } }
}

/// An error that is no answer.
struct UnexpectedFailure: Error {}
#endif
