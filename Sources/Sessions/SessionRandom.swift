/// A source of random bytes for tokens, stamps and nonces.
///
/// A seam for tests: one that repeats itself proves that a collision never joins two sessions. In production there is
/// only ``SystemSessionRandom``.
public protocol SessionRandom: Sendable {
    /// Fills `buffer` with random bytes.
    ///
    /// There is no way to fail: a source that cannot deliver must stop the process. Falling back to something weaker
    /// makes tokens that can be guessed (CVE-2025-66565).
    func fill(_ buffer: UnsafeMutableRawBufferPointer)
}

/// The operating system's cryptographically secure random source (`getentropy`).
///
/// It stops the process when the system cannot deliver.
public struct SystemSessionRandom: SessionRandom {
    /// Creates the system source.
    public init() {}

    /// Fills `buffer` with bytes from this source.
    public func fill(_ buffer: UnsafeMutableRawBufferPointer) { Platform.fillWithEntropy(buffer) }
}

extension SessionRandom {
    /// The next 64 random bits.
    func next() -> UInt64 {
        var value: UInt64 = 0
        withUnsafeMutableBytes(of: &value) { fill($0) }
        return value
    }
}
