#if Redis
import Logging
import NIOCore
public import Sessions

/// Keeps sessions in Redis or Valkey: one server, a primary under sentinels, or a Cluster.
///
/// Reading a session is one round trip, committing another: a script that compares and sets. All requests share a few
/// connections, on which their commands travel together. What the server holds are digests and records; no token is in it.
///
/// ```swift
/// let store = try await RedisSessionStore.open(.init(.single(.host("127.0.0.1"))))
/// let sessions = try SessionManager(store: store)
/// ```
/// Redis 6.2 or later, or Valkey. The user must be allowed `+@connection +@read +@write +@scripting +wait +info +role` on
/// the keys that begin with the prefix; in a Cluster `+cluster|slots` and `+cluster|info` as well.
public final class RedisSessionStore: Sendable {
    let configuration: Configuration
    let client: any RedisClient
    let keys: RedisKeys
    let logger: Logger

    init(configuration: Configuration, client: any RedisClient, logger: Logger) {
        self.configuration = configuration
        self.client = client
        self.logger = logger
        keys = RedisKeys(prefix: configuration.keyPrefix)
    }

    /// When the server itself may drop what expires at `deadline`, in milliseconds since 1970: a minute later, since its
    /// clock is another than that of whoever reads the record.
    static func nativeDeadline(_ deadline: SessionInstant) -> Int64 {
        min(max((deadline + .seconds(60)).millisecondsSince1970, 1), 9_000_000_000_000_000)
    }

    var deadline: NIODeadline { .now() + TimeAmount(configuration.operationTimeout) }
}

// MARK: - SessionStore

extension RedisSessionStore: SessionStore {
    /// The record of a session, or `nil` if there is none or it has expired. One round trip.
    public func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        var command = RESPCommand("GET", capacity: 128)
        command.expected = [.bulk, .null]
        keys.appendRecord(id, to: &command)
        let reply: RESPValue
        do throws(RedisFailure) {
            reply = try await client.send(
                command,
                to: RedisKeys.slot(of: id),
                by: deadline,
                isRead: true,
                effect: .load(id)
            )
        } catch {
            throw SessionStoreError(error, isRead: true)
        }
        switch reply {
        case .null: return nil
        case .bulk(let value):
            let record = try RedisStoredRecord.decode(value, id: id)
            return record.isLive(at: now) ? record : nil
        default: throw Self.unexpected("GET")
        }
    }

    /// Adds a record under an id that has none; never overwrites. One round trip.
    public func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        let encoded = record.encoded(for: id)
        var command = RESPCommand("SET", capacity: encoded.count + 256)
        command.expected = [.simple, .null]
        keys.appendRecord(id, to: &command)
        command.append(record.expiresAt, before: encoded)
        command.append("NX" as StaticString)
        command.append("PXAT" as StaticString)
        command.append(Self.nativeDeadline(record.expiresAt))
        let reply: RESPValue
        do throws(RedisFailure) {
            reply = try await client.send(
                command,
                to: RedisKeys.slot(of: id),
                by: deadline,
                isRead: false,
                effect: .forget(id)
            )
        } catch {
            throw SessionStoreError(error, isRead: false)
        }
        switch reply {
        case .simple: return .inserted
        case .null: return .exists
        default: throw Self.unexpected("SET")
        }
    }

    /// Replaces a record if it lives and its stamp is the expected one. One round trip.
    public func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        let encoded = record.encoded(for: id)
        // A forwarder is what a renewal commits with, and the old token must stay dead.
        let reply = try await run(
            .update,
            on: RedisKeys.slot(of: id),
            // No request is served from a forwarder at hand.
            effect: record.isForwarder ? .forget(id) : .commit(id, record),
            isSensitive: record.isForwarder,
            capacity: encoded.count + 384
        ) { command in
            command.append(1)
            keys.appendRecord(id, to: &command)
            command.append(stamp)
            command.append(now)
            command.append(record.expiresAt, before: encoded)
            command.append(Self.nativeDeadline(record.expiresAt))
        }
        switch reply {
        case .integer(1): return .updated
        case .null: return .missing
        case .bulk(let value): return .conflict(try RedisStoredRecord.decode(value, id: id))
        default: throw Self.unexpected("update")
        }
    }

    /// Moves the idle deadline later, if the record lives and its stamp is the expected one. One round trip.
    public func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        let reply = try await run(.touch, on: RedisKeys.slot(of: id), effect: .forget(id)) { command in
            appendTouch(id, stamp, expiresAt, now, to: &command)
        }
        return reply == .integer(1)
    }

    private func appendTouch(
        _ id: SessionID,
        _ stamp: SessionStamp,
        _ expiresAt: SessionInstant,
        _ now: SessionInstant,
        to command: inout RESPCommand
    ) {
        command.append(1)
        keys.appendRecord(id, to: &command)
        command.append(stamp)
        command.append(now)
        command.append(expiresAt)
        command.append(Self.nativeDeadline(expiresAt))
    }

    /// Removes a record if it lives and its stamp is the expected one. One round trip.
    public func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        let reply = try await run(
            .delete,
            on: RedisKeys.slot(of: id),
            effect: .forget(id),
            isSensitive: true
        ) { command in
            command.append(1)
            keys.appendRecord(id, to: &command)
            command.append(stamp)
            command.append(now)
        }
        switch reply {
        case .integer(1): return .deleted
        case .null: return .missing
        case .bulk(let value): return .conflict(try RedisStoredRecord.decode(value, id: id))
        default: throw Self.unexpected("delete")
        }
    }
}

