#if Redis
import NIOCore
@testable import Sessions
@testable import SessionsRedis
import Testing

@Suite("Where a Cluster's node sends a client")
struct RedisRedirectionTests {
    private static let asked = RedisSessionStore.Address.host("10.0.0.9", port: 7000)

    @Test(
        "Slot and address are read",
        arguments: [
            ("MOVED 3999 127.0.0.1:6381", "127.0.0.1:6381"),
            ("MOVED 0 a.example:1", "a.example:1"),
            ("MOVED 16383 ::1:6381", "[::1]:6381"),
            ("MOVED 16383 [::1]:6381", "[::1]:6381"),
            ("MOVED 3999 :6381", "10.0.0.9:6381"),
            ("MOVED 3999 ?:6381", "10.0.0.9:6381"),
            ("ASK 3999 127.0.0.1:6381", "127.0.0.1:6381"),
        ]
    )
    func reads(_ reply: String, _ address: String) throws {
        let redirection = try #require(RedisRedirection(errorReply: reply))
        #expect(redirection.kind == (reply.hasPrefix("ASK") ? .asked : .moved))
        #expect(redirection.address(from: Self.asked)?.description == address)
    }

    @Test(
        "What leads nowhere is none",
        arguments: [
            "", "MOVED", "MOVED 1", "MOVED 1 ", "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED x a:1", "MOVED 1 a",
            "MOVED 1 a:",
            "MOVED 1 a:0", "MOVED 1 a:65536", "MOVED 1 a:99999999999999999999", "MOVED 1 a:1 b:2", "moved 1 a:1",
            "MOVED  1 a:1", "ERR MOVED 1 a:1", "TRYAGAIN 1 a:1", "MOVED 1 a:1\u{FFFD}",
        ]
    )
    func refuses(_ reply: String) { #expect(RedisRedirection(errorReply: reply) == nil) }

    @Test("A host that cannot be one is no address", arguments: ["a b", "a/b", "\u{1}", "é", "a:b"])
    func host(_ host: String) throws {
        var redirection = try #require(RedisRedirection(errorReply: "MOVED 1 a:1"))
        redirection.host = host
        #expect(redirection.address(from: Self.asked) == nil)
    }

    @Test("Nothing of an error's text but its code, or where it leads, is kept")
    func nothingLeaks() {
        for reply in ["MOVED 1 secret.example:1", "WRONGPASS secret.example", "ERR unknown 'secret.example'"] {
            #expect(!RedisFailure(errorReply: reply, server: "Redis").message.contains("secret"))
        }
    }

    // MARK: Recovery

    static let recoveries: [(RedisFailure, read: RedisClusterRecovery, write: RedisClusterRecovery)] = {
        func refused(_ code: String) -> RedisFailure { RedisFailure(.refused(code: code), "") }
        var overload = RedisFailure(.notExecuted, "")
        overload.isOverload = true
        return [
            (refused("TRYAGAIN"), .again(withNewerMap: false), .again(withNewerMap: false)),
            (refused("CLUSTERDOWN"), .again(withNewerMap: true), .again(withNewerMap: true)),
            (refused("LOADING"), .again(withNewerMap: true), .again(withNewerMap: true)),
            (refused("MASTERDOWN"), .again(withNewerMap: true), .again(withNewerMap: true)),
            (refused("READONLY"), .again(withNewerMap: true), .again(withNewerMap: true)),
            (refused("MOVED"), .again(withNewerMap: true), .again(withNewerMap: true)),
            (refused("NOSCRIPT"), .giveUp, .giveUp),
            (refused("WRONGPASS"), .giveUp, .giveUp),
            (refused("OOM"), .giveUp, .giveUp),
            (refused("ERR"), .giveUp, .giveUp),
            (RedisFailure(.notExecuted, ""), .again(withNewerMap: true), .again(withNewerMap: true)),
            (overload, .giveUp, .giveUp),
            // It may have been executed, and must not be twice.
            (RedisFailure(.unanswered, ""), .again(withNewerMap: true), .giveUp),
            (RedisFailure(.cancelled, ""), .giveUp, .giveUp),
            (RedisFailure(.shutDown, ""), .giveUp, .giveUp),
        ]
    }()

    @Test("What is tried again, and what is not", arguments: recoveries.indices)
    func recovers(_ index: Int) {
        let (failure, read, write) = Self.recoveries[index]
        #expect(RedisClusterRecovery(failure, isRead: true) == read)
        #expect(RedisClusterRecovery(failure, isRead: false) == write)
    }

    @Test("Redirections are followed")
    func follows() throws {
        let failure = RedisFailure(errorReply: "ASK 5 a:1", server: "Redis")
        let redirection = try #require(RedisRedirection(errorReply: "ASK 5 a:1"))
        #expect(RedisClusterRecovery(failure, isRead: false) == .follow(redirection))
    }

    @Test("Pauses grow from 5 to 80 ms, and at least half of each is chance")
    func pauses() {
        for (attempt, longest) in [(1, 5), (2, 10), (5, 80), (100, 80), (0, 5)] as [(Int, Int64)] {
            for _ in 0..<100 {
                let pause = RedisClusterRecovery.pause(before: attempt)
                #expect(pause >= .microseconds(longest * 500) && pause <= .milliseconds(longest))
            }
        }
    }

    // MARK: Status

    @Test("A node's state and epoch are read")
    func status() {
        let text =
            "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_current_epoch:7\r\ncluster_my_epoch:3\r\n"
        #expect(RedisClusterStatus(text) == RedisClusterStatus(isServing: true, epoch: 7))
        #expect(
            RedisClusterStatus("cluster_current_epoch:7\ncluster_state:fail\n")
                == RedisClusterStatus(isServing: false, epoch: 7)
        )
        for text in ["", "cluster_state:ok", "cluster_current_epoch:1", "cluster_state:ok\ncluster_current_epoch:x"] {
            #expect(RedisClusterStatus(text) == nil)
        }
    }
}
#endif
