/// What a store keeps of one session: an encoded body that it need not understand, and the idle deadline beside it.
///
/// The body carries the values and everything the manager must know; ``stamp`` stands at a fixed place in it
/// (``stampByteRange``), so that a store can compare it without decoding. The idle deadline stands outside, because it
/// moves without the body being written. ``encoded(for:)`` and ``init(encoded:for:expiresAt:)`` are the way to bytes
/// and back; the format is described in the article "Record format".
public struct SessionRecord: Sendable {
    /// The encoded body. Its checksum bytes are zero until ``encoded(for:)`` fills them in.
    let body: [UInt8]

    /// The idle deadline: from this instant on the session is gone, swept or not.
    public var expiresAt: SessionInstant

    init(body: [UInt8], expiresAt: SessionInstant) {
        self.body = body
        self.expiresAt = expiresAt
    }

    /// What kind of record this is.
    public enum Kind: Hashable, Sendable {
        /// A session. `predecessor` is the id it had before its last renewal.
        case session(predecessor: SessionID?)
        /// What a renewed session left under its old id: the new id, no values. With a nonce, requests with the old
        /// token still reach the session (timed rotation); without one the old token is dead for every use.
        case forwarder(successor: SessionID, nonce: RotationNonce?)
    }

    /// The new mark that each commit gives: what a store compares.
    public var stamp: SessionStamp { SessionStamp(rawValue: load(Offset.stamp)) }

    /// The number of commits so far, for people. It repeats after a failover that lost a write; nothing relies on it.
    public var revision: UInt64 { load(Offset.revision) }

    /// When the session was made.
    public var createdAt: SessionInstant { instant(Offset.createdAt) }

    /// When somebody last signed in to this session, or `nil`.
    public var authenticatedAt: SessionInstant? {
        body[Offset.flags] & Flag.authenticated == 0 ? nil : instant(Offset.authenticatedAt)
    }

    /// When the session got its present token.
    public var renewedAt: SessionInstant { instant(Offset.renewedAt) }

    /// The absolute deadline, which activity never moves.
    public var absoluteDeadline: SessionInstant { instant(Offset.absoluteDeadline) }

    /// How long the session lives without activity.
    public var idleTimeout: Duration { .milliseconds(idleMilliseconds) }

    var idleMilliseconds: Int64 { Int64(bitPattern: load(Offset.idleTimeout)) }

    /// When the session last showed activity: the idle deadline less the idle time. Extending is throttled, so this is
    /// up to a tenth of the idle time early.
    public var lastSeenAt: SessionInstant { max(expiresAt - idleTimeout, createdAt) }

    /// A session or a forwarder.
    public var kind: Kind {
        var cursor = Offset.variablePart
        func next() -> Digest32 {
            defer { cursor += 32 }
            return body.withUnsafeBytes { Digest32(copying: UnsafeRawBufferPointer(rebasing: $0[cursor...])) }
        }
        let flags = body[Offset.flags]
        let link = flags & Flag.link == 0 ? nil : SessionID(digest: next())
        guard flags & Flag.forwarder != 0, let successor = link else { return .session(predecessor: link) }
        return .forwarder(successor: successor, nonce: flags & Flag.nonce == 0 ? nil : RotationNonce(bytes: next()))
    }

    /// Whether this is a forwarder.
    public var isForwarder: Bool { body[Offset.flags] & Flag.forwarder != 0 }

    /// Who the session belongs to, or `nil` for an anonymous one.
    public var subject: String? {
        body[Offset.flags] & Flag.subject == 0 ? nil : text(variablePart.subject)
    }

    /// The id the session had before its last renewal, or `nil`.
    var predecessor: SessionID? {
        guard case .session(let predecessor) = kind else { return nil }
        return predecessor
    }

    /// What a device list shows of the client that started the session.
    public var labels: SessionLabels {
        let part = variablePart
        return SessionLabels(
            cleanedClient: part.client.isEmpty ? nil : text(part.client),
            cleanedAddressClass: part.addressClass.isEmpty ? nil : text(part.addressClass)
        )
    }

    /// The values, as they stand at `now`.
    public func values(at now: SessionInstant) -> SessionValues { values(at: now, limits: .init()) }

    func values(at now: SessionInstant, limits: SessionLimits) -> SessionValues {
        SessionValues(storage: body[valuesOffset...], now: now, limits: limits)
    }

    /// Whether the session lives at `now`: both deadlines are ahead.
    public func isLive(at now: SessionInstant) -> Bool { expiresAt > now && absoluteDeadline > now }
}

// MARK: - The parts of the body

extension SessionRecord {
    /// The version of the format that this library writes.
    public static let formatVersion: UInt8 = 1

    /// Where the stamp stands in the encoded bytes: 8 bytes, little-endian.
    public static let stampByteRange = Offset.stamp..<Offset.stamp + 8

    enum Offset {
        static let magic = 0
        static let version = 3
        static let checksum = 4
        static let stamp = 12
        static let revision = 20
        static let createdAt = 28
        static let authenticatedAt = 36
        static let absoluteDeadline = 44
        static let idleTimeout = 52
        static let renewedAt = 60
        static let flags = 68
        static let clientLength = 69
        static let addressClassLength = 70
        static let reserved = 71
        static let subjectLength = 72
        static let variablePart = 74
    }

    enum Flag {
        static let authenticated: UInt8 = 1
        static let subject: UInt8 = 2
        static let link: UInt8 = 4
        static let forwarder: UInt8 = 8
        static let nonce: UInt8 = 16
        static let all: UInt8 = 31
    }

    private struct VariablePart {
        var subject: Range<Int>
        var client: Range<Int>
        var addressClass: Range<Int>
    }

    private var variablePart: VariablePart {
        let flags = body[Offset.flags]
        var cursor = Offset.variablePart
        if flags & Flag.link != 0 { cursor += 32 }
        if flags & Flag.nonce != 0 { cursor += 32 }
        func next(_ count: Int) -> Range<Int> {
            defer { cursor += count }
            return cursor..<cursor + count
        }
        return VariablePart(
            subject: next(Int(UInt16(truncatingIfNeeded: load16(Offset.subjectLength)))),
            client: next(Int(body[Offset.clientLength])),
            addressClass: next(Int(body[Offset.addressClassLength]))
        )
    }

    /// Where the values begin.
    var valuesOffset: Int { variablePart.addressClass.upperBound }

    private func load(_ offset: Int) -> UInt64 {
        body.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }

    private func load16(_ offset: Int) -> UInt16 {
        body.withUnsafeBytes { UInt16(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt16.self)) }
    }

    private func instant(_ offset: Int) -> SessionInstant {
        SessionInstant(millisecondsSince1970: Int64(bitPattern: load(offset)))
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: body[range], as: UTF8.self) }
}

extension SessionRecord: Equatable {
    /// Whether body and idle deadline are the same.
    public static func == (left: Self, right: Self) -> Bool {
        left.expiresAt == right.expiresAt && left.body == right.body
    }
}

extension SessionRecord: CustomStringConvertible, CustomReflectable {
    /// Kind, revision and size: the values and the subject are nobody's business in a log.
    public var description: String {
        "SessionRecord(\(isForwarder ? "forwarder" : "session"), revision \(revision), \(body.count) bytes)"
    }
    /// Redacted as ``description`` is.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
