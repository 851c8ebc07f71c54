#if MySQL
import Sessions
import SessionsSQL

/// What a server says of itself, and whether it will do.
struct MySQLServer: Sendable {
    /// What weakens the promises of a session, for the operator.
    private(set) var warnings: [String] = []

    private static let variables = [
        "innodb_flush_log_at_trx_commit", "log_bin", "binlog_format", "wsrep_on", "wsrep_sync_wait",
        "wsrep_cluster_status",
        "max_allowed_packet", "read_only",
    ]

    /// - Throws: `.misconfigured` for a server that will not do, `.readOnly` for one that does not write.
    init(_ connection: MySQLConnection) throws(SQLFailure) {
        let version = try connection.query("SELECT VERSION()").first?.first.flatMap { $0 } ?? ""
        try Self.check(version)
        let names = Self.variables.map { "'\($0)'" }.joined(separator: ", ")
        var values: [String: String] = [:]
        for row in try connection.query("SHOW GLOBAL VARIABLES WHERE Variable_name IN (\(names))") where row.count == 2
        {
            if let name = row[0] { values[name] = row[1] }
        }
        try check(values)
    }

    /// - Parameter version: Such as `10.11.6-MariaDB-log` or `8.0.36`.
    static func check(_ version: String) throws(SQLFailure) {
        let numbers = version.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        let isMariaDB = version.lowercased().contains("mariadb")
        let least = isMariaDB ? [10, 5] : [8, 0]
        guard numbers.count == 2, !numbers.lexicographicallyPrecedes(least) else {
            throw SQLFailure(
                .misconfigured,
                "\(isMariaDB ? "MariaDB" : "MySQL") \(numbers.map(String.init).joined(separator: ".")) will not do: "
                    + "MariaDB 10.5 or MySQL 8.0 are the oldest that the statements are known to work with, and older ones "
                    + "get no repairs of security any more"
            )
        }
    }

    private mutating func check(_ values: [String: String]) throws(SQLFailure) {
        func isOn(_ name: String) -> Bool { MySQLTarget.isOn(values[name]) }
        guard !isOn("read_only") else {
            throw SQLFailure(.readOnly, "the server does not write (read_only): give the primary's address")
        }
        guard !(isOn("log_bin") && values["binlog_format"]?.uppercased() == "STATEMENT") else {
            throw SQLFailure(
                .misconfigured,
                "the server's binary log has the format STATEMENT, which does not go with READ COMMITTED: "
                    + "set binlog_format = MIXED or ROW"
            )
        }
        if let flush = values["innodb_flush_log_at_trx_commit"], flush != "1" {
            warnings.append(
                "innodb_flush_log_at_trx_commit is \(flush.prefix(4)): a crash of the server may lose the last second, "
                    + "which brings back sessions that were ended; set it to 1"
            )
        }
        if isOn("wsrep_on") {
            if let status = values["wsrep_cluster_status"], status != "Primary" {
                warnings.append("the Galera node is not in the primary component")
            }
            if let wait = values["wsrep_sync_wait"].flatMap({ Int($0) }), wait & 1 == 0 {
                warnings.append(
                    "wsrep_sync_wait does not cover reads: another Galera node may show a session as it was before a "
                        + "commit, or after its end; set it to 1 or have all servers name the nodes in the same order"
                )
            }
        }
    }
}
#endif
