#if Redis
import Sessions
import Testing

@testable import SessionsRedis

typealias RedisAddress = RedisSessionStore.Address
typealias RedisConfiguration = RedisSessionStore.Configuration

/// What every test's passwords are made of, to be looked for where it must not be.
let testSecret = "5ecret"

/// The same numbers in every run (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Reads an original's string as the provider of that name does.
func readSettings(
    _ provider: String = "redis",
    _ config: String,
    warn: (String) -> Void = { _ in }
) throws(SessionStoreError) -> RedisConfiguration {
    switch provider {
    case "redis_sentinel": try RedisConfiguration(redisSentinelConfig: config, warn: warn)
    case "redis_cluster": try RedisConfiguration(redisClusterConfig: config, warn: warn)
    default: try RedisConfiguration(redisConfig: config, warn: warn)
    }
}

/// Reads an address.
func readSettings(url: String) throws(SessionStoreError) -> RedisConfiguration {
    try RedisConfiguration(url: StoreURL(url))
}

/// Everything that shows of `value` in logs, debuggers and crash reports.
func everythingShown<Value>(of value: Value) -> String {
    var dumped = ""
    dump(value, to: &dumped)
    dump([value], to: &dumped)
    return "\(value) \(String(reflecting: value)) \([value]) \(Optional(value) as Any) \(dumped)"
}

extension RedisConfiguration {
    var sentinel: RedisSessionStore.Sentinel? {
        if case .sentinel(let sentinel) = topology.wrapped { sentinel } else { nil }
    }

    var isSingle: Bool { if case .single = topology.wrapped { true } else { false } }

    var isCluster: Bool { if case .cluster = topology.wrapped { true } else { false } }
}
#endif
