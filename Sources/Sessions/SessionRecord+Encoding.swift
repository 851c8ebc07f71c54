import Crypto

extension SessionRecord {
    /// Creates a record from its parts.
    ///
    /// The manager does this at every commit; a store's own tests may want to as well.
    /// - Parameters:
    ///   - stamp: New random bits.
    ///   - revision: One more than before.
    ///   - createdAt: When the session was made.
    ///   - authenticatedAt: When somebody last signed in, or `nil`.
    ///   - renewedAt: When the session got its present token; `nil` for when it was made.
    ///   - absoluteDeadline: The end that activity never moves.
    ///   - idleTimeout: How long the session lives without activity.
    ///   - expiresAt: The idle deadline.
    ///   - kind: A session or a forwarder.
    ///   - subject: Who the session belongs to, at most 1024 bytes of UTF-8.
    ///   - labels: For device lists.
    ///   - values: The values; those past their lifetime are left out.
    public init(
        stamp: SessionStamp,
        revision: UInt64,
        createdAt: SessionInstant,
        authenticatedAt: SessionInstant? = nil,
        renewedAt: SessionInstant? = nil,
        absoluteDeadline: SessionInstant,
        idleTimeout: Duration,
        expiresAt: SessionInstant,
        kind: Kind = .session(predecessor: nil),
        subject: String? = nil,
        labels: SessionLabels = .init(),
        values: SessionValues
    ) {
        var values = values
        values.removeExpired()
        var flags: UInt8 = 0
        if authenticatedAt != nil { flags |= Flag.authenticated }
        if subject != nil { flags |= Flag.subject }
        let link: SessionID?
        var nonce: RotationNonce?
        switch kind {
        case .session(let predecessor):
            link = predecessor
        case .forwarder(let successor, let rotation):
            link = successor
            nonce = rotation
            flags |= Flag.forwarder
        }
        if link != nil { flags |= Flag.link }
        if nonce != nil { flags |= Flag.nonce }
        let subjectBytes = (subject ?? "").utf8.prefix(Self.maximumSubjectByteCount)
        let client = labels.client ?? ""
        let addressClass = labels.addressClass ?? ""

        let count =
            Offset.variablePart + (link == nil ? 0 : 32) + (nonce == nil ? 0 : 32) + subjectBytes.count
            + client.utf8.count + addressClass.utf8.count + values.storage.count
        // One allocation of the exact size, and no closure that captures what it writes to: this runs for every session.
        var body = [UInt8](repeating: 0, count: count)
        body.withUnsafeMutableBytes { bytes in
            bytes.copyBytes(from: Self.magic)
            bytes[Offset.version] = Self.formatVersion
            Self.store(stamp.rawValue, in: bytes, at: Offset.stamp)
            Self.store(revision, in: bytes, at: Offset.revision)
            Self.store(createdAt.millisecondsSince1970, in: bytes, at: Offset.createdAt)
            Self.store(authenticatedAt?.millisecondsSince1970 ?? 0, in: bytes, at: Offset.authenticatedAt)
            Self.store(absoluteDeadline.millisecondsSince1970, in: bytes, at: Offset.absoluteDeadline)
            Self.store(idleTimeout.milliseconds, in: bytes, at: Offset.idleTimeout)
            Self.store((renewedAt ?? createdAt).millisecondsSince1970, in: bytes, at: Offset.renewedAt)
            bytes[Offset.flags] = flags
            bytes[Offset.clientLength] = UInt8(client.utf8.count)
            bytes[Offset.addressClassLength] = UInt8(addressClass.utf8.count)
            Self.store(UInt16(subjectBytes.count), in: bytes, at: Offset.subjectLength)

            var cursor = Offset.variablePart
            if let link { link.withUnsafeBytes { Self.copy($0, to: bytes, at: &cursor) } }
            if let nonce { nonce.bytes.withUnsafeBytes { Self.copy($0, to: bytes, at: &cursor) } }
            Self.copy(subjectBytes, to: bytes, at: &cursor)
            Self.copy(client.utf8, to: bytes, at: &cursor)
            Self.copy(addressClass.utf8, to: bytes, at: &cursor)
            Self.copy(values.storage, to: bytes, at: &cursor)
        }
        self.init(body: body, expiresAt: min(expiresAt, absoluteDeadline))
    }

    @inline(__always)
    private static func store<Value: FixedWidthInteger>(
        _ value: Value,
        in bytes: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) {
        bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }

    @inline(__always)
    private static func copy(
        _ part: some Collection<UInt8>,
        to bytes: UnsafeMutableRawBufferPointer,
        at cursor: inout Int
    ) {
        let end = cursor + part.count
        UnsafeMutableRawBufferPointer(rebasing: bytes[cursor..<end]).copyBytes(from: part)
        cursor = end
    }

