#if Redis
import NIOCore
import Sessions

/// A command in the form in which it is sent: an array of bulk strings.
///
/// ```swift
/// var command = RESPCommand("GET")
/// command.append(prefix: "sessions:record:", id)
/// channel.write(command.encoded)
/// ```
///
/// The arguments and their lengths are counted here and never stated by the caller. So no argument can end early or run
/// into the next one, whatever bytes it has (no CR LF smuggles a command in), and no command is sent of which the
/// server awaits more.
struct RESPCommand: Sendable, CustomStringConvertible, CustomReflectable {
    /// What the command is called, for messages. Nothing else of it belongs there.
    let name: StaticString
    /// The number of arguments, the name among them.
    private(set) var argumentCount = 0
    /// The kinds of replies that the command has, besides errors. A reply of another kind is one to another command.
    var expected: RESPValue.Kinds = .any
    /// The command as far as it is written, complete at any time.
    private(set) var encoded = ByteBuffer()

    /// Creates a command without further arguments. `capacity` is how many bytes it will take; more can be written.
    init(_ name: StaticString, capacity: Int = 248) {
        self.name = name
        encoded.reserveCapacity(capacity + Header.room)
        encoded.writeRepeatingByte(0, count: Header.room)
        append(name)
    }

    /// The name and how many arguments there are; those may be passwords and sessions.
    var description: String { "\(name) with \(argumentCount - 1) arguments" }

    var customMirror: Mirror { Mirror(self, children: [:]) }
}

// MARK: - Arguments

extension RESPCommand {
    /// Adds text that is part of the program.
    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { append(UnsafeRawBufferPointer($0)) }
    }

    /// Adds text as UTF-8.
    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    mutating func append(_ bytes: ArraySlice<UInt8>) { bytes.withUnsafeBytes { append($0) } }

    mutating func append(_ bytes: ByteBuffer) { bytes.withUnsafeReadableBytes { append($0) } }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        appendArgument(length: bytes.count) { $0.copyMemory(from: bytes) }
    }

    /// Adds a number in decimal digits.
    mutating func append(_ number: Int64) {
        let length = Decimal.length(of: number.magnitude) + (number < 0 ? 1 : 0)
        appendArgument(length: length) { room in
            Decimal.write(number.magnitude, at: room)
            if number < 0 { room[0] = UInt8(ascii: "-") }
        }
    }

    /// Adds a number in decimal digits.
    mutating func append(_ number: Int) { append(Int64(number)) }

    /// Adds a moment in milliseconds, written with ``instantLength`` digits; see ``write(_:at:)``.
    mutating func append(_ instant: SessionInstant) {
        appendArgument(length: Self.instantLength) { Self.write(instant, at: $0) }
    }

    /// Adds one argument: a moment as above, and `bytes` right behind it.
    mutating func append(_ instant: SessionInstant, before bytes: [UInt8]) {
        appendArgument(length: Self.instantLength + bytes.count) { room in
            Self.write(instant, at: UnsafeMutableRawBufferPointer(rebasing: room[..<Self.instantLength]))
            UnsafeMutableRawBufferPointer(rebasing: room[Self.instantLength...]).copyBytes(from: bytes)
        }
    }

    /// Adds a stamp: the 8 bytes that a record has at ``SessionRecord/stampByteRange``.
    mutating func append(_ stamp: SessionStamp) {
        withUnsafeBytes(of: stamp.rawValue.littleEndian) { append($0) }
    }

    /// Adds the 64 digits of an id.
    mutating func append(_ id: SessionID) { append(prefix: "", id) }

    /// Adds a key: `prefix`, right behind it the 64 digits of `id`, and then `suffix`.
    mutating func append(prefix: String, _ id: SessionID, suffix: StaticString = "") {
        var prefix = prefix
        prefix.withUTF8 { prefix in
            id.withUnsafeBytes { id in
                let end = prefix.count + 2 * id.count
                appendArgument(length: end + suffix.utf8CodeUnitCount) { room in
                    room.copyBytes(from: prefix)
                    Hexadecimal.write(id, at: UnsafeMutableRawBufferPointer(rebasing: room[prefix.count..<end]))
                    suffix.withUTF8Buffer {
                        UnsafeMutableRawBufferPointer(rebasing: room[end...]).copyBytes(from: $0)
                    }
                }
            }
        }
    }

    /// How many digits a moment has, so that moments compare as text does: enough for the year 318857.
    static let instantLength = 16

    /// Writes `instant` with zeros before it. Whatever is before 1970 counts as 1970, and the other way round what is
    /// beyond the digits as the last moment that they can express; there is nothing that such a deadline is nearer to.
    private static func write(_ instant: SessionInstant, at room: UnsafeMutableRawBufferPointer) {
        Decimal.write(UInt64(min(max(instant.millisecondsSince1970, 0), 9_999_999_999_999_999)), at: room)
    }
}

