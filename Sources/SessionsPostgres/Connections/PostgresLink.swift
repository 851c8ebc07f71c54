#if PostgreSQL
import CPostgres
import Sessions
import SessionsSQL

/// A connection of libpq's, used without ever waiting inside libpq: one thread has it, and waits for the socket itself.
///
/// Another thread may end such a wait by ``socket``'s `interrupt`.
final class PostgresLink {
    /// A `PGconn`.
    let connection: OpaquePointer
    let socket: WatchedSocket
    /// The server, `host:port`.
    let server: String
    private let descriptor: PostgresSocket
    /// A record of TLS may have come in part, or lie in the library's buffer, where no wait for the socket sees it.
    private let longestWait: Int64

    /// How many results may come for one request: what is more was not asked for.
    private static let maximumResults = 32

    /// Opens a connection within a time.
    /// - Parameters:
    ///   - server: What the server is called in messages.
    ///   - isLocal: Whether the connection does not leave the machine by a local socket.
    init(
        _ parameters: PostgresParameters,
        server: String,
        isLocal: Bool,
        deadline: ContinuousClock.Instant
    ) throws(SQLFailure) {
        guard let connection = PQconnectStart(try parameters.connectionString()) else {
            throw SQLFailure(.connection, "libpq has no memory")
        }
        do throws(SQLFailure) {
            try Self.connect(connection, isLocal: isLocal, deadline: deadline)
            guard PQsetnonblocking(connection, 1) == 0 else {
                throw SQLFailure(.connection, PostgresFailure.cleaned(PQerrorMessage(connection)))
            }
        } catch {
            PQfinish(connection)
            throw error
        }
        // Only what a person reads at once: values stand in the details.
        _ = PQsetErrorVerbosity(connection, PQERRORS_TERSE)
        self.connection = connection
        self.server = server
        socket = WatchedSocket(PQsocket(connection))
        descriptor = PostgresSocket(descriptor: PQsocket(connection))
        longestWait = PQsslInUse(connection) != 0 ? 100 : 10_000
    }

    private static func connect(
        _ connection: OpaquePointer,
        isLocal: Bool,
        deadline: ContinuousClock.Instant
    ) throws(SQLFailure) {
        // With the SQLSTATE, which there is no other way to learn.
        _ = PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
        // Else they are printed.
        _ = PQsetNoticeReceiver(connection, { _, _ in }, nil)
        guard PQstatus(connection) != CONNECTION_BAD else { throw SQLFailure(connecting: PQerrorMessage(connection)) }
        var state = PGRES_POLLING_WRITING
        while true {
            switch state {
            case PGRES_POLLING_OK:
                return
            case PGRES_POLLING_READING, PGRES_POLLING_WRITING:
                let descriptor = PQsocket(connection)
                guard descriptor >= 0 else { break }
                let socket = PostgresSocket(descriptor: descriptor)
                let isReading = state == PGRES_POLLING_READING
                while !socket.wait(reading: isReading, writing: !isReading, milliseconds: deadline.millisecondsAhead) {
                    guard deadline > .now else { throw SQLFailure(.connection, "no answer in time") }
                }
                if isReading, PQstatus(connection) == CONNECTION_AWAITING_RESPONSE, PQsslInUse(connection) == 0 {
                    try PostgresAuthenticationGuard(socket: socket, allowsCleartext: isLocal).check(by: deadline)
                }
                // A server that always has something to say would otherwise never let go.
                guard deadline > .now else { throw SQLFailure(.connection, "not ready in time") }
            default:
                throw SQLFailure(connecting: PQerrorMessage(connection))
            }
            state = PQconnectPoll(connection)
        }
    }

    /// Closes the connection. Called once, the last of all.
    func close() {
        socket.forget()
        PQfinish(connection)
    }

    /// Such as 150004 for version 15.4.
    var serverVersion: Int { Int(PQserverVersion(connection)) }

    // MARK: Requests

    /// What a server has answered to one request.
    struct Answer {
        /// The first result, for the caller to clear.
        var result: PostgresResult?
        var failure: SQLFailure?
        /// How many requests were completed before the failure.
        var completedCount = 0
        /// Of a pipeline, how many rows each of them has inserted, changed or deleted.
        var affected: [Int] = []
        /// Whether all that was asked had left before the failure.
        var wasSent = false
    }

