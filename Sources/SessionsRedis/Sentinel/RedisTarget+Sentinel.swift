#if Redis
import NIOCore

extension RedisTarget {
    /// The primary that sentinels name, wherever it is.
    init(_ configuration: RedisSessionStore.Configuration, tls: RedisTLS?, primaryOf sentinels: SentinelDirectory) {
        self.init(configuration, tls: tls, name: sentinels.primaryName) { sentinels.primary(on: $0) }
        self.sentinels = sentinels
        handshake.demandPrimary()
        // A replica takes no writes, or has lost its primary, or has become one while a command waited.
        endsConnectionOn = ["READONLY", "MASTERDOWN", "UNBLOCKED"]
        // A primary that misses its replicas may be one that the sentinels have replaced: with `min-replicas-to-write`
        // this is how it says so.
        doubtsConnectionOn = ["NOREPLICAS"]
        // One process asks again so often at the most; sentinels bear that, and people wait less for a failover.
        longestPause = .milliseconds(250)
    }
}
#endif
