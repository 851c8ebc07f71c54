/// A point in time as sessions keep it: whole milliseconds since 1970-01-01T00:00:00Z, by the wall clock.
///
/// Deadlines outlive processes and are compared between servers, so they are wall-clock times; servers that share a
/// store must agree on the time within 30 seconds. Arithmetic saturates instead of trapping, so that no configured
/// lifetime, however large, can crash a server.
public struct SessionInstant: Hashable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public let millisecondsSince1970: Int64

    /// Creates an instant from milliseconds since 1970-01-01T00:00:00Z.
    @inlinable
    public init(millisecondsSince1970: Int64) {
        self.millisecondsSince1970 = millisecondsSince1970
    }

    /// The latest instant that can be expressed.
    public static var distantFuture: Self { .init(millisecondsSince1970: .max) }

    /// The earliest instant that can be expressed.
    public static var distantPast: Self { .init(millisecondsSince1970: .min) }

    /// The instant `duration` after `instant`, saturating.
    public static func + (instant: Self, duration: Duration) -> Self { instant.advanced(by: duration) }

    /// The instant `duration` before `instant`, saturating.
    public static func - (instant: Self, duration: Duration) -> Self {
        let (result, overflow) = instant.millisecondsSince1970.subtractingReportingOverflow(duration.milliseconds)
        guard overflow else { return .init(millisecondsSince1970: result) }
        return duration.milliseconds < 0 ? .distantFuture : .distantPast
    }

    /// The time that passes from `right` to `left`.
    public static func - (left: Self, right: Self) -> Duration { right.duration(to: left) }
}

extension SessionInstant: InstantProtocol {
    /// The instant `duration` after this one, saturating.
    public func advanced(by duration: Duration) -> Self {
        let (result, overflow) = millisecondsSince1970.addingReportingOverflow(duration.milliseconds)
        guard overflow else { return .init(millisecondsSince1970: result) }
        return duration.milliseconds < 0 ? .distantPast : .distantFuture
    }

    /// The time from this instant to `other`, saturating.
    public func duration(to other: Self) -> Duration {
        let (result, overflow) = other.millisecondsSince1970
            .subtractingReportingOverflow(millisecondsSince1970)
        guard overflow else { return .milliseconds(result) }
        return .milliseconds(other > self ? Int64.max : Int64.min)
    }

    /// Whether `left` is the earlier one.
    @inlinable
    public static func < (left: Self, right: Self) -> Bool {
        left.millisecondsSince1970 < right.millisecondsSince1970
    }
}

extension SessionInstant: CustomStringConvertible {
    /// The milliseconds since 1970, followed by the unit.
    public var description: String { "\(millisecondsSince1970) ms" }
}

extension Duration {
    /// This duration in whole milliseconds, rounded towards zero, saturating at the ends of `Int64`.
    package var milliseconds: Int64 { Int64(clamping: attoseconds / 1_000_000_000_000_000) }
}
