import Testing

/// Waits until something is so, ten seconds at the most, and records an issue if it is not by then.
func eventually(
    _ what: Comment,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async rethrows {
    let deadline = ContinuousClock.now + .seconds(10)
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("not within ten seconds: \(what)", sourceLocation: sourceLocation)
            return
        }
        await Task.yield()
    }
}
