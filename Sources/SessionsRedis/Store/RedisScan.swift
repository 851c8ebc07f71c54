#if Redis
import NIOCore
import Sessions

/// A place in a walk through all keys: a server, and the cursor that it gave.
///
/// Servers are known by a digest of their names, so that a walk goes on at the right one when others come or go.
struct RedisScanPlace: Hashable, Sendable {
    var server: UInt32
    /// An unsigned number to the server, digits to everybody else.
    var cursor: String

    init(server: UInt32, cursor: String) {
        self.server = server
        self.cursor = cursor
    }

    /// Reads what ``cursor`` gives; `nil` for anything else.
    init?(_ cursor: SessionStoreCursor) {
        let parts = cursor.rawValue.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard cursor.rawValue.utf8.count <= 64, parts.count == 2,
            parts[0].count == 8, let server = UInt32(String(parts[0]) ?? "", radix: 16),
            1...20 ~= parts[1].count,
            parts[1].allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            let digits = String(parts[1]), UInt64(digits) != nil
        else { return nil }
        self.init(server: server, cursor: digits)
    }

    var storeCursor: SessionStoreCursor {
        let digits = String(server, radix: 16)
        return SessionStoreCursor(rawValue: String(repeating: "0", count: 8 - digits.count) + digits + "." + cursor)
    }

    /// FNV-1a of a server's name.
    static func mark(of server: any RedisServer) -> UInt32 {
        server.name.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }
}

extension RedisSessionStore {
    /// One step through the keys that match a pattern.
    struct ScanStep: Sendable {
        var server: any RedisServer
        var keys: [ByteBuffer]
        /// Where to go on, or `nil` at the end.
        var next: RedisScanPlace?
    }

    /// Takes one step.
    /// - Parameter place: Where the step before ended; `nil` for the first one.
    /// - Returns: `nil` if the place's server is not one of ours any more.
    func scan(
        _ pattern: String,
        from place: RedisScanPlace?,
        count: Int,
        by deadline: NIODeadline
    ) async throws(RedisFailure) -> ScanStep? {
        let servers = try await client.servers(by: deadline)
        let index = place.map { place in servers.firstIndex { RedisScanPlace.mark(of: $0) == place.server } } ?? 0
        guard let index, index < servers.count else { return nil }
        let server = servers[index]
        var command = RESPCommand("SCAN")
        command.append(place?.cursor ?? "0")
        command.append("MATCH" as StaticString)
        command.append(pattern)
        command.append("COUNT" as StaticString)
        command.append(count)
        let reply = try await server.send([command], by: deadline)[0].get()
        guard case .array(let parts) = reply, parts.count == 2, let cursor = parts[0].text,
            case .array(let keys) = parts[1]
        else { throw RedisFailure(.notExecuted, "\(server.name): SCAN is answered by something else") }
        var next: RedisScanPlace?
        if cursor != "0" {
            next = RedisScanPlace(server: RedisScanPlace.mark(of: server), cursor: cursor)
        } else if index + 1 < servers.count {
            next = RedisScanPlace(server: RedisScanPlace.mark(of: servers[index + 1]), cursor: "0")
        }
        return ScanStep(
            server: server,
            keys: keys.compactMap { if case .bulk(let key) = $0 { key } else { nil } },
            next: next
        )
    }
}
#endif
