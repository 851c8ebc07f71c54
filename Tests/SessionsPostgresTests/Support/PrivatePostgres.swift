#if PostgreSQL
import Foundation
import Sessions
import SessionsPostgres
import Testing

/// A server of a test's own, which it may stop, pause, and set up as it likes.
///
/// It needs PostgreSQL's programs, which `Scripts/services` installs: in `PATH`, or where Debian has them.
actor PrivatePostgres {
    nonisolated let port: Int
    nonisolated let folder: URL
    private nonisolated let programs: URL
    private var process: Process?

    /// Runs `body` with a server, and ends it afterwards, whatever state it is in then.
    /// - Parameter settings: Lines for `postgresql.conf`.
    static func run<Value>(
        settings: [String] = [],
        _ body: (PrivatePostgres) async throws -> Value
    ) async throws -> Value {
        // A server of one's own is for those who run the tests that need one.
        _ = try TestServers.value("SESSIONS_POSTGRES_URL")
        let folder = FileManager.default.temporaryDirectory.appending(path: "sessions-postgres-\(UUID().uuidString)")
        let server = PrivatePostgres(try programs(), folder, port: try freePort())
        defer { try? FileManager.default.removeItem(at: folder) }
        try await server.makeFolder(settings)
        let result: Result<Value, any Error>
        do {
            try await server.start()
            result = .success(try await body(server))
        } catch {
            result = .failure(error)
        }
        await server.kill()
        return try result.get()
    }

    private init(_ programs: URL, _ folder: URL, port: Int) {
        self.programs = programs
        self.folder = folder
        self.port = port
    }

    private static func programs() throws -> URL {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        var folders = path.split(separator: ":").map { URL(filePath: String($0)) }
        let packages = URL(filePath: "/usr/lib/postgresql")
        for version in (try? FileManager.default.contentsOfDirectory(atPath: packages.path())) ?? [] {
            folders.append(packages.appending(path: "\(version)/bin"))
        }
        let found = folders.first { FileManager.default.isExecutableFile(atPath: $0.appending(path: "initdb").path()) }
        guard let found else { throw TestServers.Missing(name: "initdb") }
        return found
    }

    /// A port below those that systems give to outgoing connections.
    private static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 22_000..<32_000)
            if let listener = try? ListeningSocket(port: port) {
                listener.close()
                return port
            }
        }
        throw NoServer(reason: "no port")
    }

    struct NoServer: Error, CustomStringConvertible {
        let reason: String
        var description: String { "no server: \(reason)" }
    }

    private nonisolated var data: String { folder.appending(path: "data").path(percentEncoded: false) }
    private nonisolated var log: URL { folder.appending(path: "log") }

    /// PostgreSQL refuses to run as root.
    private nonisolated func command(_ program: String, _ arguments: [String]) -> Process {
        let process = Process()
        let path = programs.appending(path: program).path(percentEncoded: false)
        if getuid() == 0 {
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments =
                ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", path] + arguments
        } else {
            process.executableURL = URL(filePath: path)
            process.arguments = arguments
        }
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        return process
    }

    private nonisolated func makeFolder(_ settings: [String]) async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data("5ecret\n".utf8).write(to: folder.appending(path: "password"))
        if getuid() == 0, let user = getpwnam("postgres") {
            chown(folder.path(percentEncoded: false), user.pointee.pw_uid, user.pointee.pw_gid)
        }
        let process = command(
            "initdb",
            [
                "--pgdata=\(data)", "--username=app", "--pwfile=\(folder.appending(path: "password").path())",
                "--auth=scram-sha-256", "--no-sync", "--locale=C", "--encoding=UTF8", "--wal-segsize=4",
            ]
        )
        try await Self.finish(process)
        guard process.terminationStatus == 0 else { throw NoServer(reason: "initdb has failed") }
        let lines =
            [
                "listen_addresses = '127.0.0.1'", "port = \(port)", "unix_socket_directories = ''", "fsync = off",
                "shared_buffers = 16MB", "min_wal_size = 8MB", "max_wal_size = 16MB",
            ] + settings
        let file = try FileHandle(forWritingTo: folder.appending(path: "data/postgresql.conf"))
        try file.seekToEnd()
        try file.write(contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8))
        try file.close()
    }

    private static func finish(_ process: Process) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
    }

    /// Starts it, again after ``kill()``, and waits until it takes connections.
    func start() async throws {
        let process = command("postgres", ["-D", data])
        try process.run()
        self.process = process
        var configuration = configuration()
        configuration.connectTimeout = .seconds(1)
        var reason = ""
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            guard process.isRunning else { throw NoServer(reason: "it has ended") }
            let error = await failure {
                let store = try await PostgresSessionStore.open(configuration)
                await store.shutDown()
            }
            guard let error else { return }
            reason = error.description
            await wait(.milliseconds(50))
        }
        throw NoServer(reason: reason)
    }

    /// Ends it at once, as a crash does, with all its processes.
    func kill() async {
        guard let process else { return }
        // SIGQUIT: it ends its children, who are no children of ours, without any farewell.
        signal(SIGCONT)
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGQUIT) }
        await eventually("the server has ended") { !process.isRunning }
        self.process = nil
    }

    /// Ends it as an administrator does: clients are told.
    func stop() async {
        guard let process, process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGINT)
        await eventually("the server has ended") { !process.isRunning }
        self.process = nil
    }

    /// It neither answers nor closes connections until ``resume()``.
    func pause() { signal(SIGSTOP) }

    func resume() { signal(SIGCONT) }

    /// To the server's first process and all its children.
    private func signal(_ number: Int32) {
        guard let process, process.isRunning else { return }
        for child in Self.children(of: process.processIdentifier) { Foundation.kill(child, number) }
        Foundation.kill(process.processIdentifier, number)
    }

    private static func children(of parent: Int32) -> [Int32] {
        #if os(Linux)
        let text = try? String(contentsOfFile: "/proc/\(parent)/task/\(parent)/children", encoding: .utf8)
        return (text ?? "").split(separator: " ").compactMap { Int32($0) }
        #else
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/pgrep")
        process.arguments = ["-P", "\(parent)"]
        process.standardOutput = output
        guard (try? process.run()) != nil else { return [] }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        return text.split(separator: "\n").compactMap { Int32($0) }
        #endif
    }

    /// The settings of a store on this server.
    nonisolated func configuration(timeout: Duration = .seconds(20)) -> PostgresSessionStore.Configuration {
        var configuration = PostgresSessionStore.Configuration(
            hosts: [.host("127.0.0.1", port: port)],
            username: "app",
            password: "5ecret",
            database: "postgres"
        )
        configuration.operationTimeout = timeout
        configuration.connectTimeout = min(timeout, .seconds(20))
        configuration.maximumConnections = 4
        return configuration
    }
}
#endif
