import Sessions
import SessionsSQL
import Testing

@Suite("Statements")
struct SQLStatementTests {
    private func parameterCount(_ text: String, _ dialect: SQLDialect) -> Int {
        guard dialect == .postgres else { return text.count { $0 == "?" } }
        return text.matches(of: /\$([0-9]+)/).compactMap { Int($0.output.1) }.max() ?? 0
    }

    @Test("All dialects take the same parameters", arguments: SQLStatement.allCases)
    func parameters(_ statement: SQLStatement) throws {
        let tables = try SQLTables("sessions")
        let counts = ([.mysql, .postgres, .sqlite] as [SQLDialect]).map {
            parameterCount(SQLStatements(dialect: $0, tables: tables)[statement], $0)
        }
        #expect(Set(counts).count == 1)
    }

    @Test("Whatever changes a record compares its stamp and its deadline in the same statement (D6, D7)")
    func conditions() throws {
        for dialect in [SQLDialect.mysql, .postgres, .sqlite] {
            let statements = SQLStatements(dialect: dialect, tables: try SQLTables("sessions"))
            for statement in [SQLStatement.update, .touch, .delete] {
                let text = statements[statement].replacing(/\$[0-9]+/, with: "?")
                #expect(text.hasSuffix("WHERE id = ? AND stamp = ? AND expires_at > ?"))
            }
        }
    }

    @Test(
        "A table's name that could be anything but a name is refused",
        arguments: [
            "", "1sessions", "Sessions", "sess ions", "sessions;drop", "a\"b", "a`b", "a'b", "sessi\u{F6}ns", "_a",
            "a.b",
            String(repeating: "a", count: 41),
        ]
    )
    func tableNames(_ name: String) {
        let error = #expect(throws: SessionStoreError.self) { try SQLTables(name) }
        #expect(error?.code == .misconfigured)
    }

    @Test("Tables are InnoDB and all columns bytes or numbers: no collation, no time zone, no MyISAM (D20, D22)")
    func definition() throws {
        let mysql = SQLSchema(dialect: .mysql, tables: try SQLTables("app_sessions")).definition
        let tables = mysql.filter { $0.hasPrefix("CREATE TABLE") }
        #expect(tables.count == 5)
        #expect(tables.allSatisfy { $0.contains("ENGINE=InnoDB") && $0.contains("app_sessions") })
        for dialect in [SQLDialect.mysql, .postgres, .sqlite] {
            let text = SQLSchema(dialect: dialect, tables: try SQLTables("sessions")).definition.joined()
            for type in ["CHAR(", "TEXT", "TIMESTAMP", "DATETIME", "MyISAM"] { #expect(!text.contains(type)) }
        }
    }
}
