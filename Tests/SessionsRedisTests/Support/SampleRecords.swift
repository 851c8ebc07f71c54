#if Redis
import Sessions

/// An id that nothing is kept under.
func randomID() -> SessionID {
    let digits = (0..<4).map { _ in
        let text = String(UInt64.random(in: 0 ... .max), radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
    guard let id = SessionID(digits.joined()) else { preconditionFailure("64 hexadecimal digits are an id") }
    return id
}

/// A new session's record.
func sampleRecord(text: String = "value") -> SessionRecord {
    let now = SystemSessionClock().now
    var values = SessionValues(now: now)
    values[SessionKey<String>("text")] = text
    return SessionRecord(
        stamp: SessionStamp(rawValue: .random(in: 0 ... .max)),
        revision: 1,
        createdAt: now,
        absoluteDeadline: now + .seconds(24 * 3600),
        idleTimeout: .seconds(3600),
        expiresAt: now + .seconds(3600),
        kind: .session(predecessor: nil),
        subject: nil,
        labels: .init(),
        values: values
    )
}
#endif
