#if Redis
import Foundation
import NIOCore
import NIOPosix
@testable import Sessions
@testable import SessionsRedis
import Testing

/// The Cluster that `Scripts/services` has started, by way of commands to single nodes: what an operator does.
///
/// All of it is shared, so tests that use it belong into ``RedisClusterTests``, where they run one after the other.
final class TestCluster: Sendable {
    typealias Address = RedisSessionStore.Address

    static var eventLoops: MultiThreadedEventLoopGroup { .singleton }

    let addresses: [Address]
    private let nodes: [Address: RedisConnection]

    /// Connects to all nodes, and waits until all of them are well.
    init() async throws {
        let names = try TestServers.value("SESSIONS_REDIS_CLUSTER_NODES")
        addresses = try names.split(separator: ",").map { try Address($0, defaultPort: 6379) }
        nodes = Dictionary(uniqueKeysWithValues: addresses.map { ($0, Self.connection(to: $0)) })
        try await untilHealthy()
    }

    private static func connection(to address: Address) -> RedisConnection {
        var target = RedisTarget(name: "node \(address)") { address.resolved(on: $0) }
        target.handshake.hello(username: nil, password: nil)
        target.operationTimeout = .seconds(5)
        return RedisConnection(target, on: MultiThreadedEventLoopGroup.singleton.next())
    }

    func close() async {
        for node in nodes.values { try? await node.shutDown().get() }
    }

    /// Runs `body` with the Cluster, and leaves it well.
    static func with(_ body: (TestCluster) async throws -> Void) async throws {
        let cluster = try await TestCluster()
        do {
            try await body(cluster)
        } catch {
            await cluster.close()
            throw error
        }
        try await cluster.untilHealthy()
        await cluster.close()
    }

    // MARK: Commands

    @discardableResult
    func send(_ name: StaticString, _ words: String..., to address: Address) async throws -> RESPValue {
        var command = RESPCommand(name)
        for word in words { command.append(word) }
        let node = try #require(nodes[address])
        return try await node.send(command, deadline: .now() + .seconds(5), isCancellable: false)
    }

    func text(_ name: StaticString, _ words: String..., from address: Address) async throws -> String {
        var command = RESPCommand(name)
        for word in words { command.append(word) }
        let node = try #require(nodes[address])
        let reply = try await node.send(command, deadline: .now() + .seconds(5), isCancellable: false)
        return try #require(reply.text)
    }

