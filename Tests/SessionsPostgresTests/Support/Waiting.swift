#if PostgreSQL
import Dispatch
import Sessions
import Testing

/// Waits until something is so, ten seconds at the most, and records an issue if it is not by then.
func eventually(
    _ what: Comment,
    within limit: Duration = .seconds(10),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async rethrows {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("not within \(limit): \(what)", sourceLocation: sourceLocation)
            return
        }
        await wait(.milliseconds(5))
    }
}

/// Lets time pass, where it is time itself that a test is about.
func wait(_ time: Duration) async {
    let microseconds = Int(time / .microseconds(1))
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        DispatchQueue.global().asyncAfter(deadline: .now() + .microseconds(microseconds)) { continuation.resume() }
    }
}

/// The error of a store, or `nil` if there is none.
func failure(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> some Any
) async -> SessionStoreError? {
    do {
        _ = try await body()
        return nil
    } catch let error as SessionStoreError {
        return error
    } catch {
        Issue.record("another error than a store's: \(error)", sourceLocation: sourceLocation)
        return nil
    }
}

/// How long something takes.
func duration(_ body: () async throws -> Void) async rethrows -> Duration {
    let start = ContinuousClock.now
    try await body()
    return ContinuousClock.now - start
}

/// Everything that shows of `value` in logs, debuggers and crash reports.
func everythingShown<Value>(of value: Value) -> String {
    var dumped = ""
    dump(value, to: &dumped)
    dump([value], to: &dumped)
    return "\(value) \(String(reflecting: value)) \([value]) \(Optional(value) as Any) \(dumped)"
}
#endif
