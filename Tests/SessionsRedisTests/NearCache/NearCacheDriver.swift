#if Redis
import NIOCore
import Sessions

@testable import SessionsRedis

/// One session and a part of the near cache, with a test in the place of the connection.
struct NearCacheDriver {
    /// A command on its way.
    struct Sent {
        let effect: NearCacheEffect
        let ticket: UInt64
        let sentAt: NIODeadline
    }

    let user = TestUser("ada")
    let keys = RedisKeys(prefix: "sessions")
    let part: NearCachePart

    init(maximumCount: Int = 100, counters: NearCacheCounters = NearCacheCounters()) {
        part = NearCachePart(maximumCount: maximumCount, keys: keys, counters: counters)
    }

    /// What is served by a server that has just answered something else.
    var cached: SessionRecord? {
        // Or else a test on a busy machine could take longer than records stay fresh.
        reply(.simple("PONG"), to: send(.none))
        return served
    }

    /// What is served.
    var served: SessionRecord? { part.record(user.id, now: TestUser.now) }

    func send(_ effect: NearCacheEffect, at moment: NIODeadline = .now()) -> Sent {
        Sent(effect: effect, ticket: part.willSend(effect), sentAt: moment)
    }

    func load() -> Sent { send(.load(user.id)) }

    func touch() -> Sent { send(.forget(user.id)) }

    /// A commit and, behind it, the question whether its record is there.
    func commit(_ record: SessionRecord) -> (commit: Sent, confirmation: Sent) {
        (send(.commit(user.id, record)), send(.confirm(user.id, record)))
    }

    func reply(_ value: RESPValue, to sent: Sent) {
        part.received(value, sent.effect, ticket: sent.ticket, sentAt: sent.sentAt)
    }

    func reply(_ record: SessionRecord, to sent: Sent) { reply(value(record), to: sent) }

    /// The server says that the session was changed.
    func push() { part.receive([.word("invalidate"), .array([key])]) }

    /// Loads a record, and sees it served.
    func keep(_ record: SessionRecord) { reply(record, to: load()) }

    /// The name of the session's key.
    var key: RESPValue { .word("sessions:{\(user.id)}") }

    /// What `GET` gives.
    func value(_ record: SessionRecord) -> RESPValue { .bulk(record.stored(under: user.id)) }

    /// What `GETRANGE` gives of the head.
    func head(_ record: SessionRecord) -> RESPValue {
        .bulk(record.stored(under: user.id).getSlice(at: 0, length: RedisStoredRecord.headLength) ?? ByteBuffer())
    }
}

extension RESPValue {
    static func word(_ text: String) -> Self { .bulk(ByteBuffer(string: text)) }
}

extension SessionRecord {
    /// As a server has it.
    func stored(under id: SessionID) -> ByteBuffer {
        let digits = String(expiresAt.millisecondsSince1970)
        var buffer = ByteBuffer(string: String(repeating: "0", count: RESPCommand.instantLength - digits.count))
        buffer.writeString(digits)
        buffer.writeBytes(encoded(for: id))
        return buffer
    }

    /// The same with a later deadline: what a touch leaves.
    func touched(by time: Duration = .seconds(60)) -> SessionRecord {
        var record = self
        record.expiresAt = expiresAt + time
        return record
    }
}
#endif
