#if Redis
/// Keeps sessions in Redis or Valkey: one server, a primary under sentinels, or a Cluster.
public final class RedisSessionStore: Sendable {
    let configuration: Configuration

    init(configuration: Configuration) {
        self.configuration = configuration
    }
}
#else
/// Keeps sessions in Redis or Valkey. Not built: the trait `Redis` is off.
@available(*, unavailable, message: "enable the trait Redis: .package(url: \"…\", from: \"…\", traits: [\"Redis\"])")
public final class RedisSessionStore {}
#endif
