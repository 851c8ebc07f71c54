#if PostgreSQL
import Sessions
import Testing

@testable import SessionsPostgres

@Suite("Addresses of PostgreSQL stores")
struct PostgresURLTests {
    @Test("User, password, hosts, database and parameters")
    func parts() throws {
        let (configuration, warnings) = try read(
            url:
                "postgres://app:p%40ss@db1.example.com,db2.example.com:5433/app?sslmode=verify-full&pool=32&table=logins"
        )
        #expect(configuration.hosts == [.host("db1.example.com"), .host("db2.example.com", port: 5433)])
        #expect(configuration.username == "app" && configuration.password == "p@ss" && configuration.database == "app")
        #expect(configuration.maximumConnections == 32 && configuration.table == "logins")
        #expect(configuration.tls == .init() && warnings.isEmpty)
    }

    @Test("Sockets, IPv6, a database by default, and the other scheme")
    func forms() throws {
        #expect(
            try read(url: "postgresql://app@%2Frun%2Fpostgresql/app").0.hosts == [.socket(directory: "/run/postgresql")]
        )
        let (configuration, _) = try read(url: "postgres://app@[::1]:6000")
        #expect(configuration.hosts == [.host("::1", port: 6000)] && configuration.database == "app")
        #expect(configuration.tls == nil)
        let parameters = try read(url: "postgres:///app?host=/run/postgresql&user=app&password=5ecret&port=5433").0
        #expect(
            parameters.hosts == [.socket(directory: "/run/postgresql", port: 5433)] && parameters.password == "5ecret"
        )
    }

    @Test("An address in place of a configuration string is read as one")
    func config() throws {
        let (configuration, _) = try read(config: "postgres://app:a%3Db@127.0.0.1/app?sslmode=disable")
        #expect(configuration.password == "a=b" && configuration.tls == nil)
    }

    @Test(
        "What is wrong is named and not shown",
        arguments: [
            ("postgres://:5ecret@h/db", "user"), ("postgres://a:5ecret@h/db?user=b", "user"),
            ("postgres://a:5ecret@h/db?dbname=x", "dbname"), ("postgres://a:5ecret@h/db?host=x", "host"),
            ("postgres://a:5ecret@h/db?ssl=true", "unknown parameter"),
            ("postgres://a:5ecret@h/db?tabel=x", "did you mean"),
            ("postgres://a:5ecret@h/db?pool=257", "pool"), ("postgres://a:5ecret@%2Frun/db?sslmode=require", "sslmode"),
            ("postgres://a:5ecret@%2Frun%2Cx/db", "hosts"),
        ]
    )
    func wrong(_ url: String, _ part: String) {
        expectRefusal(naming: part) { try read(url: url) }
    }
}
#endif
