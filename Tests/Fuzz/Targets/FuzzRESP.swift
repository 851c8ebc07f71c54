#if Redis
import NIOCore

@testable import SessionsRedis

/// Whatever a server sends, and wherever its bytes are cut: the decoder does not trap, gives the same as in one piece,
/// and holds no more memory than the bytes account for.
///
/// The first byte says how the rest is cut and what the limits are.
@Sendable
func fuzzRESP(_ input: UnsafeRawBufferPointer) {
    guard let first = input.first else { return }
    let bytes = UnsafeRawBufferPointer(rebasing: input.dropFirst())
    let limits =
        first & 0x80 == 0
        ? RESPDecoder.Limits()
        : RESPDecoder.Limits(
            maximumBulkLength: 48,
            maximumLineLength: 32,
            maximumElementCount: 16,
            maximumReplyLength: 128
        )
    let whole = Outcome(bytes, limits: limits) { bytes.count }
    var state = first & 0x7F
    let cut = Outcome(bytes, limits: limits) {
        guard state != 0 else { return 1 }
        // A walk through all numbers of seven bits but 0.
        state = state >> 1 ^ (state & 1 == 0 ? 0 : 0x60)
        return 1 + Int(state & 0x1F)
    }
    precondition(whole.failure == cut.failure, "a fault that depends on where the bytes are cut")
    precondition(
        whole.replies.elementsEqual(cut.replies, by: isSame),
        "a reply that depends on where the bytes are cut"
    )
}

/// What came of some bytes.
private struct Outcome {
    var replies: [RESPValue] = []
    var failure: RESPDecoder.Malformed?

    init(_ bytes: UnsafeRawBufferPointer, limits: RESPDecoder.Limits, nextLength: () -> Int) {
        var decoder = RESPDecoder(limits: limits)
        var position = 0
        do {
            while position < bytes.count {
                let end = min(bytes.count, position + max(nextLength(), 1))
                decoder.append(ByteBuffer(bytes: bytes[position..<end]))
                position = end
                while let reply = try decoder.next() { replies.append(reply) }
            }
        } catch {
            failure = error
            guard (try? decoder.next()) == nil else { preconditionFailure("a reply after a fault") }
        }
        // 64 for what an element of an array takes, of which each has three bytes at the least.
        precondition(decoder.heldByteCount <= 64 * (bytes.count + 64), "memory for what was only claimed")
    }
}

extension RESPDecoder {
    /// The memory that its parts hold, apart from what bulk strings of incomplete arrays are slices of.
    fileprivate var heldByteCount: Int {
        let elements = stack.reduce(0) { $0 + $1.elements.capacity }
        return buffer.storageCapacity + elements * MemoryLayout<RESPValue>.stride
    }
}

/// Equality under which NaN equals itself.
private func isSame(_ left: RESPValue, _ right: RESPValue) -> Bool {
    switch (left, right) {
    case (.double(let left), .double(let right)): left == right || (left.isNaN && right.isNaN)
    case (.array(let left), .array(let right)), (.push(let left), .push(let right)):
        left.elementsEqual(right, by: isSame)
    case (.map(let left), .map(let right)):
        left.count == right.count && left.allSatisfy { key, value in right[key].map { isSame(value, $0) } ?? false }
    default: left == right
    }
}
#endif
