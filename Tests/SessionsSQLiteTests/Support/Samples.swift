#if SQLite
import Sessions

/// The time as managers take it.
var now: SessionInstant { SystemSessionClock().now }

let text = SessionKey<String>("text")

/// A record that lives for an hour.
func makeRecord(_ value: String = "value") -> SessionRecord {
    let now = now
    var values = SessionValues(now: now)
    values[text] = value
    return SessionRecord(
        stamp: SessionStamp(rawValue: .random(in: 0 ... .max)),
        revision: 1,
        createdAt: now,
        absoluteDeadline: now + .seconds(24 * 3600),
        idleTimeout: .seconds(3600),
        expiresAt: now + .seconds(3600),
        values: values
    )
}

/// An id that nothing is kept under.
func makeID() -> SessionID { makeID((0..<32).map { _ in UInt8.random(in: 0 ... .max) }) }

func makeID(_ bytes: [UInt8]) -> SessionID {
    guard let id = SessionID(bytes: bytes) else { preconditionFailure("an id is 32 bytes") }
    return id
}

/// The error of a store, or `nil` if there is none.
func failure(_ body: () async throws(SessionStoreError) -> some Any) async -> SessionStoreError? {
    do throws(SessionStoreError) {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}
#endif