extension RedisSessionStore: DeferringSessionStore {
    /// Moves the idle deadline later; the command rides along with others, and nobody waits for the reply.
    public func touchLater(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) {
        // The whole source: a server that does not know the script yet would refuse its name, and nobody would see it.
        // Sent once per tenth of a session's idle time.
        var command = RESPCommand("EVAL", capacity: RedisScript.touch.source.utf8.count + 320)
        command.expected = RedisScript.touch.replies
        command.append(RedisScript.touch.source)
        appendTouch(id, stamp, expiresAt, now, to: &command)
        client.sendWithoutWaiting(command, to: RedisKeys.slot(of: id), by: deadline, effect: .forget(id))
    }
}

extension RedisSessionStore: ResidentSessionStore {
    /// The record of a session, if the near cache has it and it is fresh; never without a near cache.
    public func residentRecord(_ id: SessionID, now: SessionInstant) -> SessionRecord? {
        guard configuration.nearCache != nil else { return nil }
        return client.cachedRecord(id, now: now)
    }
}

extension RedisSessionStore: HealthCheckingSessionStore {
    /// Asks every server that has keys; in a Cluster, each must say that all slots are served.
    public func checkHealth() async throws(SessionStoreError) {
        do throws(RedisFailure) {
            try await client.checkHealth(by: deadline)
        } catch {
            throw SessionStoreError(error, isRead: true)
        }
    }
}

// MARK: - Scripts

extension RedisSessionStore {
    /// Runs a script: by its name, and by its text where the server does not know it yet.
    /// - Parameters:
    ///   - isSensitive: Whether replicas must have what it wrote, if the configuration asks for that.
    ///   - append: Adds the number of keys, the keys and the arguments.
    func run(
        _ script: RedisScript,
        on slot: RedisSlot,
        effect: NearCacheEffect = .none,
        isRead: Bool = false,
        isSensitive: Bool = false,
        capacity: Int = 320,
        _ append: (inout RESPCommand) -> Void
    ) async throws(SessionStoreError) -> RESPValue {
        let deadline = deadline
        var byName = RESPCommand("EVALSHA", capacity: capacity)
        byName.expected = script.replies
        byName.append(script.digest)
        append(&byName)
        do throws(RedisFailure) {
            do throws(RedisFailure) {
                return try await send(byName, slot, deadline, effect, isRead: isRead, isSensitive: isSensitive)
            } catch {
                guard error.code == "NOSCRIPT" else { throw error }
            }
            var byText = RESPCommand("EVAL", capacity: capacity + script.source.utf8.count)
            byText.expected = script.replies
            byText.append(script.source)
            append(&byText)
            return try await send(byText, slot, deadline, effect, isRead: isRead, isSensitive: isSensitive)
        } catch {
            throw SessionStoreError(error, isRead: isRead)
        }
    }

    private func send(
        _ command: RESPCommand,
        _ slot: RedisSlot,
        _ deadline: NIODeadline,
        _ effect: NearCacheEffect,
        isRead: Bool,
        isSensitive: Bool
    ) async throws(RedisFailure) -> RESPValue {
        guard isSensitive, let replication = configuration.replication else {
            return try await client.send(command, to: slot, by: deadline, isRead: isRead, effect: effect)
        }
        let (reply, replicas) = try await client.send(
            command,
            to: slot,
            by: deadline,
            effect: effect,
            awaiting: replication.replicas,
            for: replication.timeout
        )
        if replicas < replication.replicas, reply == .integer(1) {
            // It stands on the primary, and cannot be taken back; a failover in this moment would undo it.
            logger.warning(
                "a renewal or the end of a session has reached fewer replicas than it should",
                metadata: ["replicas": "\(replicas)", "wanted": "\(replication.replicas)"]
            )
        }
        return reply
    }

    static func unexpected(_ command: StaticString) -> SessionStoreError {
        SessionStoreError(.corruptRecord, "\(command): the server's reply is of another kind than it should be")
    }
}

extension TimeAmount {
    /// - Parameter duration: Up to 292 years.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
#else
/// Keeps sessions in Redis or Valkey. Not built: the trait `Redis` is off.
@available(*, unavailable, message: "enable the trait Redis: .package(url: \"…\", from: \"…\", traits: [\"Redis\"])")
public final class RedisSessionStore {}
#endif
