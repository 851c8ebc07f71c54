/// The tables, and how they come about.
///
/// Several servers may start at once: the caller holds a lock of the database's that the others wait for.
package struct SQLSchema: Sendable {
    /// The version that this code makes and works with.
    package static let version: Int64 = 1

    package let dialect: SQLDialect
    package let tables: SQLTables

    package init(dialect: SQLDialect, tables: SQLTables) {
        self.dialect = dialect
        self.tables = tables
    }

    /// The statements that make the tables, each to be executed by itself. Tables that are there stay as they are.
    ///
    /// Digests and records are bytes, times are milliseconds since 1970, so neither collation nor time zone matters. The
    /// column `expiry_slot` is the time of expiry in units of 262 seconds: an index on the time itself would be
    /// rewritten by every commit.
    package var definition: [String] {
        let digest = dialect.digestType
        let isMySQL = dialect == .mysql
        let digestCheck = dialect == .mysql ? "" : " CHECK (length(id) = 32)"
        let integer = dialect == .sqlite ? "INTEGER" : "BIGINT"
        func index(_ table: String, _ column: String) -> String {
            isMySQL ? ", KEY \(table)_\(column) (\(column))" : ""
        }
        func table(_ name: String, _ columns: String) -> String {
            "CREATE TABLE IF NOT EXISTS \(name) (\(columns))\(dialect.tableOptions)"
        }
        var statements = [
            table(
                tables.sessions,
                """
                id \(digest) NOT NULL PRIMARY KEY\(digestCheck), stamp \(integer) NOT NULL, \
                expires_at \(integer) NOT NULL, expiry_slot \(integer) NOT NULL, forwarder \(integer) NOT NULL, \
                record \(dialect.recordType) NOT NULL\(index(tables.sessions, "expiry_slot"))
                """
            ),
            table(
                tables.subjects,
                """
                subject \(digest) NOT NULL, id \(digest) NOT NULL, deadline \(integer) NOT NULL, \
                added_at \(integer) NOT NULL, PRIMARY KEY (subject, id)\(index(tables.subjects, "id"))\
                \(index(tables.subjects, "deadline"))
                """
            ),
            table(
                tables.epochs,
                """
                subject \(digest) NOT NULL PRIMARY KEY, epoch \(integer) NOT NULL, \
                raised_at \(integer) NOT NULL\(index(tables.epochs, "raised_at"))
                """
            ),
            table(
                tables.leases,
                """
                id \(digest) NOT NULL PRIMARY KEY, holder \(integer) NOT NULL, \
                expires_at \(integer) NOT NULL\(index(tables.leases, "expires_at"))
                """
            ),
            table(tables.schema, "version \(integer) NOT NULL PRIMARY KEY"),
        ]
        if !isMySQL {
            for (table, column) in [
                (tables.sessions, "expiry_slot"), (tables.subjects, "id"), (tables.subjects, "deadline"),
                (tables.epochs, "raised_at"), (tables.leases, "expires_at"),
            ] {
                statements.append("CREATE INDEX IF NOT EXISTS \(table)_\(column) ON \(table) (\(column))")
            }
        }
        // Last: whoever reads a version finds everything there.
        statements.append(
            isMySQL
                ? "INSERT IGNORE INTO \(tables.schema) (version) VALUES (\(Self.version))"
                : "INSERT INTO \(tables.schema) (version) VALUES (\(Self.version)) ON CONFLICT DO NOTHING"
        )
        return statements
    }

    /// A number for the tables, for the database's advisory lock.
    package var lockNumber: Int64 {
        // FNV-1a: the same in every process.
        Int64(
            bitPattern: tables.sessions.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
                ($0 ^ UInt64($1)) &* 0x100_0000_01B3
            }
        )
    }
}
