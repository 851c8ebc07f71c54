#if Hummingbird
import Hummingbird
import HummingbirdTesting
import NIOCore
import Sessions
import SessionsHummingbird
import SessionsTesting
import Testing

@Suite("SessionMiddleware")
struct SessionMiddlewareTests {
    @Test(
        "D35: a request that does not use its session costs no store call, no cookie and no Vary",
        arguments: [true, false]
    )
    func plain(hasCookie: Bool) async throws {
        let site = try TestSite()
        try await site.test { client in
            var browser = Browser(client)
            if hasCookie { _ = try await browser.post("write", "x") }
            site.store.resetCalls()
            let response = try await browser.get("plain")
            #expect(response.text == "plain")
            #expect(response.cookies.isEmpty)
            #expect(!response.variesByCookie)
            #expect(site.store.calls.isEmpty)
        }
    }

    @Test("D35: reading without a session stores nothing and sets no cookie")
    func readingMakesNothing() async throws {
        let site = try TestSite()
        try await site.test { client in
            var browser = Browser(client)
            let response = try await browser.get("read")
            #expect(response.text == "nothing")
            #expect(response.cookies.isEmpty)
            #expect(response.variesByCookie)
            #expect(site.store.calls.isEmpty)
        }
    }

    @Test("the first write makes the session and sets one cookie; later ones set none")
    func firstWrite() async throws {
        let site = try TestSite()
        try await site.test { client in
            var browser = Browser(client)
            let first = try await browser.post("write", "kept")
            #expect(first.status == .noContent)
            #expect(first.cookies.count == 1)
            #expect(first.variesByCookie)
            #expect(first.headers[.cacheControl]?.contains("no-store") == true)
            let second = try await browser.post("write", "again")
            #expect(second.cookies.isEmpty)
            #expect(try await browser.get("read").text == "again")
        }
    }

    @Test("the session is looked up once per request, however often it is asked for")
    func oneLookUp() async throws {
        let site = try TestSite { router in
            router.get("twice") { _, context in
                let first = try await context.session()
                let second = try await context.session()
                return first === second ? "same" : "different"
            }
        }
        try await site.test { client in
            var browser = Browser(client)
            _ = try await browser.post("write", "x")
            site.store.resetCalls()
            #expect(try await browser.get("twice").text == "same")
            #expect(site.store.callCount(of: .load) == 1)
        }
    }

    @Test("a thrown HTTPError is an answer: edits are committed and the cookie is attached")
    func thrownAnswer() async throws {
        let site = try TestSite { router in
            router.post("teapot") { _, context -> String in
                let session = try await context.session()
                session["value"] = "kept"
                throw HTTPError(.conflict, message: "no")
            }
        }
        try await site.test { client in
            var browser = Browser(client)
            let response = try await browser.post("teapot")
            #expect(response.status == .conflict)
            #expect(response.text.contains("no"))
            #expect(response.cookies.count == 1)
            #expect(try await browser.get("read").text == "kept")
        }
    }

    @Test("any other error drops the edits")
    func otherError() async throws {
        let site = try TestSite { router in
            router.post("fail") { _, context -> String in
                let session = try await context.session()
                session["value"] = "lost"
                throw UnexpectedFailure()
            }
        }
        try await site.test { client in
            var browser = Browser(client)
            _ = try await browser.post("write", "kept")
            let response = try await browser.post("fail")
            #expect(response.status == .internalServerError)
            #expect(response.cookies.isEmpty)
            #expect(try await browser.get("read").text == "kept")
        }
    }

    @Test("any other error drops a renewal as well: the old token stays good")
    func otherErrorAfterRenewal() async throws {
        let site = try TestSite { router in
            router.post("fail") { _, context -> String in
                try await context.session().renew(subject: "eve")
                throw UnexpectedFailure()
            }
        }
        try await site.test { client in
            var browser = Browser(client)
            _ = try await browser.post("write", "kept")
            let token = browser.token
            #expect(try await browser.post("fail").cookies.isEmpty)
            #expect(browser.token == token)
            #expect(try await browser.get("read").text == "kept")
        }
    }