    /// A number in a report: `calls` of `cmdstat_get` in a line such as `cmdstat_get:calls=3,usec=9`.
    func statistic(_ field: String, of name: String, section: String, at address: Address) async throws -> Int {
        let report = try await text("INFO", section, from: address)
        guard let line = report.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("\(name):") }),
            let entry = line.dropFirst(name.count + 1).split(separator: ",").first(where: { $0.hasPrefix("\(field)=") })
        else { return 0 }
        return try #require(Int(entry.dropFirst(field.count + 1)))
    }

    /// What one node says of who has which slot.
    func map(from address: Address? = nil) async throws -> RedisClusterMap {
        let address = address ?? addresses[0]
        return try RedisClusterMap(await send("CLUSTER", "SLOTS", to: address), from: address)
    }

    func id(of address: Address) async throws -> String { try await text("CLUSTER", "MYID", from: address) }

    func processID(of address: Address) async throws -> Int32 {
        let report = try await text("INFO", "server", from: address)
        let line = try #require(report.split(whereSeparator: \.isNewline).first { $0.hasPrefix("process_id:") })
        return try #require(Int32(line.dropFirst("process_id:".count)))
    }

    // MARK: Moving slots

    /// Tells both nodes that a slot moves. From now on the source asks clients to go on to the destination for keys that
    /// it does not have.
    func beginMoving(_ slot: RedisSlot, from source: Address, to destination: Address) async throws {
        let number = "\(slot.number)"
        try await send("CLUSTER", "SETSLOT", number, "IMPORTING", id(of: source), to: destination)
        try await send("CLUSTER", "SETSLOT", number, "MIGRATING", id(of: destination), to: source)
    }

    /// Moves some keys, or all that are in the slot.
    func moveKeys(
        of slot: RedisSlot,
        from source: Address,
        to destination: Address,
        where isChosen: (String) -> Bool = { _ in true }
    ) async throws {
        guard case .host(let host, let port) = destination.wrapped else { return }
        while true {
            guard
                case .array(let keys) = try await send(
                    "CLUSTER",
                    "GETKEYSINSLOT",
                    "\(slot.number)",
                    "1000",
                    to: source
                )
            else { return }
            let chosen = keys.compactMap(\.text).filter(isChosen)
            guard !chosen.isEmpty else { return }
            for key in chosen { try await send("MIGRATE", host, "\(port)", key, "0", "2000", to: source) }
        }
    }

    /// Gives a slot to the destination. It tells the source first, or else the source could think it still has it.
    func finishMoving(_ slot: RedisSlot, from source: Address, to destination: Address) async throws {
        let id = try await id(of: destination)
        try await send("CLUSTER", "SETSLOT", "\(slot.number)", "NODE", id, to: destination)
        try await send("CLUSTER", "SETSLOT", "\(slot.number)", "NODE", id, to: source)
    }

    func move(_ slot: RedisSlot, from source: Address, to destination: Address) async throws {
        try await beginMoving(slot, from: source, to: destination)
        try await moveKeys(of: slot, from: source, to: destination)
        try await finishMoving(slot, from: source, to: destination)
    }

    // MARK: Ending nodes

    /// Has the replica of a primary take its place, in agreement with it.
    func failOver(_ primary: Address) async throws -> Address {
        let replica = try await replica(of: primary)
        try await send("CLUSTER", "FAILOVER", to: replica)
        try await Self.until("the replica has taken over") {
            try await self.text("INFO", "replication", from: replica).contains("role:master")
        }
        return replica
    }

    private func replica(of primary: Address) async throws -> Address {
        let id = try await id(of: primary)
        for address in addresses where address != primary {
            // Of each node: id, address, flags, and the id of its primary.
            let nodes = try await text("CLUSTER", "NODES", from: address).split(whereSeparator: \.isNewline)
            let fields = nodes.first { $0.contains("myself") }?.split(separator: " ") ?? []
            if fields.count > 3, fields[3] == id { return address }
        }
        throw TestServers.Missing(name: "a replica of \(primary)")
    }

    /// Waits until a primary's replica has all that it has.
    func untilReplicated(_ primary: Address) async throws {
        #expect(try await send("WAIT", "1", "4000", to: primary) == .integer(1))
    }

    /// Starts an ended node again.
    func restart(_ address: Address) async throws {
        guard case .host(_, let port) = address.wrapped else { return }
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let process = Process()
        process.executableURL = root.appending(path: "Scripts/services")
        process.arguments = ["restart", "\(port)"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let status = try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        #expect(status == 0)
    }

    // MARK: Waiting

    /// Waits until every node serves, all say the same of who has which slot, and every primary has a replica that
    /// follows.
    func untilHealthy() async throws {
        try await Self.until("the Cluster is well") { try await self.isHealthy() }
    }

    private func isHealthy() async throws -> Bool {
        var maps: Set<[Address]> = []
        for address in addresses {
            guard RedisClusterStatus(try await text("CLUSTER", "INFO", from: address))?.isServing == true else {
                return false
            }
            let map = try await map(from: address)
            guard map.isComplete, map.primaries.count == 3, map.replicas.count == 3 else { return false }
            maps.insert((0..<RedisSlot.count).compactMap { map.owner(of: RedisSlot(number: UInt16($0))) })
            let replication = try await text("INFO", "replication", from: address)
            guard replication.contains("role:slave") ? replication.contains("master_link_status:up") : true else {
                return false
            }
        }
        return maps.count == 1
    }

    /// Waits until a condition holds: asks at most 600 times, with 50 ms between; what it throws counts as no.
    static func until(_ what: Comment, _ condition: () async throws -> Bool) async throws {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        for _ in 0..<600 {
            if (try? await condition()) == true { return }
            try await eventLoop.scheduleTask(in: .milliseconds(50)) {}.futureResult.get()
        }
        try #require(Bool(false), what)
    }
}

extension TestServers {
    /// The configuration for the Cluster, with keys that no other test has.
    static func cluster() throws -> RedisSessionStore.Configuration {
        try configuration("SESSIONS_REDIS_CLUSTER_URL")
    }
}
#endif
