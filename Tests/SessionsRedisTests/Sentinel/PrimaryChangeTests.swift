#if Redis
import Logging
import NIOPosix
import Sessions
import Testing

@testable import SessionsRedis

extension SentinelDirectoryTests {
    @Test(
        "READONLY ends the connection, and the next command asks the sentinels anew",
        arguments: ["READONLY", "MASTERDOWN"]
    )
    func demoted(_ code: String) async throws {
        let old = try await CannedServer.start(CannedServer.asPrimary)
        let new = try await CannedServer.start(CannedServer.asPrimary)
        let sentinel = try await CannedServer.start(CannedServer.asSentinel(naming: old.port))
        let store = try await RedisSessionStore.open(configuration(sentinel))
        old.answer { $0[0] == "EVALSHA" ? "-\(code) of another server\r\n" : CannedServer.asPrimary($0) }
        sentinel.answer(CannedServer.asSentinel(naming: new.port, epoch: 1))
        let error = await #expect(throws: SessionStoreError.self) {
            _ = try await store.delete(ids[0], ifStamp: .init(rawValue: 1), now: .init(millisecondsSince1970: 0))
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("\(old.address), is not the primary any more") == true)
        #expect(await becomesHealthy(store))
        #expect(new.commands.contains(["PING"]))
        await store.shutDown()
        await stop(old, new, sentinel)
    }

    @Test("A sentinel that has not heard of the last failover is not believed")
    func outdated() async throws {
        let old = try await CannedServer.start(CannedServer.asPrimary)
        let new = try await CannedServer.start(CannedServer.asPrimary)
        let informed = try await CannedServer.start(CannedServer.asSentinel(naming: new.port, epoch: 7))
        let behind = try await CannedServer.start(CannedServer.asSentinel(naming: old.port, epoch: 6))
        let store = try await RedisSessionStore.open(configuration(informed, behind))
        // The one that is behind is asked first now.
        informed.answer { _ in nil }
        await new.disconnect()
        let error = await #expect(throws: SessionStoreError.self) {
            for _ in 0..<100 {
                try await store.checkHealth()
                await pause(.milliseconds(20))
            }
        }
        #expect(error?.code == .unavailable)
        #expect(await eventually(within: .seconds(5)) { await message(of: store).contains("the last failover") })
        #expect(old.commands.isEmpty)
        informed.answer(CannedServer.asSentinel(naming: new.port, epoch: 7))
        #expect(await becomesHealthy(store))
        await store.shutDown()
        await stop(old, new, informed, behind)
    }

    @Test(
        "Once one connection uses another primary, the others send nothing more to the old one, which still believes in itself"
    )
    func agreement() async throws {
        let old = try await CannedServer.start(CannedServer.asPrimary)
        let new = try await CannedServer.start(CannedServer.asPrimary)
        let sentinel = try await CannedServer.start(CannedServer.asSentinel(naming: old.port))
        var configuration = configuration(sentinel)
        configuration.connectionsPerServer = 2
        configuration.replication = .init()
        let store = try await RedisSessionStore.open(configuration)
        for id in ids {
            #expect(try await store.load(id, now: .init(millisecondsSince1970: 0)) == nil)
            _ = try await store.delete(id, ifStamp: .init(rawValue: 1), now: .init(millisecondsSince1970: 0))
        }
        sentinel.answer(CannedServer.asSentinel(naming: new.port, epoch: 1))
        // Only the connection that the end of a session takes hears it.
        old.answer { $0[0] == "EVALSHA" ? "-READONLY\r\n" : CannedServer.asPrimary($0) }
        await #expect(throws: SessionStoreError.self) {
            _ = try await store.delete(ids[0], ifStamp: .init(rawValue: 1), now: .init(millisecondsSince1970: 0))
        }
        let deleted = await eventually(within: .seconds(5)) {
            let stamp = SessionStamp(rawValue: 1)
            return (try? await store.delete(ids[0], ifStamp: stamp, now: .init(millisecondsSince1970: 0))) != nil
        }
        #expect(deleted)
        let count = old.commands.count
        for id in ids { #expect(try await store.load(id, now: .init(millisecondsSince1970: 0)) == nil) }
        #expect(old.commands.count == count)
        #expect(new.commands.count { $0[0] == "GET" } == 2)
        await store.shutDown()
        await stop(old, new, sentinel)
    }

    @Test("A primary that is replaced and does not notice is left within two seconds, by idle connections too")
    func replacedUnawares() async throws {
        let old = try await CannedServer.start(CannedServer.asPrimary)
        let new = try await CannedServer.start(CannedServer.asPrimary)
        let uninformed = try await CannedServer.start(CannedServer.asSentinel(naming: old.port))
        let sentinel = try await CannedServer.start(CannedServer.asSentinel(naming: old.port))
        let store = try await RedisSessionStore.open(configuration(uninformed, sentinel))
        sentinel.answer(CannedServer.asSentinel(naming: new.port, epoch: 1))
        #expect(await eventually(within: .seconds(2)) { new.commands.contains(["ROLE"]) })
        let isUsed = await eventually(within: .seconds(1)) {
            try? await store.checkHealth()
            return new.commands.contains(["HELLO", "3"]) && new.commands.count { $0 == ["PING"] } >= 2
        }
        #expect(isUsed)
        let count = old.commands.count
        try await store.checkHealth()
        #expect(old.commands.count == count)
        await store.shutDown()
        await stop(old, new, uninformed, sentinel)
    }

    @Test("As long as the present primary is well, a sentinel that names a replica or nobody changes nothing")
    func liesUnderWay() async throws {
        let primary = try await CannedServer.start(CannedServer.asPrimary)
        let replica = try await CannedServer.start(CannedServer.asReplica)
        let sentinel = try await CannedServer.start(CannedServer.asSentinel(naming: primary.port))
        let store = try await RedisSessionStore.open(configuration(sentinel))
        sentinel.answer(CannedServer.asSentinel(naming: replica.port, epoch: 3))
        #expect(await eventually(within: .seconds(3)) { replica.commands.count { $0 == ["ROLE"] } >= 2 })
        try await store.checkHealth()
        let port = replica.port
        await replica.stop()
        sentinel.answer(CannedServer.asSentinel(naming: port, epoch: 4))
        let count = sentinel.commands.count
        #expect(await eventually(within: .seconds(3)) { sentinel.commands.count > count + 6 })
        try await store.checkHealth()
        #expect(!replica.commands.contains(["PING"]))
        await store.shutDown()
        await stop(primary, sentinel)
    }

    @Test("After the store was shut down nobody asks the sentinels any more")
    func shutDown() async throws {
        let primary = try await CannedServer.start(CannedServer.asPrimary)
        let sentinel = try await CannedServer.start(CannedServer.asSentinel(naming: primary.port))
        let store = try await RedisSessionStore.open(configuration(sentinel))
        let count = sentinel.commands.count
        #expect(await eventually(within: .seconds(3)) { sentinel.commands.count > count })
        await store.shutDown()
        let last = sentinel.commands.count
        await pause(.seconds(1))
        #expect(sentinel.commands.count == last)
        await stop(primary, sentinel)
    }

    @Test("A primary that misses its replicas may have been replaced: the sentinels are asked, but not all the time")
    func missingReplicas() async throws {
        let primary = try await CannedServer.start { words in
            words[0] == "EVALSHA" ? "-NOREPLICAS Not enough good replicas to write.\r\n" : CannedServer.asPrimary(words)
        }
        let sentinel = try await CannedServer.start(CannedServer.asSentinel(naming: primary.port))
        let store = try await RedisSessionStore.open(configuration(sentinel))
        for _ in 0..<3 {
            let error = await #expect(throws: SessionStoreError.self) {
                _ = try await store.delete(ids[0], ifStamp: .init(rawValue: 1), now: .init(millisecondsSince1970: 0))
            }
            #expect(error?.message.contains("fewer replicas") == true)
        }
        #expect(primary.commands.count { $0[0] == "HELLO" } == 1)
        let asked = await eventually(within: .seconds(15)) {
            let stamp = SessionStamp(rawValue: 1)
            _ = try? await store.delete(ids[0], ifStamp: stamp, now: .init(millisecondsSince1970: 0))
            return primary.commands.count { $0[0] == "HELLO" } == 2
        }
        #expect(asked)
        await store.shutDown()
        await stop(primary, sentinel)
    }
}
#endif
