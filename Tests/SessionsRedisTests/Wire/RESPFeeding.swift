#if Redis
import NIOCore
@testable import SessionsRedis

/// What came of some bytes: the replies, and the fault that ended them, if any did.
struct RESPOutcome: Equatable, CustomStringConvertible {
    var replies: [RESPValue] = []
    var failure: RESPDecoder.Malformed?

    /// Feeds the pieces one after the other, and takes all replies that there are after each.
    init(_ pieces: some Sequence<ArraySlice<UInt8>>, limits: RESPDecoder.Limits = .init()) {
        var decoder = RESPDecoder(limits: limits)
        do {
            for piece in pieces {
                decoder.append(ByteBuffer(bytes: piece))
                while let reply = try decoder.next() { replies.append(reply) }
            }
        } catch {
            failure = error
        }
    }

    static func == (left: Self, right: Self) -> Bool {
        left.failure == right.failure && left.replies.elementsEqual(right.replies) { $0.isSame(as: $1) }
    }

    var description: String { "\(replies) \(failure?.description ?? "")" }
}

extension RESPOutcome {
    static func whole(_ bytes: [UInt8], limits: RESPDecoder.Limits = .init()) -> Self {
        Self(CollectionOfOne(bytes[...]), limits: limits)
    }

    static func byteByByte(_ bytes: [UInt8], limits: RESPDecoder.Limits = .init()) -> Self {
        Self(bytes.indices.lazy.map { bytes[$0...$0] }, limits: limits)
    }

    /// Cuts the bytes into pieces of 1 to `longest` bytes.
    static func cut(
        _ bytes: [UInt8],
        longest: Int = 7,
        limits: RESPDecoder.Limits = .init(),
        using random: inout SplitMix
    ) -> Self {
        var pieces: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(.random(in: 1...longest, using: &random))
            pieces.append(piece)
            rest = rest.dropFirst(piece.count)
        }
        return Self(pieces, limits: limits)
    }
}

extension RESPValue {
    /// Equality under which NaN equals itself.
    func isSame(as other: Self) -> Bool {
        switch (self, other) {
        case (.double(let left), .double(let right)): left == right || (left.isNaN && right.isNaN)
        case (.array(let left), .array(let right)), (.push(let left), .push(let right)):
            left.elementsEqual(right) { $0.isSame(as: $1) }
        case (.map(let left), .map(let right)):
            left.count == right.count && left.allSatisfy { right[$0]?.isSame(as: $1) ?? false }
        default: self == other
        }
    }

    /// The bytes that a server sends for this.
    var wire: [UInt8] {
        func line(_ text: String) -> [UInt8] { Array("\(text)\r\n".utf8) }
        return switch self {
        case .simple(let text): line("+\(text)")
        case .error(let text): line("-\(text)")
        case .integer(let number): line(":\(number)")
        case .double(let number): line(",\(number)")
        case .boolean(let isTrue): line(isTrue ? "#t" : "#f")
        case .bulk(let bytes): line("$\(bytes.readableBytes)") + Array(buffer: bytes) + line("")
        case .array(let elements): line("*\(elements.count)") + elements.flatMap(\.wire)
        case .push(let elements): line(">\(elements.count)") + elements.flatMap(\.wire)
        case .map(let entries): line("%\(entries.count)") + entries.flatMap { $0.wire + $1.wire }
        case .null: line("_")
        }
    }

    /// A reply as it may come, or an element of one in the depth `depth`.
    static func random(depth: Int = 0, using random: inout SplitMix) -> Self {
        switch Int.random(in: depth < 4 ? 0...10 : 0...6, using: &random) {
        case 0:
            .simple(
                ["", "OK", "QUEUED", "éä", "a status of more than fifteen bytes"].randomElement(using: &random) ?? ""
            )
        case 1: .error("ERR \(UInt8.random(in: 0...255, using: &random))")
        case 2: .integer(.random(in: .min ... .max, using: &random) >> Int64.random(in: 0...63, using: &random))
        case 3: .double(.random(in: -1e9...1e9, using: &random))
        case 4: .boolean(.random(using: &random))
        case 5: .null
        case 6, 7: .bulk(randomBytes(using: &random))
        case 8: .map(randomEntries(depth: depth, using: &random))
        case 9 where depth == 0: .push(randomElements(depth: depth, using: &random))
        default: .array(randomElements(depth: depth, using: &random))
        }
    }

    private static func randomBytes(using random: inout SplitMix) -> ByteBuffer {
        let count = Int.random(in: 0...24, using: &random)
        // Many of the bytes that mean something outside of a string.
        let special = Array("\r\n$*:+-_%~>|0123456789".utf8)
        return ByteBuffer(
            bytes: (0..<count).map { _ in
                special.randomElement(using: &random) ?? 0
            } + (0..<count / 4).map { _ in UInt8.random(in: 0...255, using: &random) }
        )
    }

    private static func randomElements(depth: Int, using random: inout SplitMix) -> [RESPValue] {
        (0..<Int.random(in: 0...4, using: &random)).map { _ in RESPValue.random(depth: depth + 1, using: &random) }
    }

    private static func randomEntries(depth: Int, using random: inout SplitMix) -> [RESPValue: RESPValue] {
        var entries: [RESPValue: RESPValue] = [:]
        for number in 0..<Int64.random(in: 0...3, using: &random) {
            let key: RESPValue = .random(using: &random) ? .bulk(randomBytes(using: &random)) : .integer(number)
            entries[key] = RESPValue.random(depth: depth + 1, using: &random)
        }
        return entries
    }
}
#endif
