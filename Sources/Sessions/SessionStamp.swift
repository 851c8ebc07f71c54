/// 64 random bits that a record gets anew at every commit: what compare-and-set compares.
///
/// A counter would not do: after a failover that lost a write it would repeat, and two different states would carry the
/// same mark.
public struct SessionStamp: RawRepresentable, Hashable, Sendable {
    /// The 64 bits.
    public let rawValue: UInt64

    /// Creates a stamp from its bits.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}
