#if Hummingbird
import Foundation
import Hummingbird
import Sessions
import SessionsHummingbird

/// Signing in and out, and the list of one's devices.
struct AccountPages: Sendable {
    let sessions: SessionManager

    func addRoutes(to pages: RouterGroup<DemoRequestContext>) {
        pages.get("login", use: loginForm)
        pages.post("login", use: login)
        pages.post("logout", use: logout)
        pages.get("devices", use: devices)
        pages.post("devices/:id/end", use: endDevice)
        pages.post("devices/end-others", use: endOtherDevices)
    }

    @Sendable private func loginForm(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let session = try await context.session()
        let hasLeft = request.uri.queryParameters["bye"] != nil && session.subject == nil
        return loginPage(session, notice: hasLeft ? "You are signed out." : session.flash(.notice))
    }

    private struct LoginForm: Decodable {
        let name: String
    }

    @Sendable private func login(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let form = try await request.form(LoginForm.self, context)
        let name = form.name.trimmingCharacters(in: .whitespacesAndNewlines)
        let session = try await context.session()
        guard 1...64 ~= name.utf8.count else {
            return loginPage(session, error: "A name has 1 to 64 characters.", status: .unprocessableContent)
        }
        // A new token: what somebody may have planted in this browser before is worth nothing now.
        try session.renew(subject: name)
        session[.notice] = "Welcome, \(name). Whatever was in your cart is still there."
        return .redirect(to: "/")
    }

    @Sendable private func logout(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        try await context.session().end()
        return .redirect(to: "/login?bye")
    }

    @Sendable private func devices(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let session = try await context.session()
        guard let subject = session.subject else { return .redirect(to: "/login") }
        let notice = session.flash(.notice)
        let list = try await sessions.sessions(of: subject)
            .sorted { ($0.id == session.id ? 1 : 0, $0.lastSeenAt) > ($1.id == session.id ? 1 : 0, $1.lastSeenAt) }
            .map { info in
                Device(
                    id: info.id.description,
                    label: info.labels.client ?? "Unknown device",
                    network: info.labels.addressClass.map { " · \($0) network" } ?? "",
                    created: Moment(info.createdAt),
                    lastSeen: Moment(info.lastSeenAt),
                    isCurrent: info.id == session.id
                )
            }
        return Templates.page(
            "devices",
            Page(title: "Devices", subject: subject, notice: notice)
                .values(["devices": list, "hasOthers": list.contains { !$0.isCurrent }])
        )
    }

    @Sendable private func endDevice(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let session = try await context.session()
        guard let subject = session.subject else { return .redirect(to: "/login") }
        guard let id = SessionID(context.parameters.get("id") ?? "") else { throw HTTPError(.notFound) }
        if id == session.id {
            try session.end()
            return .redirect(to: "/login?bye")
        }
        let hasEnded = try await sessions.end(id, of: subject)
        session[.notice] = hasEnded ? "That device is signed out." : "That device was signed out already."
        return .redirect(to: "/devices")
    }

    @Sendable private func endOtherDevices(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let session = try await context.session()
        guard let subject = session.subject else { return .redirect(to: "/login") }
        let count = try await sessions.endAll(of: subject, except: session.id)
        session[.notice] = count == 1 ? "One other device is signed out." : "\(count) other devices are signed out."
        return .redirect(to: "/devices")
    }

    private func loginPage(
        _ session: Session,
        notice: String? = nil,
        error: String? = nil,
        status: HTTPResponse.Status = .ok
    ) -> Response {
        Templates.page(
            "login",
            Page(title: "Sign in", subject: session.subject, notice: notice).values(["error": error]),
            status: status
        )
    }
}

/// One row of the list of devices.
private struct Device {
    let id: String
    let label: String
    let network: String
    let created: Moment
    let lastSeen: Moment
    let isCurrent: Bool
}
#endif
