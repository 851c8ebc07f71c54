#if Hummingbird
import Hummingbird
import HummingbirdTesting
import Sessions
import SessionsHummingbird
import SessionsTesting
import Testing

@Suite("SessionErrorResponse")
struct SessionErrorResponseTests {
    @Test(
        "an outage is 503 with Retry-After and no cookie, at the look-up and at the commit",
        arguments: [SessionStoreError.Code.unavailable, .outcomeUnknown]
    )
    func outage(code: SessionStoreError.Code) async throws {
        let site = try TestSite()
        try await site.test { client in
            var browser = Browser(client)
            _ = try await browser.post("write", "kept")
            site.store.setOutage(code)
            for response in [
                try await browser.get("read"), try await browser.post("write", "y"), try await browser.post("login"),
                try await browser.post("logout"), try await Browser(client).postingOnce("write"),
            ] {
                #expect(response.status == .serviceUnavailable)
                #expect(response.headers[.retryAfter] == "1")
                #expect(response.cookies.isEmpty)
                #expect(response.text.contains("\"unavailable\""))
            }
            #expect(try await browser.get("plain").status == .ok)
            site.store.setOutage(nil)
            #expect(try await browser.get("read").text == "kept")
        }
    }

    @Test("a commit that fails replaces the response of the handler, its own cookies included")
    func failingCommit() async throws {
        let site = try TestSite { router in
            router.post("cookie") { _, context in
                let session = try await context.session()
                session["value"] = "x"
                return Response(status: .ok, headers: [.setCookie: "other=1"])
            }
        }
        try await site.test { client in
            var browser = Browser(client)
            site.store.inject(.unavailable, into: .insert)
            let failed = try await browser.post("cookie")
            #expect(failed.status == .serviceUnavailable)
            #expect(failed.cookies.isEmpty)
            #expect(failed.variesByCookie)
            #expect(try await browser.post("cookie").cookies.count == 2)
        }
    }

    @Test("a session that an earlier save() made gets its cookie, also when the commit after it fails")
    func cookieOfAnEarlierSave() async throws {
        let site = try TestSite { router in
            router.post("twice") { _, context in
                let session = try await context.session()
                session["value"] = "first"
                try await session.save()
                session["value"] = "second"
                return HTTPResponse.Status.noContent
            }
        }
        try await site.test { client in
            var browser = Browser(client)
            site.store.inject(.unavailable, into: .update)
            let response = try await browser.post("twice")
            #expect(response.status == .serviceUnavailable)
            #expect(response.cookies.count == 1)
            #expect(try await browser.get("read").text == "first")
        }
    }

    @Test("two live sessions in one request: writes are 400 and name the code, no cookie")
    func ambiguous() async throws {
        let site = try TestSite()
        try await site.test { client in
            var first = Browser(client)
            var second = Browser(client)
            _ = try await first.post("write", "1")
            _ = try await second.post("write", "2")
            let cookies = "__Host-session=\(first.token ?? ""); __Host-session=\(second.token ?? "")"
            var both = Browser(client)
            let response = try await both.post("write", "3", [.cookie: cookies])
            #expect(response.status == .badRequest)
            #expect(response.text.contains("\"ambiguous\""))
            #expect(response.cookies.isEmpty)
        }
    }

    @Test("a superseded token: writes are 409, no cookie")
    func superseded() async throws {
        let site = try TestSite()
        try await site.test { client in
            var browser = Browser(client)
            _ = try await browser.post("write", "1")
            var old = browser
            _ = try await browser.post("login")
            let response = try await old.post("write", "2")
            #expect(response.status == .conflict)
            #expect(response.cookies.isEmpty)
            #expect(try await browser.get("read").text == "1")
        }
    }

    @Test("every code has an answer; those that concern the operator do not tell their message")
    func codes() async throws {
        let codes: [(SessionError.Code, Int, Bool)] = [
            (.ended, 409, true), (.lostUpdate, 409, true), (.ambiguous, 400, true), (.invalidKey, 400, true),
            (.invalidCursor, 400, true),
            (.valueTooLarge, 413, true), (.sessionTooLarge, 413, true), (.tooManyKeys, 413, true),
            (.conflict, 503, false), (.unavailable, 503, false), (.exclusiveTimeout, 503, false),
            (.misconfigured, 500, false), (.unsupported, 500, false), (.undecodableValue, 500, false),
        ]
        for (code, status, tells) in codes {
            let site = try TestSite { router in
                router.get("throw") { _, _ -> String in throw SessionError(code, "the details of it") }
            }
            try await site.test { client in
                var browser = Browser(client)
                let response = try await browser.get("throw")
                #expect(response.status.code == status, "\(code)")
                #expect(response.text.contains("\"\(code)\""), "\(code)")
                #expect(response.text.contains("the details of it") == tells, "\(code)")
                #expect((response.headers[.retryAfter] == "1") == (status == 503), "\(code)")
            }
        }
    }
}

extension Browser {
    fileprivate func postingOnce(_ path: String) async throws -> TestResponse {
        var browser = self
        return try await browser.post(path, "x")
    }
}
#endif
