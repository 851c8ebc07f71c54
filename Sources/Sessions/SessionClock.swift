/// Where a ``SessionManager`` gets the time from, and how it waits.
///
/// Injected everywhere, so that tests move time by hand (see `ManualSessionClock` in `SessionsTesting`).
public protocol SessionClock: Clock where Instant == SessionInstant {}

/// The system's wall clock; it waits on the monotonic clock, so a wall clock that jumps wakes nobody early.
public struct SystemSessionClock: SessionClock {
    /// Creates the system clock.
    public init() {}

    /// The time.
    public var now: SessionInstant { .init(millisecondsSince1970: Platform.wallClockMilliseconds()) }

    /// One millisecond.
    public var minimumResolution: Duration { .milliseconds(1) }

    /// Waits until the clock shows `deadline`.
    public func sleep(until deadline: SessionInstant, tolerance: Duration?) async throws {
        try await Task.sleep(for: now.duration(to: deadline), tolerance: tolerance, clock: .continuous)
    }
}

extension SessionClock where Self == SystemSessionClock {
    /// The system's wall clock.
    public static var system: SystemSessionClock { .init() }
}
