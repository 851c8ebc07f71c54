#if Hummingbird
import Hummingbird
import HummingbirdTesting
import Sessions
import SessionsHummingbird
import SessionsTesting
import Testing

@Suite("SessionPolicyMiddleware")
struct SessionPolicyMiddlewareTests {
    @Test("a group may go on without a session while the store is down; its writes are 503, and no cookie is touched")
    func degrade() async throws {
        let site = try TestSite { router in
            let group = router.group("degraded").add(
                middleware: SessionPolicyMiddleware(SessionPolicy(onOutage: .withoutSession))
            )
            group.get("read") { _, context in
                let session = try await context.session()
                return session.exists ? "session" : "none"
            }
            group.post("write") { _, context in
                try await context.session().set("x", for: SessionKey("value"))
                return HTTPResponse.Status.noContent
            }
        }
        try await site.test { client in
            var browser = Browser(client)
            _ = try await browser.post("write", "kept")
            site.store.setOutage(.unavailable)
            let read = try await browser.get("degraded/read")
            #expect(read.text == "none")
            #expect(read.cookies.isEmpty)
            let write = try await browser.post("degraded/write")
            #expect(write.status == .serviceUnavailable)
            #expect(write.cookies.isEmpty)
            #expect(try await browser.get("read").status == .serviceUnavailable)
            site.store.setOutage(nil)
            #expect(try await browser.get("degraded/read").text == "session")
        }
    }

    @Test("an exclusive group lets one request of a session in at a time, so that plain sets lose nothing")
    func exclusive() async throws {
        let site = try TestSite { router in
            router.group("exclusive")
                .add(middleware: SessionPolicyMiddleware(SessionPolicy(exclusiveTimeout: .seconds(30))))
                .post("count") { _, context in
                    let session = try await context.session()
                    let count: Int = session["count"] ?? 0
                    await Task.yield()
                    session["count"] = count + 1
                    return "\(count + 1)"
                }
        }
        try await site.test { client in
            var browser = Browser(client)
            _ = try await browser.post("write", "x")
            let token = browser.token
            let counts = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        var browser = Browser(client, token: token)
                        return try await browser.post("exclusive/count").text
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(counts) == Set((1...20).map { "\($0)" }))
        }
    }
}
#endif
