import HTTPTypes
import Sessions

extension SessionModelRun {
    func expect<Value: Equatable>(_ value: Value, is expected: Value, _ what: @autoclosure () -> String) throws {
        if value != expected { throw Difference(message: "\(what()): it was \(value) instead of \(expected)") }
    }

    /// Compares what a request sees.
    func compare(_ request: Request) throws {
        let view = request.view
        try expect(
            request.session.id,
            is: view.stored.flatMap { ids[$0.token] },
            "the id of the request's session"
        )
        try expect(
            request.session.subject,
            is: view.subject.map { SessionModelProgram.name(ofSubject: $0) },
            "the subject that the request sees"
        )
        try expect(
            Self.values(request.session.values),
            is: Self.values(view.values.live(at: view.openedAt)),
            "the values that the request sees"
        )
    }

    /// Compares what a response says about the cookie, and has the browser keep it.
    mutating func compareCookie(
        of fields: HTTPFields,
        with expected: SessionModel.Announcement?,
        _ visit: SessionModelProgram.Visit
    ) throws {
        let name = servers[visit.server].manager.configuration.cookie?.name ?? ""
        let cookies = fields[values: .setCookie].filter { $0.hasPrefix("\(name)=") }
        try expect(cookies.count, is: expected == nil ? 0 : 1, "the number of cookies in the response")
        guard let cookie = cookies.first, let expected else { return }
        let secret = String(cookie.prefix { $0 != ";" }.dropFirst(name.count + 1))
        switch expected {
        case .cleared:
            try expect(secret.isEmpty, is: true, "whether the cookie is cleared")
            browsers[visit.browser].keep(nil)
        case .token(let token):
            if let known = secrets[token] {
                try expect(secret == known, is: true, "whether the cookie is the session's present token")
            } else {
                let isOld = secret.isEmpty || secrets.values.contains(secret)
                try expect(isOld, is: false, "whether a new session has a former token")
                secrets[token] = secret
            }
            browsers[visit.browser].keep(token)
        }
    }

    /// Compares every record that there ever was with what must be left of it.
    func compareAll(on server: Int) async throws {
        for token in ids.keys.sorted() { try await compare(token, on: server) }
    }

    /// Compares the record under a token with what the model has there.
    func compare(_ token: Token, on server: Int) async throws {
        guard let id = ids[token] else { return }
        let record = try await servers[server].store.load(id, now: clock.now)
        let name = "token \(token + 1)"
        switch (model.place(token), record) {
        case (nil, nil):
            break
        case (nil, _?):
            throw Difference(message: "\(name) leads to a record, and nothing should be left of it")
        case (_?, nil):
            throw Difference(message: "\(name) leads to nothing, and its session should live")
        case (.forwarder(let successor, let isFollowed, let expiresAt)?, let record?):
            guard case .forwarder(let id, let nonce) = record.kind else {
                throw Difference(message: "\(name) leads to a session, and it was renewed")
            }
            if let expected = ids[successor] { try expect(id, is: expected, "what \(name) was renewed to") }
            try expect(nonce != nil, is: isFollowed, "whether requests with \(name) are still followed")
            try expect(milliseconds(record.expiresAt), is: expiresAt, "until when \(name) is remembered")
        case (.session(let stored)?, let record?):
            try expect(record.isForwarder, is: false, "whether \(name) was renewed")
            try expect(
                Self.values(record.values(at: clock.now)),
                is: Self.values(stored.values.live(at: model.now)),
                "the values of \(name)"
            )
            try expect(record.subject, is: Self.subject(of: stored), "the subject of \(name)")
            try expect(milliseconds(record.expiresAt), is: stored.expiresAt, "the idle deadline of \(name)")
            try expect(
                milliseconds(record.absoluteDeadline),
                is: stored.absoluteDeadline,
                "the absolute deadline of \(name)"
            )
            try expect(record.idleTimeout, is: .milliseconds(stored.idle), "the idle time of \(name)")
            try expect(milliseconds(record.createdAt), is: stored.createdAt, "when \(name) was made")
            try expect(
                record.authenticatedAt.map { milliseconds($0) },
                is: stored.authenticatedAt,
                "when \(name) was signed in"
            )
            try expect(milliseconds(record.renewedAt), is: stored.renewedAt, "when \(name) was renewed")
            try expect(record.revision, is: UInt64(stored.revision), "the number of commits of \(name)")
        }
    }

    /// Compares a list of sessions with those that should be in it.
    func compare(_ sessions: [SessionInfo], with expected: [SessionModel.Stored]) throws {
        try expect(sessions.count, is: expected.count, "the number of sessions in the list")
        for stored in expected {
            guard let session = sessions.first(where: { $0.id == ids[stored.token] }) else {
                throw Difference(message: "the session of token \(stored.token + 1) is missing in the list")
            }
            try expect(session.subject, is: Self.subject(of: stored), "the subject in the list")
            try expect(milliseconds(session.expiresAt), is: stored.expiresAt, "the idle deadline in the list")
            try expect(
                milliseconds(session.lastSeenAt),
                is: max(stored.expiresAt - stored.idle, stored.createdAt),
                "the last use in the list"
            )
        }
    }

    private static func subject(of stored: SessionModel.Stored) -> String? {
        stored.subject.map { SessionModelProgram.name(ofSubject: $0) }
    }

    private func milliseconds(_ instant: SessionInstant) -> Int {
        Int(instant.millisecondsSince1970 - start.millisecondsSince1970)
    }

    private static func values(_ values: SessionValues) -> [String: String] {
        var texts: [String: String] = [:]
        for key in values.keys { texts[key] = values.json(for: key).map { String(decoding: $0, as: UTF8.self) } }
        return texts
    }

    private static func values(_ entries: [SessionModel.Entry]) -> [String: String] {
        var texts: [String: String] = [:]
        for entry in entries {
            let text = entry.value.map { "\($0)" }.joined(separator: ",")
            texts[entry.key.rawValue] = entry.key.isNumber ? text : "[\(text)]"
        }
        return texts
    }
}