    @Test("D6: a logout takes effect although its handler fails, and the cookie is cleared")
    func endSurvivesError() async throws {
        let site = try TestSite { router in
            router.post("fail") { _, context -> String in
                try await context.session().end()
                throw UnexpectedFailure()
            }
        }
        try await site.test { client in
            var browser = Browser(client)
            _ = try await browser.post("write", "secret")
            let token = browser.token
            let response = try await browser.post("fail")
            #expect(response.status == .internalServerError)
            #expect(response.cookies.count == 1)
            #expect(browser.token == nil)
            browser.token = token
            #expect(try await browser.get("read").text == "nothing")
        }
    }

    @Test("an outer middleware finds the handler's error behind the answer that clears the cookie")
    func underlyingError() async throws {
        struct Observer: RouterMiddleware {
            func handle(
                _ request: Request,
                context: TestContext,
                next: @concurrent (Request, TestContext) async throws -> Response
            ) async throws -> Response {
                do {
                    return try await next(request, context)
                } catch let error as SessionEndedByFailedRequest where error.underlyingError is UnexpectedFailure {
                    return Response(status: .badGateway, headers: error.headers)
                }
            }
        }
        let sessions = try SessionManager(store: MemorySessionStore(), logger: TestSite.quiet)
        let router = Router(context: TestContext.self)
        router.add(middleware: Observer())
        router.add(middleware: SessionMiddleware(sessions))
        router.post("fail") { _, context -> String in
            let session = try await context.session()
            session["value"] = "x"
            try await session.save()
            try session.end()
            throw UnexpectedFailure()
        }
        try await Application(router: router, logger: TestSite.quiet).test(.router) { client in
            var browser = Browser(client, token: String(repeating: "A", count: 43))
            let response = try await browser.post("fail")
            #expect(response.status == .badGateway)
            #expect(response.cookies.count == 1)
        }
    }

    @Test("D6: a request that was running during the logout brings nothing back and answers 409 without a cookie")
    func logoutWhileRunning() async throws {
        let gate = SessionStoreGate()
        let arrived = SessionStoreGate()
        let site = try TestSite { router in
            router.post("slow") { _, context in
                let session = try await context.session()
                arrived.open()
                await gate.waitUntilReached()
                session["value"] = "revived"
                return HTTPResponse.Status.noContent
            }
        }
        try await site.test { client in
            var browser = Browser(client)
            _ = try await browser.post("write", "x")
            let token = browser.token
            async let slow: TestResponse = {
                var other = Browser(client, token: token)
                return try await other.post("slow")
            }()
            await arrived.waitUntilReached()
            #expect(try await browser.post("logout").status == .noContent)
            gate.open()
            let response = try await slow
            #expect(response.status == .conflict)
            #expect(response.text.contains("\"ended\""))
            #expect(response.cookies.isEmpty)
            browser.token = token
            #expect(try await browser.get("read").text == "nothing")
        }
    }

    @Test("D8: with a stale cookie, a write and a renewal in one request set one cookie, and the data is under it")
    func staleCookie() async throws {
        let site = try TestSite { router in
            router.post("all") { _, context in
                let session = try await context.session()
                session["value"] = "before"
                try session.renew(subject: "ada")
                session["value"] = "after"
                return HTTPResponse.Status.noContent
            }
        }
        try await site.test { client in
            let stale = String(repeating: "A", count: 43)
            var browser = Browser(client, token: stale)
            let response = try await browser.post("all")
            #expect(response.cookies.count == 1)
            #expect(browser.token != stale)
            #expect(try await browser.get("read").text == "after")
            #expect(try await site.store.count(now: SystemSessionClock().now) == 1)
        }
    }

    @Test("D8: logging in and out in one request leaves no session and at most one cookie")
    func loginAndLogout() async throws {
        let site = try TestSite { router in
            router.post("both") { _, context in
                let session = try await context.session()
                try session.renew(subject: "ada")
                try await session.save()
                try session.end()
                return HTTPResponse.Status.noContent
            }
        }
        try await site.test { client in
            var browser = Browser(client)
            let response = try await browser.post("both")
            #expect(response.cookies.count <= 1)
            #expect(browser.token == nil)
            #expect(try await site.sessions.sessions(of: "ada").isEmpty)
        }
    }

