#if Redis
import Foundation
import NIOCore
import NIOPosix

@testable import SessionsRedis

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// One of the servers that `Scripts/services` has started: to be asked beside the store, and to be harmed.
final class RedisNode: Sendable {
    let port: Int
    private let connection: RedisConnection

    init(port: Int, password: String? = nil) {
        self.port = port
        let address = RedisSessionStore.Address.host("127.0.0.1", port: port)
        var target = RedisTarget(name: "node \(port)", resolve: { address.resolved(on: $0) })
        target.handshake.hello(username: nil, password: password)
        target.longestPause = .milliseconds(50)
        connection = RedisConnection(target, on: MultiThreadedEventLoopGroup.singleton.next())
    }

    var address: RedisSessionStore.Address { .host("127.0.0.1", port: port) }

    func send(_ name: StaticString, _ arguments: String...) async throws -> RESPValue {
        var command = RESPCommand(name)
        for argument in arguments { command.append(argument) }
        return try await connection.send(command, deadline: .now() + .seconds(1), isCancellable: false)
    }

    func close() async { try? await connection.shutDown().get() }

    /// `master`, `slave`, or `nil` where there is no answer.
    func role() async -> String? {
        guard case .array(let parts) = try? await send("ROLE") else { return nil }
        return parts.first?.text
    }

    /// The lines of `INFO`.
    func info(_ section: String) async throws -> [String: String] {
        let text = try await send("INFO", section).text ?? ""
        var fields: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
        return fields
    }

    func processID() async throws -> pid_t {
        guard let text = try await info("server")["process_id"], let id = pid_t(text), id > 1 else {
            throw TestServers.Missing(name: "the process of port \(port)")
        }
        return id
    }
}

/// Runs `Scripts/services`.
///
/// Not with Foundation's `Process`, which on Linux takes a command for unfinished as long as the servers that it has
/// started are running.
func runServices(_ arguments: String...) async throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    let command = [root.appending(path: "Scripts/services").path] + arguments
    let environment = ProcessInfo.processInfo.environment.map { "\($0)=\($1)" }
    let process = command.withCStrings { command in
        environment.withCStrings { environment in
            var process: pid_t = 0
            guard let path = command[0] else { return pid_t?.none }
            return posix_spawn(&process, path, nil, nil, command, environment) == 0 ? process : nil
        }
    }
    guard let process else { throw TestServers.Missing(name: "Scripts/services") }
    let hasEnded = await eventually(within: .seconds(30)) {
        var status: Int32 = 0
        return waitpid(process, &status, WNOHANG) != 0
    }
    guard hasEnded else { throw TestServers.Missing(name: "an end of Scripts/services") }
}

extension [String] {
    /// With a null pointer behind the last.
    fileprivate func withCStrings<Result>(_ body: ([UnsafeMutablePointer<CChar>?]) -> Result) -> Result {
        let strings: [UnsafeMutablePointer<CChar>?] = map { strdup($0) } + [nil]
        defer { for string in strings { free(string) } }
        return body(strings)
    }
}
#endif
