#if Hummingbird
import Foundation
import Hummingbird
import Sessions
import SessionsHummingbird

/// Reading and writing the values of a session.
struct ValuesAPI: Sendable {
    private static let plainAnswer = ByteBuffer(string: #"{"ok":true}"#)
    private static let emptyAnswer = ByteBuffer(string: "{}")

    func addRoutes(to api: RouterGroup<DemoRequestContext>) {
        api.get("plain") { _, _ in Response.json(Self.plainAnswer) }
        api.get("values", use: allValues)
        api.get("values/:key", use: value)
        api.put("values/:key", use: setValue)
        api.delete("values/:key", use: removeValue)
        api.post("counter/:key", use: count)
        api.post("counter/:key/naive", use: countNaively)
        api.post("list/:key", use: append)
        api.get("slow", use: slow)
    }

    @Sendable private func allValues(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let values = try await context.session().values
        let encoder = JSONEncoder()
        var members: [String] = []
        for name in values.keys {
            let key = String(decoding: try encoder.encode(name), as: UTF8.self)
            members.append("\(key):\(String(decoding: values.json(for: name) ?? [], as: UTF8.self))")
        }
        return .json(#"{"values":{\#(members.joined(separator: ","))}}"#.utf8)
    }

    @Sendable private func value(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let key = try context.key()
        guard let json = try await context.session().values.json(for: key) else {
            throw HTTPError(.notFound, message: "the session has no such value")
        }
        return .json(json)
    }

    @Sendable private func setValue(
        _ request: Request,
        _ context: DemoRequestContext
    ) async throws -> HTTPResponse.Status {
        let key = try context.key()
        let value = try JSONValue(parsing: try await request.body.collect(upTo: context.maxUploadSize))
        let session = try await context.session()
        switch value {
        case .int(let number): try session.set(number, for: SessionKey(key))
        default: try session.set(value, for: SessionKey(key))
        }
        return .noContent
    }

    @Sendable private func removeValue(
        _ request: Request,
        _ context: DemoRequestContext
    ) async throws -> HTTPResponse.Status {
        let key = try context.key()
        try await context.session().remove(key)
        return .noContent
    }

    /// Plus one, never lost: the closure runs again when another request was faster, and answers what was committed.
    @Sendable private func count(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let key = SessionKey<Int>(try context.key())
        let session = try await context.session()
        let value = try await clientErrors { try await session.commit { try $0.increment(key) } }
        return .json(#"{"value":\#(value)}"#.utf8)
    }

    /// Plus one, as one should not: two requests may read the same number.
    @Sendable private func countNaively(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let key = SessionKey<Int>(try context.key())
        let session = try await context.session()
        let value = (session[key] ?? 0) &+ 1
        try session.set(value, for: key)
        return .json(#"{"value":\#(value)}"#.utf8)
    }

    @Sendable private func append(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let key = SessionKey<[JSONValue]>(try context.key())
        let item = try JSONValue(parsing: try await request.body.collect(upTo: context.maxUploadSize))
        let session = try await context.session()
        let count = try await clientErrors {
            try await session.commit { values in
                var list = try values.value(for: key) ?? []
                list.append(item)
                try values.set(list, for: key)
                return list.count
            }
        }
        return .json(#"{"count":\#(count)}"#.utf8)
    }

    /// A request that takes its time, so that others can end or renew the session meanwhile.
    @Sendable private func slow(_ request: Request, _ context: DemoRequestContext) async throws -> Response {
        let query = request.uri.queryParameters
        guard let milliseconds = query.get("ms", as: Int.self), 0...60_000 ~= milliseconds else {
            throw HTTPError(.badRequest, message: "ms: 0 to 60000 milliseconds")
        }
        let session = try await context.session()
        try await Task.sleep(for: .milliseconds(milliseconds))
        if let key = query.get("key"), session.exists {
            do {
                try session.set(query.get("value") ?? "", for: SessionKey(key))
                try await session.save()
            } catch let error as SessionError where error.code == .ended {
                session.discard()
            }
        }
        return .json(Self.emptyAnswer)
    }

    /// What the store holds may not be what a call expects: the client's mistake, not the server's.
    private func clientErrors<R>(_ body: () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch let error as SessionError where error.code == .undecodableValue {
            throw HTTPError(.unprocessableContent, message: error.message)
        }
    }
}

extension DemoRequestContext {
    /// The path's `key`, percent-decoded.
    func key() throws(HTTPError) -> String {
        // Foundation takes its time over a text that has nothing to decode.
        guard let text = parameters.get("key"),
            let key = text.utf8.contains(UInt8(ascii: "%")) ? text.removingPercentEncoding : text
        else {
            throw HTTPError(.badRequest, message: "the key in the path is not percent-encoded UTF-8")
        }
        return key
    }
}
#endif
