#if MySQL
import Foundation
import Sessions
import Testing

@testable import SessionsMySQL

/// A server of a test's own, which it may stop, pause and set as it likes.
actor PrivateMariaDB {
    nonisolated let port: Int
    private let executable: URL
    private let folder: URL
    private let arguments: [String]
    private var process: Process?

    /// Runs `body` with a server, and ends it afterwards, whatever state it is in then.
    /// - Parameter arguments: Such as `--max-connections=5`.
    static func run<Value>(
        _ arguments: [String] = [],
        _ body: (PrivateMariaDB) async throws -> Value
    ) async throws -> Value {
        // Where there is the common server, its programs are there too.
        _ = try TestServers.value("SESSIONS_MYSQL_URL")
        let executable = try #require(program("mariadbd"))
        let folder = FileManager.default.temporaryDirectory.appending(path: "sessions-mysql-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let server = PrivateMariaDB(executable, folder, port: try LoopbackSocket.freePort(), arguments)
        do {
            try await server.install()
            try await server.start()
            let value = try await body(server)
            await server.kill()
            return value
        } catch {
            await server.kill()
            throw error
        }
    }

    private static func program(_ name: String) -> URL? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (path.split(separator: ":").map(String.init) + ["/usr/sbin"])
            .map { URL(filePath: $0).appending(path: name) }
            .first { FileManager.default.isExecutableFile(atPath: $0.path(percentEncoded: false)) }
    }

    private init(_ executable: URL, _ folder: URL, port: Int, _ arguments: [String]) {
        self.executable = executable
        self.folder = folder
        self.port = port
        self.arguments = arguments
    }

    private var common: [String] {
        [
            "--no-defaults", "--datadir=\(folder.path(percentEncoded: false))/data", "--user=\(NSUserName())",
            // A server that starts removes the temporary tables that it finds, whoever's they are.
            "--tmpdir=\(folder.path(percentEncoded: false))", "--innodb-log-file-size=8M",
            "--innodb-buffer-pool-size=16M",
        ]
    }

    private func install() async throws {
        let installer = try #require(Self.program("mariadb-install-db"))
        let process = Self.process(
            installer,
            common + ["--auth-root-authentication-method=normal", "--skip-test-db"],
            in: folder
        )
        try process.run()
        try await eventually("the server is installed", within: .seconds(60)) { !process.isRunning }
        guard !process.isRunning, process.terminationStatus == 0 else { throw noServer }
    }

    private static func process(_ executable: URL, _ arguments: [String], in folder: URL) -> Process {
        let process = Process()
        process.executableURL = executable
        process.currentDirectoryURL = folder
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let log = folder.appending(path: "log")
        _ = FileManager.default.createFile(atPath: log.path(percentEncoded: false), contents: nil)
        let output = FileHandle(forWritingAtPath: log.path(percentEncoded: false)) ?? .nullDevice
        process.standardOutput = output
        process.standardError = output
        return process
    }

    /// With the last words of the program that should have been one.
    struct NoServer: Error {
        let output: Substring
    }

    private var noServer: NoServer {
        let output = try? String(contentsOf: folder.appending(path: "log"), encoding: .utf8)
        return NoServer(output: (output ?? "").suffix(2000))
    }

    /// Starts it, again after ``kill()``, and waits until it answers.
    func start() async throws {
        let process = Self.process(
            executable,
            common + arguments + [
                "--port=\(port)", "--bind-address=127.0.0.1", "--socket=\(folder.path(percentEncoded: false))/s",
                "--pid-file=pid", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=1",
            ],
            in: folder
        )
        try process.run()
        self.process = process
        try await eventually("the server answers", within: .seconds(60)) {
            guard process.isRunning else { throw noServer }
            do {
                try await self.withAdministrator { _ = try await $0.execute("CREATE DATABASE IF NOT EXISTS app") }
                return true
            } catch {
                return false
            }
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

    @discardableResult
    nonisolated func withAdministrator<Value>(_ body: (Administrator) async throws -> Value) async throws -> Value {
        var configuration = configuration()
        configuration.database = "mysql"
        return try await Administrator.run(configuration, body)
    }

    /// The settings of a store on this server.
    nonisolated func configuration(timeout: Duration = .seconds(20)) -> MySQLSessionStore.Configuration {
        var configuration = MySQLSessionStore.Configuration(
            hosts: [.host("127.0.0.1", port: port)],
            username: "root",
            database: "app"
        )
        configuration.operationTimeout = timeout
        configuration.connectTimeout = timeout
        return configuration
    }
}
#endif