    /// Sends what libpq has taken and reads the answer to its end, so that nothing is left for the next request.
    /// - Parameters:
    ///   - isPipeline: Whether several requests were put together, and the answer ends with a mark.
    ///   - byteLimit: How many bytes the answer has at most, or about so many.
    func answer(isPipeline: Bool = false, byteLimit: Int = 1 << 26) -> Answer {
        var answer = Answer()
        var byteCount = 0
        do throws(SQLFailure) {
            while true {
                let flushed = PQflush(connection)
                guard flushed >= 0 else { throw lost() }
                if flushed == 0 { break }
                let socket = descriptor
                if socket.wait(reading: true, writing: true, milliseconds: longestWait) {
                    try consume(&byteCount, byteLimit)
                }
            }
            answer.wasSent = true
            var count = 0
            var isAfterEnd = false
            while true {
                while PQisBusy(connection) != 0 {
                    _ = descriptor.wait(reading: true, writing: false, milliseconds: longestWait)
                    try consume(&byteCount, byteLimit)
                }
                guard let raw = PQgetResult(connection) else {
                    // In a pipeline this ends one request; two in a row are one too many.
                    guard isPipeline, !isAfterEnd else { return answer }
                    isAfterEnd = true
                    continue
                }
                isAfterEnd = false
                let result = PostgresResult(raw)
                count += 1
                guard count <= Self.maximumResults else {
                    throw SQLFailure(.connection, "the server sends more than it was asked for", closesConnection: true)
                }
                switch result.status {
                case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                    answer.completedCount += 1
                    if isPipeline { answer.affected.append(result.affected) }
                    // Of a pipeline the last one counts: what was prepared goes before.
                    if answer.result == nil || isPipeline { answer.result = result }
                case PGRES_PIPELINE_SYNC:
                    return answer
                case PGRES_PIPELINE_ABORTED:
                    break
                case PGRES_FATAL_ERROR:
                    if answer.failure == nil {
                        var failure = SQLFailure(result.pointer)
                        if PQstatus(connection) == CONNECTION_BAD { failure.closesConnection = true }
                        answer.failure = failure
                    } else if PQstatus(connection) == CONNECTION_BAD {
                        answer.failure?.closesConnection = true
                    }
                default:
                    // A copy, for example: nothing that was asked for.
                    throw SQLFailure(.connection, "the server sends what it was not asked for", closesConnection: true)
                }
            }
        } catch {
            if answer.failure == nil { answer.failure = error } else { answer.failure?.closesConnection = true }
            return answer
        }
    }

    /// Reads what has come. What other sessions announce stays with libpq until ``nextNotice()``.
    private func consume(_ byteCount: inout Int, _ limit: Int) throws(SQLFailure) {
        byteCount += descriptor.waitingByteCount
        guard byteCount <= limit else {
            throw SQLFailure(.other, "the server's answer is larger than \(limit) bytes", closesConnection: true)
        }
        guard PQconsumeInput(connection) != 0 else { throw lost() }
    }

    func lost() -> SQLFailure {
        SQLFailure(.connection, PostgresFailure.cleaned(PQerrorMessage(connection)), closesConnection: true)
    }

    /// Executes a text of one statement's and gives its rows as text. Nothing is bound: for texts that this package has
    /// written.
    @discardableResult
    func query(_ text: String) throws(SQLFailure) -> [[String?]] { try request(text).texts }

    /// - Returns: The statement's tag, such as `COMMIT`.
    func command(_ text: String) throws(SQLFailure) -> String { try request(text).tag }

    private func request(_ text: String) throws(SQLFailure) -> PostgresResult {
        guard PQsendQuery(connection, text) == 1 else { throw lost() }
        let answer = answer()
        if var failure = answer.failure {
            failure.mayHaveExecuted = answer.wasSent && failure.closesConnection
            throw failure
        }
        guard let result = answer.result else {
            throw SQLFailure(
                .connection,
                "the server has answered nothing",
                mayHaveExecuted: true,
                closesConnection: true
            )
        }
        return result
    }

    // MARK: Notices

    /// Waits until something comes, for a time, and reads it.
    /// - Returns: Whether something came.
    func waitForInput(milliseconds: Int64) throws(SQLFailure) -> Bool {
        guard descriptor.wait(reading: true, writing: false, milliseconds: milliseconds) else { return false }
        guard PQconsumeInput(connection) != 0 else { throw lost() }
        return true
    }

    /// What another session has announced and nobody has taken yet.
    func nextNotice() -> String? {
        guard let notice = PQnotifies(connection) else { return nil }
        defer { PQfreemem(notice) }
        return notice.pointee.extra.map { String(cString: $0) }
    }
}
#endif
