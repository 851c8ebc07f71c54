#if PostgreSQL
import Sessions
import SessionsSQL

/// What is looked at, and made, before a store is used.
struct PostgresPreparation: Sendable {
    private let configuration: PostgresSessionStore.Configuration
    private let tables: SQLTables

    /// The code of the failure that tells of tables of a later version.
    static let newerFormat = "newer"

    init(_ configuration: PostgresSessionStore.Configuration, _ tables: SQLTables) {
        self.configuration = configuration
        self.tables = tables
    }

    /// - Returns: Warnings.
    func run(_ link: PostgresLink) throws(SQLFailure) -> [String] {
        try prepareTables(link)
        if configuration.nearCache != nil { try prepareAnnouncements(link) }
        try checkRights(link)
        return try warnings(link)
    }

    // MARK: Tables

    private func prepareTables(_ link: PostgresLink) throws(SQLFailure) {
        if let version = try version(link) { return try check(version) }
        guard configuration.schema == .createIfNeeded else {
            throw SQLFailure(
                .misconfigured,
                "the table \(tables.schema) is missing, and schema=expect forbids to make it: execute "
                    + "PostgresSessionStore.schema(table:)"
            )
        }
        do throws(SQLFailure) {
            try create(link)
        } catch let error where error.kind == .permission || error.kind == .schema {
            var failure = error
            let place =
                configuration.searchPath.map { "the schema \($0)" } ?? "the schema that its search_path begins with"
            failure.message =
                "the tables cannot be made (\(error.message)): grant the user CREATE on \(place), or have them made with "
                + "the statements of PostgresSessionStore.schema(table:)"
            throw failure
        }
    }

    /// The version of the tables, or `nil` if they are not there.
    private func version(_ link: PostgresLink) throws(SQLFailure) -> Int64? {
        // A name that cannot be found is no error here.
        guard try link.query("SELECT to_regclass('\(tables.schema)')").first?.first ?? nil != nil else { return nil }
        let rows: [[String?]]
        do throws(SQLFailure) {
            rows = try link.query("SELECT max(version) FROM \(tables.schema)")
        } catch let error where error.kind == .permission {
            var failure = error
            failure.message =
                "the user may not read the table \(tables.schema): grant it SELECT, INSERT, UPDATE and DELETE"
            throw failure
        }
        guard let text = rows.first?.first ?? nil, let version = Int64(text) else { return nil }
        return version
    }

    private func check(_ version: Int64) throws(SQLFailure) {
        guard version <= SQLSchema.version else {
            throw SQLFailure(
                .misconfigured,
                code: Self.newerFormat,
                "the tables have version \(version); this program knows up to \(SQLSchema.version)"
            )
        }
    }

    /// One server makes the tables; those that start at the same time wait for the lock and then find them. All in one
    /// transaction, so that nobody finds half of them, and so that the lock ends with it.
    private func create(_ link: PostgresLink) throws(SQLFailure) {
        try withLock(link) { () throws(SQLFailure) in
            if let version = try version(link) { return try check(version) }
            for statement in SQLSchema(dialect: .postgres, tables: tables).definition { try link.query(statement) }
        }
    }

    /// Makes the trigger that the near cache needs, if it is missing.
    private func prepareAnnouncements(_ link: PostgresLink) throws(SQLFailure) {
        let announcements = PostgresAnnouncements(tables)
        func isThere() throws(SQLFailure) -> Bool { try link.query(announcements.state).first?.last == "t" }
        if try isThere() { return }
        let remedy = "have it made with the statements of PostgresSessionStore.nearCacheSchema(table:)"
        guard configuration.schema == .createIfNeeded else {
            throw SQLFailure(
                .misconfigured,
                "the near cache's trigger on the table \(tables.sessions) is missing, and schema=expect forbids to make it: "
                    + remedy
            )
        }
        do throws(SQLFailure) {
            try withLock(link) { () throws(SQLFailure) in
                if try isThere() { return }
                for statement in announcements.definition { try link.query(statement) }
            }
        } catch let error where error.kind == .permission || error.kind == .schema {
            var failure = error
            failure.message = "the near cache's trigger cannot be made (\(error.message)): \(remedy)"
            throw failure
        }
    }

    /// Does something in a transaction that no other server's preparation runs beside.
    private func withLock(_ link: PostgresLink, _ body: () throws(SQLFailure) -> Void) throws(SQLFailure) {
        let schema = SQLSchema(dialect: .postgres, tables: tables)
        try link.query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        do throws(SQLFailure) {
            try link.query("SET LOCAL statement_timeout = 4000")
            try link.query("SELECT pg_advisory_xact_lock(\(schema.lockNumber))")
            try body()
        } catch {
            if !error.closesConnection { _ = try? link.command("ROLLBACK") }
            throw error
        }
        guard try link.command("COMMIT") == "COMMIT" else {
            throw SQLFailure(.other, "the server has rolled the transaction back")
        }
    }

    private func checkRights(_ link: PostgresLink) throws(SQLFailure) {
        for table in [tables.sessions, tables.subjects, tables.epochs, tables.leases] {
            let conditions = ["SELECT", "INSERT", "UPDATE", "DELETE"].map { "has_table_privilege('\(table)', '\($0)')" }
            guard try link.query("SELECT \(conditions.joined(separator: " AND "))").first?.first == "t" else {
                throw SQLFailure(
                    .permission,
                    "the user lacks a right on the table \(table): grant it SELECT, INSERT, UPDATE and DELETE"
                )
            }
        }
    }

    // MARK: Durability

    private func warnings(_ link: PostgresLink) throws(SQLFailure) -> [String] {
        let rows = try link.query("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
        guard let row = rows.first, row.count == 2 else { return [] }
        var warnings: [String] = []
        if row[0] == "off" {
            warnings.append("the server's fsync is off: a power cut may destroy the whole database")
        }
        if row[1] == "off" {
            warnings.append(
                "the server's synchronous_commit is off: a crash of the server loses the last commits, and with them logouts"
            )
        }
        return warnings
    }
}
#endif
