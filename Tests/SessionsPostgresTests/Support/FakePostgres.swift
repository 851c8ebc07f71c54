#if PostgreSQL
import Foundation
import Sessions
import Synchronization

@testable import SessionsPostgres

/// A server in this process that says what a test has it say, up to what no server would.
final class FakePostgres: Sendable {
    private let socket: ListeningSocket
    private let received = Mutex<[UInt8]>([])

    /// Runs `body` with a server.
    /// - Parameters:
    ///   - greeting: What it says to a client's first message, instead of letting it in.
    ///   - answer: What it says to each request once the client is in; `nil` for nothing.
    static func run<Value>(
        greeting: (@Sendable (TestConnection) -> Void)? = nil,
        answer: @escaping @Sendable (_ request: [UInt8], TestConnection) -> Void = { _, connection in
            connection.write(Message.empty)
        },
        _ body: (FakePostgres) async throws -> Value
    ) async throws -> Value {
        let server = FakePostgres(try ListeningSocket())
        defer { server.socket.close() }
        server.socket.serve { connection in
            guard let hello = connection.read() else { return }
            server.note(hello)
            if let greeting {
                greeting(connection)
                // Whatever the client answers is remembered: a password, for example.
                while let bytes = connection.read() { server.note(bytes) }
                return
            }
            connection.write(Message.welcome)
            while let bytes = connection.read() {
                server.note(bytes)
                if bytes.first == UInt8(ascii: "X") { return }
                answer(bytes, connection)
            }
        }
        return try await body(server)
    }

    private init(_ socket: ListeningSocket) {
        self.socket = socket
    }

    private func note(_ bytes: [UInt8]) { received.withLock { if $0.count < 1 << 20 { $0 += bytes } } }

    /// Whether clients have sent these bytes.
    func hasReceived(_ text: String) -> Bool { received.withLock { $0.firstRange(of: Array(text.utf8)) != nil } }

    func configuration(timeout: Duration = .seconds(1)) -> PostgresSessionStore.Configuration {
        var configuration = PostgresSessionStore.Configuration(
            hosts: [.host("127.0.0.1", port: socket.port)],
            username: "app",
            password: "5ecret",
            database: "app"
        )
        configuration.operationTimeout = timeout
        configuration.connectTimeout = timeout
        configuration.maximumConnections = 2
        return configuration
    }

    /// What servers say.
    enum Message {
        static func message(_ type: Character, _ body: [UInt8], length: UInt32? = nil) -> [UInt8] {
            [type.asciiValue ?? 0] + bytes(length ?? UInt32(body.count + 4)) + body
        }

        static func bytes(_ number: UInt32) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }

        static func authentication(_ code: UInt32, _ body: [UInt8] = []) -> [UInt8] { message("R", bytes(code) + body) }

        static func parameter(_ name: String, _ value: String) -> [UInt8] {
            message("S", Array(name.utf8) + [0] + Array(value.utf8) + [0])
        }

        static let ready = message("Z", [UInt8(ascii: "I")])

        /// Lets anybody in.
        static let welcome =
            authentication(0) + parameter("server_version", "15.1") + parameter("client_encoding", "UTF8")
            + parameter("default_transaction_read_only", "off") + parameter("in_hot_standby", "off")
            + parameter("standard_conforming_strings", "on") + message("K", bytes(1) + bytes(2)) + ready

        /// To a text: there is nothing.
        static let empty = message("I", []) + ready

        static func error(_ state: String, _ severity: String = "ERROR", _ text: String = "no") -> [UInt8] {
            var body: [UInt8] = []
            for (field, value) in [
                ("S", severity), ("V", severity), ("C", state), ("M", text), ("D", "the 5ecret value"),
            ] {
                body += Array(field.utf8) + Array(value.utf8) + [0]
            }
            return message("E", body + [0])
        }
    }
}
#endif
