import Foundation
import HTTPTypes

// Minting and cookie parsing have no public entry of their own.
@testable import Sessions

/// A clock that stands still until it is moved, so that nothing expires or is extended while other things are measured.
final class SteppedClock: SessionClock, Sendable {
    typealias Instant = SessionInstant
    private let system = SystemSessionClock()
    private let offset: Int64

    init(offset: Duration = .zero) {
        self.offset = offset.components.seconds * 1000
    }

    // Whole milliseconds: arithmetic with durations would cost as much as what is measured.
    var now: SessionInstant { .init(millisecondsSince1970: system.now.millisecondsSince1970 + offset) }
    var minimumResolution: Duration { .milliseconds(1) }
    func sleep(until deadline: SessionInstant, tolerance: Duration?) async throws {}
}

extension SessionKey<Int> {
    static var number: Self { .init("n") }
}

/// Requests that carry the cookies of sessions which were made beforehand.
func makeRequests(_ manager: SessionManager, count: Int) async throws -> [HTTPRequest] {
    var requests: [HTTPRequest] = []
    for number in 0..<count {
        var request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
        let exchange = manager.exchange(for: request)
        try await exchange.session().set(number, for: .number)
        var fields = HTTPFields()
        try await exchange.finish(&fields)
        guard let cookie = fields[.setCookie]?.prefix(while: { $0 != ";" }) else { continue }
        request.headerFields[.userAgent] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"
        request.headerFields[.accept] = "*/*"
        request.headerFields[.cookie] = String(cookie)
        requests.append(request)
    }
    return requests
}

func openReadClose(_ manager: SessionManager, _ request: HTTPRequest) async throws {
    let exchange = manager.exchange(for: request)
    keep(try await exchange.session()[.number])
    var fields = HTTPFields()
    try await exchange.finish(&fields)
    keep(fields)
}

func openUpdateCommit(_ manager: SessionManager, _ request: HTTPRequest) async throws {
    let exchange = manager.exchange(for: request)
    try await exchange.session().increment(.number)
    var fields = HTTPFields()
    try await exchange.finish(&fields)
    keep(fields)
}

/// The same by a closure, whose result is that of the commit.
func openCommitByClosure(_ manager: SessionManager, _ request: HTTPRequest) async throws {
    let exchange = manager.exchange(for: request)
    keep(try await exchange.session().commit { try $0.increment(.number) })
    var fields = HTTPFields()
    try await exchange.finish(&fields)
    keep(fields)
}

/// The request of a browser that comes for the first time.
private let firstRequest: HTTPRequest = {
    var request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
    request.headerFields[.userAgent] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"
    request.headerFields[.accept] = "*/*"
    return request
}()

func create(_ manager: SessionManager) async throws {
    let exchange = manager.exchange(for: firstRequest)
    try await exchange.session().set(1, for: .number)
    var fields = HTTPFields()
    try await exchange.finish(&fields)
    keep(fields)
}

/// What the system takes for 32 random bytes, in nanoseconds: a measure of the machine that no code of ours changes.
func randomFigure() async -> Double {
    let random = SystemSessionRandom()
    var bytes = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    return await nanoseconds(iterations: 100_000) { _ in
        withUnsafeMutableBytes(of: &bytes) { random.fill($0) }
        keep(bytes)
    }
}

func tokenFigures() async throws -> [Figure] {
    let random = SystemSessionRandom()
    let mint = await nanoseconds(iterations: 100_000) { _ in keep(SessionToken(from: random)) }
    let token = SessionToken(from: random)
    let write = await nanoseconds(iterations: 100_000) { _ in keep(token.secret) }
    let manager = try SessionManager(store: MemorySessionStore())
    let requests = try await makeRequests(manager, count: 64)
    let parse = await nanoseconds(iterations: 200_000) { keep(manager.candidates(in: requests[$0 & 63])) }
    return [
        Figure(name: "token: mint", value: mint, unit: "ns", limit: 500),
        Figure(name: "token: write as text", value: write, unit: "ns"),
        Figure(name: "cookie: find and parse the token", value: parse, unit: "ns"),
    ]
}

func storeFigures(
    _ name: String,
    _ store: any SessionStore,
    _ meter: Meter,
    iterations: Int,
    limits: (read: Double, update: Double)?
) async throws -> [Figure] {
    let manager = try SessionManager(store: store)
    let requests = try await makeRequests(manager, count: 1024)
    let read = try await nanoseconds(meter, iterations: iterations) {
        try await openReadClose(manager, requests[$0 & 1023])
    }
    let update = try await nanoseconds(meter, iterations: iterations) {
        try await openUpdateCommit(manager, requests[$0 & 1023])
    }
    let closure = try await nanoseconds(meter, iterations: iterations) {
        try await openCommitByClosure(manager, requests[$0 & 1023])
    }
    let making = try await nanoseconds(meter, rounds: 3, iterations: iterations / 4) { _ in
        try await create(manager)
    }
    return [
        Figure(name: "\(name): open, read, close", value: read, unit: "ns", limit: limits?.read),
        Figure(name: "\(name): open, update, commit", value: update, unit: "ns", limit: limits?.update),
        Figure(name: "\(name): open, commit by a closure", value: closure, unit: "ns"),
        Figure(name: "\(name): open, set, commit a new session", value: making, unit: "ns"),
    ]
}

/// The file store without flushing, in a folder that is removed afterwards. Time that passes, since its threads are its
/// own.
func fileFigures() async throws -> [Figure] {
    let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("session-bench-\(UInt64.random(in: 0...(.max)))")
    defer { try? FileManager.default.removeItem(at: path) }
    return try await storeFigures("file", FileSessionStore(path: path.path), .wall, iterations: 10_000, limits: nil)
}