// MARK: - The frame around them

extension RESPCommand {
    /// Writes an argument of `length` bytes, all of which `write` has to fill.
    @inline(__always)
    private mutating func appendArgument(length: Int, _ write: (UnsafeMutableRawBufferPointer) -> Void) {
        let digits = Decimal.length(of: UInt64(length))
        let start = 1 + digits + 2
        let end = start + length
        encoded.writeWithUnsafeMutableBytes(minimumWritableBytes: end + 2) { room in
            room[0] = UInt8(ascii: "$")
            Decimal.write(UInt64(length), at: UnsafeMutableRawBufferPointer(rebasing: room[1..<1 + digits]))
            room[start - 2] = UInt8(ascii: "\r")
            room[start - 1] = UInt8(ascii: "\n")
            write(UnsafeMutableRawBufferPointer(rebasing: room[start..<end]))
            room[end] = UInt8(ascii: "\r")
            room[end + 1] = UInt8(ascii: "\n")
            return end + 2
        }
        argumentCount += 1
        writeHeader()
    }

    /// Writes how many arguments there are into the room that was left in front of them.
    private mutating func writeHeader() {
        let digits = Decimal.length(of: UInt64(argumentCount))
        let start = Header.room - 1 - digits - 2
        // A command with so many arguments is a mistake of the program: no list that goes into one comes from outside.
        precondition(start >= 0, "a command with more arguments than there is room to count")
        encoded.moveReaderIndex(to: 0)
        encoded.withUnsafeMutableReadableBytes { bytes in
            bytes[start] = UInt8(ascii: "*")
            Decimal.write(
                UInt64(argumentCount),
                at: UnsafeMutableRawBufferPointer(rebasing: bytes[start + 1..<Header.room - 2])
            )
            bytes[Header.room - 2] = UInt8(ascii: "\r")
            bytes[Header.room - 1] = UInt8(ascii: "\n")
        }
        encoded.moveReaderIndex(to: start)
    }

    private enum Header {
        /// `*`, up to five digits, and the end of the line.
        static let room = 8
    }
}

/// Decimal digits.
private enum Decimal {
    static func length(of number: UInt64) -> Int {
        var length = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            length += 1
        }
        return length
    }

    /// Fills `room` with the last digits of `number`, zeros in front.
    static func write(_ number: UInt64, at room: UnsafeMutableRawBufferPointer) {
        var rest = number
        for position in room.indices.reversed() {
            room[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }
}

/// Hexadecimal digits, lower-case as those of ``SessionID``'s text.
private enum Hexadecimal {
    /// Fills `room` with two digits for each byte.
    static func write(_ bytes: UnsafeRawBufferPointer, at room: UnsafeMutableRawBufferPointer) {
        for (index, byte) in bytes.enumerated() {
            room[2 * index] = digit(byte >> 4)
            room[2 * index + 1] = digit(byte & 15)
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
#endif
