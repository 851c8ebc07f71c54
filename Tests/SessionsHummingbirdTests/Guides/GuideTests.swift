#if Hummingbird
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Sessions
import SessionsHummingbird
import Testing

extension SessionKey where Value == Int { fileprivate static var visits: Self { "visits" } }

private struct AppRequestContext: SessionRequestContext, RemoteAddressRequestContext {
    var coreContext: CoreRequestContextStorage
    var sessions = RequestSessions()
    let remoteAddress: SocketAddress?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress
    }
}

/// The examples of the README and of the guides that need a server.
@Suite struct GuideTests {
    @Test("README: a server that counts visits") func readme() async throws {
        let sessions = try SessionManager(store: MemorySessionStore())
        let router = Router(context: BasicSessionRequestContext.self)
        router.add(middleware: CrossOriginProtectionMiddleware())
        router.add(middleware: SessionMiddleware(sessions))
        router.get("/") { _, context in
            let session = try await context.session()
            let visits = try await session.commit { try $0.increment(.visits) }
            return "hello, \(session.subject ?? "stranger"): visit number \(visits)"
        }
        router.post("login") { _, context in
            let session = try await context.session()
            try session.renew(subject: "ada")
            session["username"] = "Ada"
            return Response.redirect(to: "/")
        }
        router.post("logout") { _, context in
            try await context.session().end()
            return Response.redirect(to: "/")
        }
        router.group("checkout")
            .add(middleware: SessionPolicyMiddleware(SessionPolicy(exclusiveTimeout: .seconds(5))))
            .post("pay") { _, context in "\(try await context.session().exists)" }
        var app = Application(router: router)
        app.addServices(sessions)

        try await app.test(.router) { client in
            func send(_ method: HTTPRequest.Method, _ path: String, _ cookie: String?) async throws -> TestResponse {
                try await client.execute(uri: path, method: method, headers: cookie.map { [.cookie: $0] } ?? [:])
            }
            func cookie(_ response: TestResponse) -> String? {
                response.headers[.setCookie].map { String($0.prefix { $0 != ";" }) }
            }
            let first = try await send(.get, "/", nil)
            #expect(String(buffer: first.body) == "hello, stranger: visit number 1")
            let stranger = try #require(cookie(first))
            let second = try await send(.get, "/", stranger)
            #expect(String(buffer: second.body) == "hello, stranger: visit number 2")
            #expect(cookie(second) == nil)
            let ada = try #require(cookie(try await send(.post, "/login", stranger)))
            #expect(String(buffer: try await send(.get, "/", ada).body) == "hello, ada: visit number 3")
            #expect(try await send(.get, "/", stranger).status == .conflict)
            #expect(String(buffer: try await send(.post, "/checkout/pay", ada).body) == "true")
            #expect(try await send(.post, "/logout", ada).headers[.setCookie]?.contains("Max-Age=0") == true)
            #expect(String(buffer: try await send(.get, "/", ada).body) == "hello, stranger: visit number 1")
        }
    }

    @Test("SessionsHummingbird: a request context of one's own") func ownContext() async throws {
        let sessions = try SessionManager(store: MemorySessionStore())
        let router = Router(context: AppRequestContext.self)
        router.add(middleware: SessionMiddleware(sessions))
        router.get("/") { _, context in
            let session = try await context.session()
            session["seen"] = true
            try await session.save()
            return session.clientLabels?.addressClass ?? "unknown"
        }
        try await Application(router: router).test(.live) { client in
            let response = try await client.execute(uri: "/", method: .get)
            #expect(String(buffer: response.body) == "loopback")
        }
    }
}
#endif
