@testable import Sessions

/// Whatever bytes a store holds: they are refused, or a record that can be used and that has exactly these bytes.
///
/// The first byte says what the others are: what a store gives, a body that lacks its checksum, since libFuzzer would never
/// find that, or a file of the file store.
@Sendable
func fuzzRecord(_ input: UnsafeRawBufferPointer) {
    guard let first = input.first else { return }
    let bytes = Array(input.dropFirst())
    switch first % 3 {
    case 0: use(bytes)
    case 1: use(sealed(bytes))
    default: useFile(bytes)
    }
}

private let id = SessionID(digest: Digest32(bytes: 7))
private let time = SessionInstant(millisecondsSince1970: 1_700_000_000_000)

/// The bytes as if a store had written them: with the format's mark and version, and the right checksum.
private func sealed(_ body: [UInt8]) -> [UInt8] {
    guard body.count >= SessionRecord.Offset.variablePart else { return body }
    var body = body
    body.replaceSubrange(0..<3, with: SessionRecord.magic)
    body[SessionRecord.Offset.version] = SessionRecord.formatVersion
    body.replaceSubrange(SessionRecord.Offset.checksum..<SessionRecord.Offset.stamp, with: repeatElement(0, count: 8))
    return SessionRecord(body: body, expiresAt: time).encoded(for: id)
}

private func use(_ bytes: [UInt8]) {
    guard let record = decoded(bytes, for: id) else { return }
    precondition(record.encoded(for: id) == bytes, "a record that is not encoded as it was found")
    precondition(decoded(bytes, for: SessionID(digest: Digest32(bytes: 8))) == nil, "a record under a wrong id")
    use(record)
    // A commit and a renewal build on it.
    let committed = record.replacing(
        record.values(at: time),
        stamp: SessionStamp(rawValue: record.stamp.rawValue &+ 1),
        now: time
    )
    precondition(committed.expiresAt <= committed.absoluteDeadline, "a commit that moves the end")
    precondition(committed.subject == record.subject && committed.kind == record.kind, "a commit that changes its kind")
    guard let again = decoded(committed.encoded(for: id), for: id) else {
        preconditionFailure("a commit that cannot be read")
    }
    use(again)
}

private func decoded(_ bytes: [UInt8], for id: SessionID) -> SessionRecord? {
    do throws(SessionStoreError) {
        return try SessionRecord(encoded: bytes, for: id, expiresAt: .distantFuture)
    } catch {
        precondition(error.code == .corruptRecord || error.code == .newerFormat, "another error than that of bad bytes")
        return nil
    }
}

/// Asks for everything that a record tells; none of it may trap.
private func use(_ record: SessionRecord) {
    _ = (record.stamp, record.revision, record.createdAt, record.authenticatedAt, record.renewedAt, record.idleTimeout)
    _ = (record.kind, record.subject, record.labels, record.lastSeenAt, record.predecessor, "\(record)")
    _ = (record.isLive(at: time), record.isPlausible(at: time), record.isExtensionDue(at: time))
    _ = record.isRotationDue(SessionManager.Rotation(interval: .seconds(60), grace: .seconds(5)), at: time)
    var values = record.values(at: time, limits: SessionLimits())
    precondition(
        values.count == values.keys.count && values.isEmpty == values.keys.isEmpty,
        "values that do not add up"
    )
    let keys = values.keys
    for key in keys where Set(keys).count == keys.count {
        guard let json = values.json(for: key) else {
            // A name that is no UTF-8 is shown otherwise than it is stored.
            precondition(key.utf8.contains(0xEF), "a name without a value")
            continue
        }
        _ = try? values.value(for: SessionKey<[String: String]>(key))
        _ = try? values.increment(SessionKey<Int>(key))
        // Limits may refuse it; it must not trap, nor change anything then.
        let before = values
        if (try? values.setJSON(json + [0x20], for: key)) == nil { precondition(values == before) }
    }
    values.removeExpired()
    for key in keys { values.remove(key) }
}

private func useFile(_ bytes: [UInt8]) {
    let slots = FileSlots(bytes)
    for onlyNewest in [true, false] {
        do throws(SessionStoreError) {
            let current = try slots.current(for: id, onlyNewest: onlyNewest)
            precondition(Array(bytes[current.range]) == current.record.encoded(for: id), "another record than is there")
            use(current.record)
        } catch {
            precondition(
                error.code == .corruptRecord || error.code == .newerFormat,
                "another error than that of a bad file"
            )
        }
    }
}

extension Digest32 {
    fileprivate init(bytes byte: UInt8) {
        self = Array(repeating: byte, count: 32).withUnsafeBytes { Digest32(copying: $0) }
    }
}