    @Test("D16: the cookie is in the head of a response whose body is streamed, and save() commits before it")
    func streaming() async throws {
        let site = try TestSite { router in
            router.post("stream") { _, context in
                let session = try await context.session()
                session["value"] = "streamed"
                try await session.save()
                return Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        try await writer.write(ByteBuffer(string: session.exists ? "stored" : "not stored"))
                        try await writer.finish(nil)
                    }
                )
            }
        }
        try await site.test(.live) { client in
            var browser = Browser(client)
            let response = try await browser.post("stream")
            #expect(response.text == "stored")
            #expect(response.cookies.count == 1)
            #expect(try await browser.get("read").text == "streamed")
        }
    }

    @Test("D16: an edit while the body is written is a clear error; commit() still counts")
    func editWhileStreaming() async throws {
        let site = try TestSite { router in
            router.post("late") { _, context in
                let session = try await context.session()
                return Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        var text = "no error"
                        do throws(SessionError) {
                            try session.set("late", for: SessionKey<String>("other"))
                        } catch {
                            text = "\(error.code)"
                        }
                        let count = try await session.commit { try $0.increment(SessionKey<Int>("count")) }
                        try await writer.write(ByteBuffer(string: "\(text) \(count)"))
                        try await writer.finish(nil)
                    }
                )
            }
        }
        try await site.test(.live) { client in
            var browser = Browser(client)
            _ = try await browser.post("write", "x")
            #expect(try await browser.post("late").text == "alreadyCommitted 1")
            #expect(try await browser.post("late").text == "alreadyCommitted 2")
        }
    }

    @Test("D34: a request that brings a session reaches its handler, and a wrong configuration is an error at once")
    func nextIsAlwaysCalled() async throws {
        let site = try TestSite()
        try await site.test { client in
            var browser = Browser(client)
            _ = try await browser.post("write", "x")
            #expect(try await browser.get("plain").text == "plain")
            #expect(try await browser.get("read").text == "x")
        }
        var configuration = SessionManager.Configuration()
        configuration.lifetime.idle = .zero
        #expect(throws: SessionError.self) {
            try SessionManager(store: MemorySessionStore(), configuration: configuration)
        }
    }

    @Test("without the middleware, asking for the session is an error that says what to do")
    func missingMiddleware() async throws {
        let router = Router(context: TestContext.self)
        router.get("read") { _, context in
            do {
                _ = try await context.session()
                return "no error"
            } catch let error as SessionError where error.code == .misconfigured {
                return error.message
            }
        }
        let group = router.group("group").add(middleware: SessionPolicyMiddleware(SessionPolicy()))
        group.get("read") { _, _ in "no error" }
        try await Application(router: router, logger: TestSite.quiet).test(.router) { client in
            let error = try await client.execute(uri: "/read", method: .get)
            #expect(error.text.contains("SessionMiddleware"))
            let failure = try await client.execute(uri: "/group/read", method: .get)
            #expect(failure.status == .internalServerError)
        }
    }

    @Test("a context that knows the client's address labels new sessions with it")
    func remoteAddress() async throws {
        let sessions = try SessionManager(store: MemorySessionStore(), logger: TestSite.quiet)
        let router = Router(context: AddressContext.self)
        router.add(middleware: SessionMiddleware(sessions))
        router.post("login") { _, context in
            try await context.session().renew(subject: "ada")
            return HTTPResponse.Status.noContent
        }
        try await Application(router: router, logger: TestSite.quiet).test(.live) { client in
            var browser = Browser(client)
            let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
            _ = try await browser.post("login", "", [.userAgent: agent])
            let session = try #require(try await sessions.sessions(of: "ada").first)
            #expect(session.labels.addressClass == "loopback")
            #expect(session.labels.client?.contains("Firefox") == true)
        }
    }
}

private struct AddressContext: SessionRequestContext, RemoteAddressRequestContext {
    var coreContext: CoreRequestContextStorage
    var sessions = RequestSessions()
    let remoteAddress: SocketAddress?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress
    }
}
#endif
