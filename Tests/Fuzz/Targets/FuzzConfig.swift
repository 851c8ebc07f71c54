#if Redis && MySQL && PostgreSQL
import Sessions
import SessionsMySQL
import SessionsPostgres
import SessionsRedis

/// Whatever somebody writes for a configuration string: it is read, or refused without being shown.
///
/// The first byte says whose it is.
@Sendable
func fuzzConfig(_ input: UnsafeRawBufferPointer) {
    guard let first = input.first else { return }
    let text = String(decoding: input.dropFirst(), as: UTF8.self)
    let warn = { (warning: String) in Secret.expectHidden(in: warning) }
    switch first {
    case UInt8(ascii: "r"): check(Secret.read { try RedisSessionStore.Configuration(redisConfig: text, warn: warn) })
    case UInt8(ascii: "s"):
        check(Secret.read { try RedisSessionStore.Configuration(redisSentinelConfig: text, warn: warn) })
    case UInt8(ascii: "c"):
        check(Secret.read { try RedisSessionStore.Configuration(redisClusterConfig: text, warn: warn) })
    case UInt8(ascii: "m"): check(Secret.read { try MySQLSessionStore.Configuration(dsn: text, warn: warn) })
    case UInt8(ascii: "p"):
        check(Secret.read { try PostgresSessionStore.Configuration(postgresConfig: text, warn: warn) })
    default: check(Secret.read { try BeegoConfiguration(json: text) })
    }
}

func check(_ configuration: RedisSessionStore.Configuration?) {
    guard let configuration else { return }
    precondition(Secret.read { try configuration.validate() } != nil, "a configuration that was read is refused later")
    let visible = [
        configuration.username, "\(configuration.topology)", configuration.keyPrefix,
        "\(configuration.tls, default: "")",
    ]
    Secret.expectHidden(configuration.password, in: configuration, besides: visible)
}

func check(_ configuration: MySQLSessionStore.Configuration?) {
    guard let configuration else { return }
    precondition(Secret.read { try configuration.validate() } != nil, "a configuration that was read is refused later")
    let visible = [
        configuration.username, "\(configuration.hosts)", configuration.database, configuration.table,
        "\(configuration.tls, default: "")",
    ]
    Secret.expectHidden(configuration.password, in: configuration, besides: visible)
}

func check(_ configuration: PostgresSessionStore.Configuration?) {
    guard let configuration else { return }
    precondition(Secret.read { try configuration.validate() } != nil, "a configuration that was read is refused later")
    let visible = [
        configuration.username, "\(configuration.hosts)", configuration.database, configuration.table,
        configuration.searchPath, configuration.applicationName, "\(configuration.tls, default: "")",
    ]
    Secret.expectHidden(configuration.password, in: configuration, besides: visible)
}

private func check(_ configuration: BeegoConfiguration?) {
    // It may name a store with its configuration string, and that is never shown.
    guard let configuration else { return }
    var shown = "\(configuration)\(String(reflecting: configuration))"
    dump(configuration, to: &shown)
    let name = configuration.configuration.cookie?.name ?? ""
    if !name.contains(Secret.text) { Secret.expectHidden(in: shown) }
}
#endif