    /// This record after a commit that changes values only: a new stamp, the next revision, extended life.
    func replacing(_ newValues: SessionValues, stamp: SessionStamp, now: SessionInstant) -> SessionRecord {
        var values = newValues
        values.removeExpired()
        let header = valuesOffset
        let storage = values.storage
        // Copied, not built anew: all of the header but stamp and revision stays as it is.
        let body = [UInt8](unsafeUninitializedCapacity: header + storage.count) { buffer, count in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            self.body.withUnsafeBytes { bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<header])) }
            storage.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: bytes[header...]).copyMemory(from: $0)
            }
            bytes.storeBytes(of: stamp.rawValue.littleEndian, toByteOffset: Offset.stamp, as: UInt64.self)
            bytes.storeBytes(of: (revision &+ 1).littleEndian, toByteOffset: Offset.revision, as: UInt64.self)
            count = header + storage.count
        }
        let (idleDeadline, overflow) = now.millisecondsSince1970.addingReportingOverflow(idleMilliseconds)
        let expiresAt = SessionInstant(millisecondsSince1970: overflow ? .max : idleDeadline)
        return SessionRecord(body: body, expiresAt: min(expiresAt, absoluteDeadline))
    }

    /// The longest subject: 1024 bytes of UTF-8.
    public static let maximumSubjectByteCount = 1024

    /// The body as a store keeps it: with a checksum that covers the id too, so that bytes under a wrong key, torn
    /// or damaged ones are told from a record.
    public func encoded(for id: SessionID) -> [UInt8] {
        var bytes = body
        let checksum = Self.checksum(of: bytes, id: id)
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: checksum, toByteOffset: Offset.checksum, as: UInt64.self) }
        return bytes
    }

    /// Reads what ``encoded(for:)`` gave.
    /// - Parameters:
    ///   - bytes: The bytes as they were stored.
    ///   - id: The id under which they were found.
    ///   - expiresAt: The idle deadline that was stored beside them.
    /// - Throws: ``SessionStoreError`` with the code `.corruptRecord` for bytes that are no record of this id, and
    ///   `.newerFormat` for a record that a later version of this library wrote, which is an outage during a rolling
    ///   deployment and no reason to forget the session.
    public init(
        encoded bytes: [UInt8],
        for id: SessionID,
        expiresAt: SessionInstant
    ) throws(SessionStoreError) {
        func corrupt(_ what: String) -> SessionStoreError {
            SessionStoreError(.corruptRecord, "the record of session \(id) is damaged: \(what)")
        }
        guard bytes.count > Offset.version, bytes.starts(with: Self.magic) else { throw corrupt("no header") }
        let version = bytes[Offset.version]
        guard version <= Self.formatVersion else {
            throw SessionStoreError(
                .newerFormat,
                "the record of session \(id) has format \(version); this version reads up to \(Self.formatVersion)"
            )
        }
        guard version == Self.formatVersion, bytes.count >= Offset.variablePart else { throw corrupt("header") }
        let stored = bytes.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: Offset.checksum, as: UInt64.self)
        }
        var body = bytes
        body.withUnsafeMutableBytes { $0.storeBytes(of: 0, toByteOffset: Offset.checksum, as: UInt64.self) }
        guard stored == Self.checksum(of: body, id: id) else { throw corrupt("checksum") }
        guard Self.isWellFormed(body) else { throw corrupt("structure") }
        let absoluteDeadline = body.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: Offset.absoluteDeadline, as: Int64.self)
        }
        // The earlier deadline wins where store and record disagree.
        self.init(
            body: body,
            expiresAt: min(expiresAt, SessionInstant(millisecondsSince1970: Int64(littleEndian: absoluteDeadline)))
        )
    }

    static let magic: [UInt8] = Array("SWS".utf8)

    /// The first 8 bytes of SHA-256 over the id and the body with its checksum bytes zero.
    private static func checksum(of body: [UInt8], id: SessionID) -> UInt64 {
        var hash = SHA256()
        id.withUnsafeBytes { hash.update(bufferPointer: $0) }
        body.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return hash.finalize().withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    }

    /// Whether lengths and flags of a body whose checksum is right make sense, so that reading it cannot trap.
    private static func isWellFormed(_ body: [UInt8]) -> Bool {
        let flags = body[Offset.flags]
        guard flags & ~Flag.all == 0, body[Offset.reserved] == 0 else { return false }
        if flags & Flag.nonce != 0, flags & Flag.forwarder == 0 { return false }
        if flags & Flag.forwarder != 0, flags & Flag.link == 0 { return false }
        let subject = Int(body[Offset.subjectLength]) | Int(body[Offset.subjectLength + 1]) << 8
        let values =
            Offset.variablePart + (flags & Flag.link == 0 ? 0 : 32) + (flags & Flag.nonce == 0 ? 0 : 32)
            + subject + Int(body[Offset.clientLength]) + Int(body[Offset.addressClassLength])
        guard values <= body.count else { return false }
        return body[values...].withUnsafeBytes { SessionValues.isWellFormed($0) }
    }
}
