import Synchronization

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

/// Makes stamps without asking the system for each: a random start, and from there a walk that visits every 64-bit number
/// once before it repeats (SplitMix64, Steele and others 2014).
///
/// A stamp need not be secret, since whoever can compare stamps reads the record as well. It must be new: within a process
/// it is by construction, between processes as surely as random bits are.
final class SessionStampGenerator: Sendable {
    private let state: Atomic<UInt64>

    init(seed: UInt64) {
        state = Atomic(seed)
    }

    func next() -> SessionStamp {
        var bits = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return SessionStamp(rawValue: bits ^ (bits >> 31))
    }
}
