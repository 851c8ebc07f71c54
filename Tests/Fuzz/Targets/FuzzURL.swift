#if Redis && SQLite && MySQL && PostgreSQL
import Sessions
import SessionsMySQL
import SessionsPostgres
import SessionsRedis
import SessionsSQLite

/// Whatever somebody writes for a store's address: it is read, or refused without being shown, by the address itself and
/// by each store.
@Sendable
func fuzzURL(_ input: UnsafeRawBufferPointer) {
    let text = String(decoding: input, as: UTF8.self)
    guard let url = Secret.read({ try StoreURL(text) }) else { return }
    // Hosts, user and path are shown, parameters are not.
    let visible = [url.user, url.path] + url.hosts.map(\.name)
    Secret.expectHidden(url.password, in: url, besides: visible)
    for value in url.parameters.values { Secret.expectHidden(value, in: url, besides: visible) }
    for host in url.hosts { precondition(host.port.map { 1...65_535 ~= $0 } ?? true, "no such port") }

    let isPlain = !visible.contains { $0?.contains(Secret.text) == true }
    let warn = { (warning: String) in if isPlain { Secret.expectHidden(in: warning) } }
    switch url.scheme {
    case "mysql", "mariadb": check(Secret.read { try MySQLSessionStore.Configuration(url: url) })
    case "postgres", "postgresql": check(Secret.read { try PostgresSessionStore.Configuration(url: url, warn: warn) })
    case "sqlite": _ = Secret.read { try SQLiteSessionStore.Configuration(url: url) }
    default: check(Secret.read { try RedisSessionStore.Configuration(url: url) })
    }
}
#endif
