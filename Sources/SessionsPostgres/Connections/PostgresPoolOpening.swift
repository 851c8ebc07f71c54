#if PostgreSQL
import SessionsSQL

/// Opens the connections of a store's pool.
struct PostgresPoolOpening: Sendable {
    let servers: PostgresServers
    let writers: PostgresWriters
    /// For as long as nobody has a near cache.
    let silent: SQLStatements
    let announcing: SQLStatements
    /// Whether one connection here is one session there, in which statements, locks and settings last.
    let hasSessions: Bool
    let nearCache: PostgresNearCache?
    let listener: PostgresListener?

    func connect() throws(SQLFailure) -> PostgresConnection {
        let link = try servers.connect()
        do throws(SQLFailure) {
            return try connection(link)
        } catch {
            link.close()
            throw error
        }
    }

    private func connection(_ link: PostgresLink) throws(SQLFailure) -> PostgresConnection {
        // Behind a pooler locks do not last, so whether somebody listens can change at any time.
        guard hasSessions else {
            return PostgresConnection(link, statements: announcing, preparesStatements: false)
        }
        guard let nearCache, let listener else {
            let statements = try writers.mustAnnounce(on: link) ? announcing : silent
            return PostgresConnection(link, statements: statements, preparesStatements: true)
        }
        let server = try link.serverIdentity()
        if nearCache.connected(to: server) { listener.reconnect() }
        return PostgresConnection(link, statements: announcing, preparesStatements: true) {
            nearCache.isCurrent(server)
        }
    }
}
#endif
