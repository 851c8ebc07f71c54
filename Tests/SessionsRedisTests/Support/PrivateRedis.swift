#if Redis
import Foundation
import NIOCore
import NIOPosix
import Sessions
import Testing

@testable import SessionsRedis

/// A server of a test's own, which it may stop, pause and fill.
actor PrivateRedis {
    nonisolated let port: Int
    private let executable: URL
    private let folder: URL
    private var process: Process?

    /// Runs `body` with a server, and ends it afterwards, whatever state it is in then.
    static func run<Value>(_ body: (PrivateRedis) async throws -> Value) async throws -> Value {
        let executable = try URL(filePath: TestServers.value("SESSIONS_REDIS_SERVER"))
        let folder = FileManager.default.temporaryDirectory.appending(path: "sessions-redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let server = PrivateRedis(executable, folder, port: try await freePort())
        do {
            try await server.start()
            let value = try await body(server)
            await server.kill()
            return value
        } catch {
            await server.kill()
            throw error
        }
    }

    private init(_ executable: URL, _ folder: URL, port: Int) {
        self.executable = executable
        self.folder = folder
        self.port = port
    }

    /// A port below those that systems give to outgoing connections: whoever tries a stopped server again and again
    /// would connect to itself one day.
    private static func freePort() async throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 22_000..<32_000)
            let bootstrap = ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            guard let channel = try? await bootstrap.bind(host: "127.0.0.1", port: port).get() else { continue }
            try await channel.close()
            return port
        }
        throw NoServer()
    }

    struct NoServer: Error {}

    /// Starts it, again after ``kill()``, and waits until it listens.
    func start() async throws {
        let process = Process()
        process.executableURL = executable
        process.currentDirectoryURL = folder
        // With the commands appended to a file, so that a server which is killed comes back with what it had.
        process.arguments = [
            "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes",
            "--dir", folder.path(percentEncoded: false),
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
        let port = port
        try await eventually("the server listens") {
            guard process.isRunning else { throw NoServer() }
            let channel = try? await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: "127.0.0.1", port: port).get()
            try await channel?.close()
            return channel != nil
        }
    }

    /// Ends it without giving it time for anything, as a crash does.
    func kill() async {
        guard let process else { return }
        signal(SIGKILL)
        try? await eventually("the server has ended") { !process.isRunning }
        self.process = nil
    }

    /// It neither answers nor closes connections until ``resume()``.
    func pause() { signal(SIGSTOP) }

    func resume() { signal(SIGCONT) }

    private func signal(_ number: Int32) {
        if let process, process.isRunning { Foundation.kill(process.processIdentifier, number) }
    }

    /// Has the server execute a command.
    @discardableResult
    nonisolated func execute(_ name: StaticString, _ arguments: String...) async throws -> RESPValue {
        let address = RedisSessionStore.Address.host("127.0.0.1", port: port)
        var target = RedisTarget(name: "the private server") { address.resolved(on: $0) }
        target.operationTimeout = .seconds(10)
        target.handshake.hello(username: nil, password: nil)
        let connection = RedisConnection(target, on: MultiThreadedEventLoopGroup.singleton.next())
        var command = RESPCommand(name)
        for argument in arguments { command.append(argument) }
        let result: Result<RESPValue, RedisFailure>
        do {
            result = .success(
                try await connection.send(command, deadline: .now() + .seconds(10), isCancellable: false)
            )
        } catch {
            result = .failure(error)
        }
        try await connection.shutDown().get()
        return try result.get()
    }

    /// The settings of a store on this server.
    nonisolated func configuration(timeout: Duration = .seconds(20)) -> RedisSessionStore.Configuration {
        var configuration = RedisSessionStore.Configuration(.single(.host("127.0.0.1", port: port)))
        configuration.operationTimeout = timeout
        configuration.connectTimeout = timeout
        return configuration
    }
}
#endif
