import HTTPTypes
import Sessions
import Synchronization

/// A browser with one cookie, for tests of the manager without a server.
final class Browser: Sendable {
    private let state = Mutex<String?>(nil)
    let name: String

    init(cookieName: String = "__Host-session") {
        name = cookieName
    }

    /// The cookie's value.
    var cookie: String? {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    /// Another browser with the same cookie: a second tab, or a thief.
    func copy() -> Browser {
        let other = Browser(cookieName: name)
        other.cookie = cookie
        return other
    }

    var request: HTTPRequest {
        var request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
        if let cookie { request.headerFields[.cookie] = "\(name)=\(cookie)" }
        return request
    }

    /// One request: the handler runs, the session commits, the response's cookie is kept.
    @discardableResult
    func visit(
        _ manager: SessionManager,
        policy: SessionPolicy? = nil,
        _ handler: (Session) async throws -> Void = { _ in }
    ) async throws -> HTTPFields {
        let exchange = manager.exchange(for: request, peerAddress: "192.0.2.7", policy: policy)
        try await handler(try await exchange.session())
        return try await finish(exchange)
    }

    /// Ends an exchange that a test has begun itself.
    @discardableResult
    func finish(_ exchange: SessionExchange) async throws -> HTTPFields {
        var fields = HTTPFields()
        try await exchange.finish(&fields)
        keep(fields)
        return fields
    }

    func keep(_ fields: HTTPFields) {
        for value in fields[values: .setCookie] where value.hasPrefix("\(name)=") {
            let pair = value.prefix { $0 != ";" }
            let secret = pair.dropFirst(name.count + 1)
            cookie = secret.isEmpty ? nil : String(secret)
        }
    }
}
