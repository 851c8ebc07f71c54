public import Sessions
import Synchronization

/// A random source that gives the same bytes in every run with the same seed.
///
/// - Warning: For tests only: its tokens can be computed by anybody.
public final class SeededSessionRandom: SessionRandom {
    private let state: Mutex<UInt64>

    /// Creates a source.
    public init(seed: UInt64) {
        state = Mutex(seed)
    }

    /// Fills `buffer` with bytes from this source.
    public func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        state.withLock { state in
            var word: UInt64 = 0
            for index in buffer.indices {
                if index.isMultiple(of: 8) {
                    // SplitMix64.
                    state &+= 0x9E37_79B9_7F4A_7C15
                    word = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
                    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
                    word ^= word >> 31
                }
                buffer[index] = UInt8(truncatingIfNeeded: word)
                word >>= 8
            }
        }
    }
}

/// A random source that fills every buffer with the next of a few given bytes: what a broken system source might do.
///
/// With one byte, all tokens are the same; a manager must notice and never join two sessions.
public final class RepeatingSessionRandom: SessionRandom {
    private let bytes: [UInt8]
    private let position = Mutex(0)

    /// Creates a source.
    /// - Parameter bytes: Each buffer is filled with the next of these, over and over. Default: zero.
    public init(_ bytes: [UInt8] = [0]) {
        self.bytes = bytes.isEmpty ? [0] : bytes
    }

    /// Fills `buffer` with bytes from this source.
    public func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        let index = position.withLock { position in
            defer { position = (position + 1) % bytes.count }
            return position
        }
        for offset in buffer.indices { buffer[offset] = bytes[index] }
    }
}
