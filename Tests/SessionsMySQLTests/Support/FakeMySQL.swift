#if MySQL
import Sessions
import Synchronization

@testable import SessionsMySQL

/// A server in this process that says what a closure has it say: to be hostile with.
final class FakeMySQL: Sendable {
    /// One connection, served by a thread of its own.
    struct Peer: Sendable {
        fileprivate let descriptor: CInt
        fileprivate let server: FakeMySQL

        /// - Returns: What came, or `nil` at the end.
        @discardableResult
        func read() -> [UInt8]? {
            guard let bytes = LoopbackSocket.read(descriptor) else { return nil }
            server.state.withLock { $0.received += bytes }
            return bytes
        }

        @discardableResult
        func write(_ bytes: [UInt8]) -> Bool { LoopbackSocket.write(bytes, to: descriptor) }

        /// Sends one packet.
        @discardableResult
        func send(_ payload: [UInt8], number: UInt8) -> Bool { write(FakeMySQL.packet(payload, number: number)) }

        /// Greets, takes any user, and then answers each command with `answer`.
        func serve(_ answer: (_ command: [UInt8]) -> [UInt8]?) {
            send(FakeMySQL.greeting(), number: 0)
            guard read() != nil, send(FakeMySQL.ok, number: 2) else { return }
            while let command = read() {
                guard let bytes = answer(Array(command.dropFirst(4))), write(bytes) else { return }
            }
        }

        /// Greets, does what a session needs at its beginning, prepares every statement, and then answers each execution
        /// with what `answer` gives for the statement's text; `nil` to hang up.
        func serveStatements(_ answer: (_ text: String) -> [UInt8]?) {
            var texts: [UInt32: String] = [:]
            serve { command in
                switch command.first {
                case 0x03:
                    guard command.starts(with: [0x03] + Array("SELECT @@".utf8)) else {
                        return FakeMySQL.packet(FakeMySQL.ok, number: 1)
                    }
                    return FakeMySQL.rows(columns: [0xFD, 0xFD], [FakeMySQL.text("16777216") + FakeMySQL.text("0")])
                case 0x16:
                    let text = String(decoding: command.dropFirst(), as: UTF8.self)
                    let number = UInt32(texts.count + 1)
                    texts[number] = text
                    return FakeMySQL.prepared(number, text)
                case 0x17:
                    let number = command.dropFirst().prefix(4).reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
                    return answer(texts[number] ?? "")
                default: return nil
                }
            }
        }

        /// Waits until the other side hangs up.
        func wait() { while read() != nil {} }
    }

    private struct State {
        var received: [UInt8] = []
        var descriptors: Set<CInt> = []
    }

    private let state = Mutex(State())
    private let listener: CInt
    let port: Int

    /// Runs `body` with a server that does `script` on each connection, and then hangs up.
    static func run<Value>(
        _ script: @escaping @Sendable (Peer) -> Void,
        _ body: (FakeMySQL) async throws -> Value
    ) async throws -> Value {
        let server = try FakeMySQL(script)
        defer { server.stop() }
        return try await body(server)
    }

    private init(_ script: @escaping @Sendable (Peer) -> Void) throws {
        (listener, port) = try LoopbackSocket.listen()
        _ = SystemThread.start {
            while let descriptor = LoopbackSocket.accept(self.listener) {
                self.state.withLock { _ = $0.descriptors.insert(descriptor) }
                _ = SystemThread.start {
                    script(Peer(descriptor: descriptor, server: self))
                    self.state.withLock { state in
                        LoopbackSocket.end(descriptor)
                        state.descriptors.remove(descriptor)
                        LoopbackSocket.release(descriptor)
                    }
                }
            }
            LoopbackSocket.release(self.listener)
        }
    }

    private func stop() {
        LoopbackSocket.end(listener)
        state.withLock { for descriptor in $0.descriptors { LoopbackSocket.end(descriptor) } }
    }

    /// All that clients have sent.
    var received: [UInt8] { state.withLock { $0.received } }

    func configuration() -> MySQLSessionStore.Configuration {
        var configuration = MySQLSessionStore.Configuration(
            hosts: [.host("127.0.0.1", port: port)],
            username: "app",
            password: "5ecret",
            database: "app"
        )
        configuration.connectTimeout = .milliseconds(500)
        configuration.operationTimeout = .milliseconds(500)
        return configuration
    }

    // MARK: Packets

    static func packet(_ payload: [UInt8], number: UInt8) -> [UInt8] {
        [UInt8(payload.count & 0xFF), UInt8(payload.count >> 8 & 0xFF), UInt8(payload.count >> 16 & 0xFF), number]
            + payload
    }

    /// - Parameter plugin: The way to authenticate that the server begins with.
    static func greeting(version: String = "10.11.6-MariaDB", plugin: String = "mysql_native_password") -> [UInt8] {
        var bytes: [UInt8] = [10] + Array(version.utf8) + [0]
        bytes += [1, 0, 0, 0] + Array(repeating: 0x41, count: 8) + [0]
        // What everybody has, without TLS and compression.
        bytes += [0xDF, 0xF7, 45, 2, 0, 0x0F, 0, 21] + Array(repeating: 0, count: 10)
        return bytes + Array(repeating: 0x42, count: 12) + [0] + Array(plugin.utf8) + [0]
    }

    static let ok: [UInt8] = [0, 0, 0, 2, 0, 0, 0]

    private static let end: [UInt8] = [0xFE, 0, 0, 2, 0]

    /// With its length, up to 250 bytes.
    static func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

    private static func column(_ type: UInt8) -> [UInt8] {
        text("def") + text("") + text("") + text("") + text("c") + text("") + [12, 63, 0, 0xFF, 0xFF, 0, 0, type]
            + [0, 0, 0, 0, 0]
    }

    /// A statement with as many parameters as its text has question marks, and the columns of a record if it reads.
    static func prepared(_ number: UInt32, _ text: String) -> [UInt8] {
        let parameters = text.utf8.count { $0 == UInt8(ascii: "?") }
        let columns: [UInt8] = text.hasPrefix("SELECT") ? [0xFC, 0x08] : []
        var packets: [[UInt8]] = [
            [0] + (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } + [UInt8(columns.count), 0]
                + [UInt8(parameters), 0, 0, 0, 0]
        ]
        if parameters > 0 { packets += Array(repeating: column(0xFC), count: parameters) + [end] }
        if !columns.isEmpty { packets += columns.map(column) + [end] }
        return packets.enumerated().flatMap { packet($1, number: UInt8(truncatingIfNeeded: $0 + 1)) }
    }

    /// A result with columns of these types.
    static func rows(columns: [UInt8], _ rows: [[UInt8]]) -> [UInt8] {
        let packets = [[UInt8(columns.count)]] + columns.map(column) + [end] + rows + [end]
        return packets.enumerated().flatMap { packet($1, number: UInt8(truncatingIfNeeded: $0 + 1)) }
    }

    static func error(_ code: UInt16, _ text: String) -> [UInt8] {
        [0xFF, UInt8(code & 0xFF), UInt8(code >> 8)] + Array("#HY000".utf8) + Array(text.utf8)
    }

    /// The other side is to authenticate anew, with this plugin.
    static func authSwitch(_ plugin: String) -> [UInt8] {
        [0xFE] + Array(plugin.utf8) + [0] + Array(repeating: 0x43, count: 20) + [0]
    }
}
#endif
