#if Hummingbird
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import SessionsHummingbird
import Testing

@Suite("CrossOriginProtectionMiddleware")
struct CrossOriginProtectionMiddlewareTests {
    /// A request as a browser would send it to `http://localhost`.
    struct Row: Sendable, CustomTestStringConvertible {
        var method = HTTPRequest.Method.post
        var site: String?
        var origin: String?
        let isAllowed: Bool

        var testDescription: String { "\(method) site: \(site ?? "-") origin: \(origin ?? "-")" }
    }

    @Test(
        "unsafe requests pass by Sec-Fetch-Site or, without it, by Origin",
        arguments: [
            Row(isAllowed: true),
            Row(site: "same-origin", isAllowed: true),
            Row(site: "none", isAllowed: true),
            Row(site: "same-site", isAllowed: false),
            Row(site: "cross-site", isAllowed: false),
            Row(site: "", isAllowed: false),
            Row(site: "Same-Origin", isAllowed: false),
            Row(site: "same-origin", origin: "https://evil.example", isAllowed: true),
            Row(site: "cross-site", origin: "http://localhost", isAllowed: false),
            Row(origin: "http://localhost", isAllowed: true),
            Row(origin: "https://LOCALHOST", isAllowed: true),
            Row(origin: "http://localhost:8080", isAllowed: false),
            Row(origin: "https://evil.example", isAllowed: false),
            Row(origin: "https://localhost.evil.example", isAllowed: false),
            Row(origin: "https://user@localhost", isAllowed: false),
            Row(origin: "https://localhost/", isAllowed: false),
            Row(origin: "null", isAllowed: false),
            Row(origin: "", isAllowed: false),
            Row(origin: "localhost", isAllowed: false),
            Row(origin: "https://trusted.example", isAllowed: true),
            Row(site: "cross-site", origin: "https://trusted.example", isAllowed: true),
            Row(site: "cross-site", origin: "http://trusted.example", isAllowed: false),
            Row(method: .put, site: "cross-site", isAllowed: false),
            Row(method: .delete, site: "cross-site", isAllowed: false),
            Row(method: .patch, origin: "https://evil.example", isAllowed: false),
            Row(method: .get, site: "cross-site", origin: "https://evil.example", isAllowed: true),
            Row(method: .head, site: "cross-site", isAllowed: true),
            Row(method: .options, site: "cross-site", isAllowed: true),
        ]
    )
    func row(_ row: Row) async throws {
        let router = Router()
        router.add(middleware: CrossOriginProtectionMiddleware(trustedOrigins: ["https://trusted.example"]))
        router.on("/", method: row.method) { _, _ in HTTPResponse.Status.ok }
        var headers = HTTPFields()
        if let site = row.site, let name = HTTPField.Name("Sec-Fetch-Site") { headers[name] = site }
        if let origin = row.origin { headers[.origin] = origin }
        try await Application(router: router, logger: TestSite.quiet).test(.router) { [headers] client in
            let response = try await client.execute(uri: "/", method: row.method, headers: headers)
            #expect(response.status == (row.isAllowed ? .ok : .forbidden))
        }
    }

    @Test("a field that was sent twice does not pass as one")
    func repeatedFields() async throws {
        let router = Router()
        router.add(middleware: CrossOriginProtectionMiddleware())
        router.post("/") { _, _ in HTTPResponse.Status.ok }
        let site = try #require(HTTPField.Name("Sec-Fetch-Site"))
        var headers = HTTPFields()
        headers.append(HTTPField(name: site, value: "same-origin"))
        headers.append(HTTPField(name: site, value: "cross-site"))
        try await Application(router: router, logger: TestSite.quiet).test(.router) { [headers] client in
            let response = try await client.execute(uri: "/", method: .post, headers: headers)
            #expect(response.status == .forbidden)
        }
    }
}
#endif
