#if PostgreSQL
import Foundation
import Sessions
import SessionsSQL
import Synchronization
import Testing

@testable import SessionsPostgres

/// What is known of a statement when its connection ends, or says something else than usual.
@Suite("What became of a statement")
struct PostgresOutcomeTests {
    private typealias Message = FakePostgres.Message

    /// The answer to one request, and whether the server ends the connection then.
    private struct Reply: Sendable {
        var bytes: [UInt8] = []
        var ends = false

        /// A statement that was prepared and executed, up to the mark at the end.
        static let parsed = Message.message("1", [])
        static let completed =
            Message.message("2", []) + Message.message("n", []) + Message.message("C", Array("DELETE 1\0".utf8))
    }

    /// Runs `body` with a connection to a server that gives these answers, one after the other.
    private func withConnection<Value>(
        _ replies: Reply...,
        body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let next = Mutex(0)
        let answer: @Sendable ([UInt8], TestConnection) -> Void = { _, connection in
            let index = next.withLock { number in
                defer { number += 1 }
                return number
            }
            let reply = replies[min(index, replies.count - 1)]
            connection.write(reply.bytes)
            if reply.ends { shutdown(connection.descriptor, Int32(SHUT_RDWR)) }
        }
        return try await FakePostgres.run(answer: answer) { server in
            let connection = PostgresConnection(
                try PostgresServers(server.configuration()).connect(),
                statements: SQLStatements(dialect: .postgres, tables: try SQLTables("sessions")),
                preparesStatements: true
            )
            defer { connection.close() }
            return try await body(connection)
        }
    }

    private func refusal(_ connection: PostgresConnection, _ statement: SQLStatement = .delete) -> SQLFailure? {
        let values: [SQLValue] = statement == .load ? [.bytes([1])] : [.bytes([1]), .integer(2), .integer(3)]
        do throws(SQLFailure) {
            _ = try connection.execute(statement, values)
            return nil
        } catch {
            return error
        }
    }

    private let done = Reply(bytes: Reply.parsed + Reply.completed + Message.ready)

    @Test("The connection ends without a word: nobody knows, unless it was a read", arguments: [true, false])
    func ends(isFirst: Bool) async throws {
        try await withConnection(isFirst ? Reply(ends: true) : done, Reply(ends: true)) { connection in
            if !isFirst { #expect(refusal(connection) == nil) }
            let failure = try #require(refusal(connection))
            #expect(failure.kind == .connection && failure.mayHaveExecuted && failure.closesConnection)
        }
        try await withConnection(Reply(ends: true)) { connection in
            let failure = try #require(refusal(connection, .load))
            #expect(failure.kind == .connection && !failure.mayHaveExecuted && failure.closesConnection)
        }
    }

    @Test("An error instead of its completion: it was taken back")
    func error() async throws {
        try await withConnection(Reply(bytes: Reply.parsed + Message.error("40P01") + Message.ready), done) {
            connection in
            let failure = try #require(refusal(connection))
            #expect(failure.kind == .contention && !failure.mayHaveExecuted && !failure.closesConnection)
            #expect(!failure.message.contains("5ecret"))
            // The connection goes on.
            #expect(refusal(connection) == nil)
        }
    }

    @Test("57P01 instead of its completion: it was taken back, and the connection is gone")
    func fatal() async throws {
        let reply = Reply(bytes: Reply.parsed + Message.error("57P01", "FATAL"), ends: true)
        try await withConnection(reply) { connection in
            let failure = try #require(refusal(connection))
            #expect(failure.kind == .connection && failure.code == "57P01")
            #expect(!failure.mayHaveExecuted && failure.closesConnection)
        }
    }

    @Test("57P01, or no word at all, after its completion and before the end: nobody knows")
    func fatalAfterCompletion() async throws {
        for end in [Message.error("57P01", "FATAL"), []] {
            for isFirst in [true, false] {
                let reply = Reply(bytes: (isFirst ? Reply.parsed : []) + Reply.completed + end, ends: true)
                try await withConnection(isFirst ? reply : done, reply) { connection in
                    if !isFirst { #expect(refusal(connection) == nil) }
                    let failure = try #require(refusal(connection))
                    #expect(failure.mayHaveExecuted && failure.closesConnection)
                }
            }
        }
    }

    @Test("An error after its completion: the commit was taken back")
    func errorAfterCompletion() async throws {
        let reply = Reply(bytes: Reply.parsed + Reply.completed + Message.error("40001") + Message.ready)
        try await withConnection(reply) { connection in
            let failure = try #require(refusal(connection))
            #expect(failure.kind == .contention && !failure.mayHaveExecuted)
        }
    }

    @Test("In a transaction nothing has happened until it is committed, and then nobody knows")
    func transaction() async throws {
        let begun = Reply(
            bytes: Message.message("C", Array("BEGIN\0".utf8)) + Message.message("Z", [UInt8(ascii: "T")])
        )
        try await withConnection(begun, Reply(ends: true)) { connection in
            try connection.begin()
            let failure = try #require(refusal(connection))
            #expect(!failure.mayHaveExecuted && failure.closesConnection)
        }
        try await withConnection(begun, Reply(ends: true)) { connection in
            try connection.begin()
            let failure = #expect(throws: SQLFailure.self) { try connection.commit() }
            #expect(failure?.mayHaveExecuted == true && failure?.closesConnection == true)
        }
        let rolledBack = Reply(bytes: Message.message("C", Array("ROLLBACK\0".utf8)) + Message.ready)
        try await withConnection(begun, rolledBack) { connection in
            try connection.begin()
            let failure = #expect(throws: SQLFailure.self) { try connection.commit() }
            #expect(failure?.mayHaveExecuted == false)
        }
    }

    @Test("A connection that has ended is of no use")
    func usability() async throws {
        try await withConnection(done) { connection in
            #expect(refusal(connection) == nil)
            #expect(connection.isUsable)
        }
        try await withConnection(Reply(bytes: done.bytes, ends: true)) { connection in
            #expect(refusal(connection) == nil)
            await eventually("its end is seen") { !connection.isUsable }
        }
    }

    @Test("A call that is interrupted by another thread ends at once")
    func interrupted() async throws {
        try await withConnection(Reply()) { connection in
            let interruption = connection.interruption
            _ = SystemThread.start {
                var entry = pollfd(fd: -1, events: 0, revents: 0)
                _ = poll(&entry, 1, 100)
                interruption.interrupt()
            }
            let time = duration {
                let failure = refusal(connection)
                #expect(failure?.mayHaveExecuted == true && failure?.closesConnection == true)
            }
            #expect(time < .seconds(5))
        }
    }

    private func duration(_ body: () -> Void) -> Duration {
        let start = ContinuousClock.now
        body()
        return ContinuousClock.now - start
    }
}
#endif
