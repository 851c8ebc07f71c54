#if Redis
import NIOCore

/// Reads the values that a server sends, from bytes as they come.
///
/// ```swift
/// decoder.append(buffer)
/// while let value = try decoder.next() { … }
/// ```
///
/// A bulk string that came with one read is a slice of it. What one read leaves over is joined with the next, so all
/// that is ever copied is a value that two reads have parts of, and what comes behind it. Time is linear in the number
/// of bytes, however they are cut. Memory is bounded by the bytes that are really there: what a server only claims to
/// send is neither waited for beyond the limits nor given room.
///
/// The decoder is strict, since a connection that is one byte out of step hands out other people's sessions: what the
/// protocol allows and no server sends, such as streamed strings, a `+` before a number or a push within an array, ends
/// the connection as well as plain rubbish does.
struct RESPDecoder: Sendable {
    /// What one reply may cost. All far below 4 GiB, which is what a `ByteBuffer` holds.
    struct Limits: Sendable {
        /// The most bytes of a bulk string.
        var maximumBulkLength = 64 << 20
        /// The most bytes of a line, and of an error in either form.
        var maximumLineLength = 64 << 10
        /// The most elements of all aggregates of one reply together; a map's entry counts as two.
        var maximumElementCount = 1 << 20
        /// The most bytes of one reply, with the attributes before it.
        var maximumReplyLength = 128 << 20
    }

    /// The bytes are no reply. Nothing that comes behind them can be told apart, so the connection has to be closed.
    struct Malformed: Error, Hashable, CustomStringConvertible {
        /// What is wrong, in words of this file; nothing of what was read.
        let reason: String

        init(_ reason: StaticString) {
            self.reason = "\(reason)"
        }

        var description: String { "malformed reply: \(reason)" }
    }

    /// How deep aggregates may be nested. A session store meets three levels, in lists of a Cluster's slots.
    static let maximumDepth = 8

    private let limits: Limits
    /// What was not decoded yet.
    private(set) var buffer = ByteBuffer()
    /// Whether `buffer` was joined here and nothing else refers to its memory, so that it can grow in place.
    private var isOwned = false
    /// How many of the buffer's first bytes are known to hold no end of the line that begins there.
    private var scanned = 0
    /// The string whose header was read and whose bytes are still to come.
    private var body: RESPHeader.Body?
    /// The aggregates that are not complete yet, outermost first.
    private(set) var stack: [RESPAggregate] = []
    private var replyLength = 0
    private var elementCount = 0
    private var failure: Malformed?

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Takes the next bytes of the connection.
    mutating func append(_ bytes: consuming ByteBuffer) {
        guard failure == nil, bytes.readableBytes > 0 else { return }
        if buffer.readableBytes == 0 {
            // A string keeps all of the read that it is a slice of. Where a reply comes in crumbs that would be a
            // multiple of its size.
            let isCrumb = !stack.isEmpty && bytes.readableBytes < bytes.storageCapacity / 4
            buffer = isCrumb ? ByteBuffer(buffer: bytes) : bytes
            isOwned = isCrumb
        } else if isOwned {
            // At most as many bytes are moved as were consumed.
            if buffer.readerIndex > buffer.readableBytes { buffer.discardReadBytes() }
            buffer.writeBuffer(&bytes)
        } else {
            var joined = ByteBuffer()
            joined.reserveCapacity(buffer.readableBytes + bytes.readableBytes)
            joined.writeBuffer(&buffer)
            joined.writeBuffer(&bytes)
            buffer = joined
            isOwned = true
        }
    }

    /// The next complete value, or `nil` if it takes more bytes.
    ///
    /// - Throws: ``Malformed``, and from then on always.
    mutating func next() throws(Malformed) -> RESPValue? {
        if let failure { throw failure }
        do throws(Malformed) {
            return try decode()
        } catch {
            failure = error
            buffer = ByteBuffer()
            stack = []
            throw error
        }
    }

    private mutating func decode() throws(Malformed) -> RESPValue? {
        while let element = try readElement() {
            guard let reply = try place(element) else { continue }
            replyLength = 0
            elementCount = 0
            return reply
        }
        return nil
    }

