#if PostgreSQL
import CPostgres
import Sessions
import SessionsSQL

// Changes of several rows in one round trip. What the server gets between two marks of a pipeline is one transaction, which
// it commits at the second mark: there is no moment in which it waits for the client and keeps rows locked.

extension PostgresConnection {
    var executesTogether: Bool { preparesStatements }

    /// How long the server waits for a row that others have locked. One that they keep longer is waited for by the one who
    /// wants it, and not by all of them.
    private static let waitBriefly = (name: "wait_briefly", text: "SELECT set_config('lock_timeout', '100', true)")
    /// For the commit, which takes its turn where changes are announced: it is the last thing that has to wait.
    private static let wait = (name: "wait", text: "SELECT set_config('lock_timeout', '0', true)")

    /// How many bytes go together. More might not be taken by the server at once, which then would wait for the rest.
    private static let byteLimit = 64 * 1024

    func executeTogether(_ statement: SQLStatement, _ lists: [[SQLValue]]) throws(SQLFailure) -> [Bool]? {
        guard lists.reduce(0, { $0 + $1.reduce(64) { $0 + ($1.bytes?.count ?? 8) } }) <= Self.byteLimit else {
            return nil
        }
        var preparations: [(name: String, text: String)] = []
        if !isWaitPrepared { preparations = [Self.waitBriefly, Self.wait] }
        let isFirst = !prepared[statement.rawValue]
        try send(statement, lists, preparations: preparations, isFirst: isFirst)
        let answer = link.answer(isPipeline: true)
        if PQexitPipelineMode(link.connection) == 0, answer.failure == nil {
            throw unknown(statement, "the server's answer does not end")
        }
        // The preparations come first, and stay when what follows fails.
        var answers = answer.affected[...]
        if answers.count >= preparations.count { isWaitPrepared = true }
        answers = answers.dropFirst(preparations.count)
        if isFirst, answers.popFirst() != nil { prepared[statement.rawValue] = true }
        // Before the changes and after them the wait is set.
        let isComplete = answers.count == lists.count + 2
        if var failure = answer.failure {
            // Taken back if the server has said so; nobody knows if it has said nothing, or ended the connection after it had
            // executed all of them, since it may have come as far as to commit them.
            failure.mayHaveExecuted =
                answer.wasSent && failure.closesConnection && (failure.code.isEmpty || isComplete)
            throw failure
        }
        guard isComplete else { throw unknown(statement, "the server has answered too little") }
        return answers.dropFirst().dropLast().map { $0 == 1 }
    }

    private func send(
        _ statement: SQLStatement,
        _ lists: [[SQLValue]],
        preparations: [(name: String, text: String)],
        isFirst: Bool
    ) throws(SQLFailure) {
        let connection = link.connection
        let (name, text) = (Self.name(of: statement), statements[statement])
        // Without the mark at the end the server takes back what it has executed.
        guard PQenterPipelineMode(connection) == 1,
            preparations.allSatisfy({ PQsendPrepare(connection, $0.name, $0.text, 0, nil) == 1 })
        else { throw link.lost() }
        for (index, values) in lists.enumerated() {
            parameters.replace(with: values)
            let isTaken = parameters.withPointers { count, types, values, lengths, formats in
                if index == 0 {
                    if isFirst, PQsendPrepare(connection, name, text, count, types) == 0 { return false }
                    if !sendSetting(Self.waitBriefly.name) { return false }
                }
                return PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1) == 1
            }
            guard isTaken else { throw link.lost() }
        }
        guard sendSetting(Self.wait.name), PQpipelineSync(connection) == 1 else { throw link.lost() }
    }

    private func sendSetting(_ name: String) -> Bool {
        PQsendQueryPrepared(link.connection, name, 0, nil, nil, nil, 1) == 1
    }
}
#endif
