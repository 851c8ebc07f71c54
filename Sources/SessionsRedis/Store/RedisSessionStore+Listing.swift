#if Redis
import NIOCore
public import Sessions

extension RedisSessionStore: EnumerableSessionStore {
    /// Counts by walking through all keys, which takes a second or so for a million of them, but keeps no request waiting.
    ///
    /// The walk may show a key twice while the server's tables shrink. Of up to a million sessions each is counted once; of
    /// more the number is about right.
    public func count(now: SessionInstant) async throws(SessionStoreError) -> Int {
        var count = 0
        // By a part of each id: two of a million that share 64 bits are not to be expected.
        var counted: Set<UInt64> = []
        var place: RedisScanPlace?
        repeat {
            let deadline = deadline
            do throws(RedisFailure) {
                guard let step = try await scan(keys.recordPattern, from: place, count: 1000, by: deadline) else {
                    throw RedisFailure(.notExecuted, "a server went away while sessions were counted: try again")
                }
                for id in try await livingRecords(step, now: now, by: deadline) {
                    if counted.count < 1_000_000 {
                        if counted.insert(id.leadingBits).inserted { count += 1 }
                    } else if !counted.contains(id.leadingBits) {
                        count += 1
                    }
                }
                place = step.next
            } catch {
                throw SessionStoreError(error, isRead: true)
            }
        } while place != nil
        return count
    }

    /// Those of a step's records that live; only their deadlines are read.
    private func livingRecords(
        _ step: ScanStep,
        now: SessionInstant,
        by deadline: NIODeadline
    ) async throws(RedisFailure) -> [SessionID] {
        let ids = step.keys.compactMap { keys.sessionID(inRecordKey: $0.readableBytesView) }
        guard !ids.isEmpty else { return [] }
        let commands = ids.map { id in
            var command = RESPCommand("GETRANGE", capacity: 160)
            keys.appendRecord(id, to: &command)
            command.append(0)
            command.append(RedisStoredRecord.deadlineLength - 1)
            return command
        }
        let replies = try await step.server.send(commands, by: deadline)
        return zip(ids, replies).compactMap { id, reply in
            // What has moved to another server meanwhile is counted there.
            guard case .success(.bulk(let digits)) = reply, let deadline = RedisStoredRecord.deadline(digits),
                deadline > now
            else { return nil }
            return id
        }
    }

    /// Lists in the order of the servers' tables, so that a record may come in two pages while they grow or shrink.
    public func page(
        after cursor: SessionStoreCursor?,
        limit: Int,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SessionPage {
        var place: RedisScanPlace?
        if let cursor {
            place = RedisScanPlace(cursor)
            guard place != nil else { throw Self.invalidCursor }
        }
        let deadline = deadline
        do throws(RedisFailure) {
            // Other programs' keys are walked through as well; a page with nothing in it helps nobody.
            for _ in 0..<50 {
                let count = min(max(limit, 100), 1000)
                guard let step = try await scan(keys.recordPattern, from: place, count: count, by: deadline) else {
                    throw RedisFailure(.refused(code: "INVALIDCURSOR"), "")
                }
                let entries = try await entries(step, now: now, by: deadline)
                place = step.next
                if !entries.isEmpty || place == nil { return SessionPage(entries: entries, next: place?.storeCursor) }
            }
        } catch {
            if error.code == "INVALIDCURSOR" { throw Self.invalidCursor }
            throw SessionStoreError(error, isRead: true)
        }
        return SessionPage(entries: [], next: place?.storeCursor)
    }

    private func entries(
        _ step: ScanStep,
        now: SessionInstant,
        by deadline: NIODeadline
    ) async throws(RedisFailure) -> [SessionPage.Entry] {
        let ids = Set(step.keys.compactMap { keys.sessionID(inRecordKey: $0.readableBytesView) }).sorted()
        guard !ids.isEmpty else { return [] }
        let commands = ids.map { id in
            var command = RESPCommand("GET", capacity: 160)
            keys.appendRecord(id, to: &command)
            return command
        }
        let replies = try await step.server.send(commands, by: deadline)
        return zip(ids, replies).compactMap { id, reply in
            // One that cannot be read must not break the list.
            guard case .success(.bulk(let value)) = reply, let record = try? RedisStoredRecord.decode(value, id: id),
                record.isLive(at: now)
            else { return nil }
            return SessionPage.Entry(id: id, record: record)
        }
    }

    private static var invalidCursor: SessionStoreError {
        SessionStoreError(.invalidCursor, "this is no cursor of this store; begin the listing again")
    }
}

extension SessionID {
    /// 64 bits that tell ids apart among some millions.
    fileprivate var leadingBits: UInt64 { withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) } }
}
#endif