    /// Puts `element` where it belongs, and returns the reply if that completes it.
    @inline(__always)
    private mutating func place(_ element: RESPValue) throws(Malformed) -> RESPValue? {
        var value = element
        while let top = stack.indices.last {
            stack[top].add(value)
            guard stack[top].missing == 0, let aggregate = try stack.removeLast().value() else { return nil }
            value = aggregate
        }
        return value
    }

    /// The next value that is no aggregate, or an empty one; those with elements are opened on the way.
    @inline(__always)
    private mutating func readElement() throws(Malformed) -> RESPValue? {
        if let body {
            guard let value = try readBody(body) else { return nil }
            self.body = nil
            return value
        }
        while buffer.readableBytes > 0 {
            switch try readHeader() {
            case .incomplete(let scanned):
                self.scanned = scanned
                return nil
            case .value(let value, let length):
                try consume(length, followedBy: 0)
                return value
            case .body(let body, let length):
                try consume(length, followedBy: body.length + 2)
                if let value = try readBody(body) { return value }
                self.body = body
                return nil
            case .aggregate(let kind, let count, let length):
                try consume(length, followedBy: 0)
                if let value = try open(kind, count: count) { return value }
            }
        }
        // So that whoever reads from the socket can use the memory again.
        buffer = ByteBuffer()
        return nil
    }

    @inline(__always)
    private func readHeader() throws(Malformed) -> RESPHeader {
        // The closure cannot throw itself: what it throws would come out as `any Error`.
        try buffer.withUnsafeReadableBytes { bytes in
            Result { () throws(Malformed) in try RESPHeader.read(bytes, scanned: scanned, limits: limits) }
        }.get()
    }

    /// Moves behind a line of `length` bytes, which is followed by a string of `bodyLength` with its end.
    @inline(__always)
    private mutating func consume(_ length: Int, followedBy bodyLength: Int) throws(Malformed) {
        scanned = 0
        buffer.moveReaderIndex(forwardBy: length)
        replyLength += length + bodyLength
        if replyLength > limits.maximumReplyLength { throw Malformed("the reply is too long") }
    }

    /// The string that the buffer begins with, once all of it is there.
    @inline(__always)
    private mutating func readBody(_ body: RESPHeader.Body) throws(Malformed) -> RESPValue? {
        guard buffer.readableBytes >= body.length + 2 else { return nil }
        guard buffer.getInteger(at: buffer.readerIndex + body.length, as: UInt16.self) == 0x0D0A,
            var slice = buffer.readSlice(length: body.length)
        else { throw Malformed("no end of line after a string") }
        buffer.moveReaderIndex(forwardBy: 2)
        switch body.kind {
        case .bulk:
            isOwned = false
            return .bulk(slice)
        case .error:
            return .error(String(buffer: slice))
        case .verbatim:
            // Three letters that say what the text is, and a colon. Text is repaired where it is no UTF-8: a report on
            // a server quotes names of files and clients.
            guard slice.getInteger(at: slice.readerIndex + 3, as: UInt8.self) == UInt8(ascii: ":") else {
                throw Malformed("no format before a verbatim string")
            }
            slice.moveReaderIndex(forwardBy: 4)
            return .simple(String(buffer: slice))
        }
    }

    /// Begins an aggregate, or returns it if it is empty; an attribute is never returned.
    private mutating func open(_ kind: RESPAggregate.Kind, count: Int) throws(Malformed) -> RESPValue? {
        guard stack.count < Self.maximumDepth else { throw Malformed("aggregates are nested too deeply") }
        guard kind != .push || stack.isEmpty else { throw Malformed("a push within a reply") }
        elementCount += count
        guard elementCount <= limits.maximumElementCount else { throw Malformed("the reply has too many elements") }
        var aggregate = RESPAggregate(kind, count: count)
        if count == 0 { return try aggregate.value() }
        aggregate.reserveCapacity(forBytes: buffer.readableBytes)
        stack.append(aggregate)
        return nil
    }
}
#endif
