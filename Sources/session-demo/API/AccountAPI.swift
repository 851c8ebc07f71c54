#if Hummingbird
import Foundation
import Hummingbird
import Sessions
import SessionsHummingbird

/// Signing in and out, and the list of one's sessions.
struct AccountAPI: Sendable {
    let sessions: SessionManager

    func addRoutes(to api: RouterGroup<DemoRequestContext>) {
        api.get("session", use: metadata)
        api.post("login", use: login)
        api.post("logout", use: logout)
        api.post("renew", use: renew)
        api.get("sessions", use: list)
        api.delete("sessions", use: endOthers)
        api.delete("sessions/:id", use: end)
        api.get("health", use: health)
    }

    @Sendable private func metadata(_ request: Request, _ context: DemoRequestContext) async throws -> JSONValue {
        let session = try await context.session()
        return [
            "exists": .bool(session.exists),
            "id": JSONValue(session.id?.description),
            "subject": JSONValue(session.subject),
            "createdAt": JSONValue(session.createdAt?.iso8601),
            "expiresAt": JSONValue(session.expiresAt?.iso8601),
            "revision": .int(Int(clamping: session.revision)),
        ]
    }

    private struct Login: Decodable {
        let subject: String
    }

    @Sendable private func login(_ request: Request, _ context: DemoRequestContext) async throws -> JSONValue {
        let login = try await request.decode(as: Login.self, context: context)
        guard 1...SessionRecord.maximumSubjectByteCount ~= login.subject.utf8.count else {
            throw HTTPError(.badRequest, message: "subject: 1 to \(SessionRecord.maximumSubjectByteCount) bytes")
        }
        try await context.session().renew(subject: login.subject)
        return ["subject": .string(login.subject)]
    }

    @Sendable private func logout(
        _ request: Request,
        _ context: DemoRequestContext
    ) async throws -> HTTPResponse.Status {
        try await context.session().end()
        return .noContent
    }

    @Sendable private func renew(
        _ request: Request,
        _ context: DemoRequestContext
    ) async throws -> HTTPResponse.Status {
        try await context.session().renew()
        return .noContent
    }

    @Sendable private func list(_ request: Request, _ context: DemoRequestContext) async throws -> JSONValue {
        let (session, subject) = try await context.signedIn()
        let list = try await sessions.sessions(of: subject).map { info -> JSONValue in
            [
                "id": .string(info.id.description),
                "createdAt": .string(info.createdAt.iso8601),
                "lastSeenAt": .string(info.lastSeenAt.iso8601),
                "label": JSONValue(info.labels.client),
                "current": .bool(info.id == session.id),
            ]
        }
        return ["sessions": .array(list)]
    }

    @Sendable private func end(_ request: Request, _ context: DemoRequestContext) async throws -> HTTPResponse.Status {
        let (session, subject) = try await context.signedIn()
        guard let id = SessionID(context.parameters.get("id") ?? "") else { throw HTTPError(.notFound) }
        if id == session.id {
            try session.end()
        } else if try await !sessions.end(id, of: subject) {
            throw HTTPError(.notFound)
        }
        return .noContent
    }

    @Sendable private func endOthers(
        _ request: Request,
        _ context: DemoRequestContext
    ) async throws -> HTTPResponse.Status {
        let (session, subject) = try await context.signedIn()
        guard request.uri.queryParameters["others"] == "true" else {
            throw HTTPError(.badRequest, message: "say others=true to end all sessions but this one")
        }
        _ = try await sessions.endAll(of: subject, except: session.id)
        return .noContent
    }

    @Sendable private func health(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let start = ContinuousClock.now
        let isWell: Bool
        do {
            try await sessions.checkHealth()
            isWell = true
        } catch {
            isWell = false
        }
        let latency = (ContinuousClock.now - start) / .milliseconds(1)
        let body = #"{"store":"\#(isWell ? "ok" : "unavailable")","latencyMs":\#((latency * 1000).rounded() / 1000)}"#
        return .json(body.utf8, status: isWell ? .ok : .serviceUnavailable)
    }
}

extension DemoRequestContext {
    /// The session and who it belongs to.
    /// - Throws: `HTTPError` with the status 401 when it belongs to nobody.
    func signedIn() async throws -> (session: Session, subject: String) {
        let session = try await session()
        guard let subject = session.subject else { throw HTTPError(.unauthorized, message: "nobody is signed in") }
        return (session, subject)
    }
}

extension SessionInstant {
    /// The instant as a date.
    var date: Date { Date(timeIntervalSince1970: Double(millisecondsSince1970) / 1000) }

    /// Such as `2026-01-31T12:00:00.000Z`.
    var iso8601: String { date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }
}
#endif
