package import Metrics

/// What the near cache tells operators, in swift-metrics.
///
/// | metric (counter) | counts |
/// |---|---|
/// | `sessions.near_cache.hits` | sessions that were opened without asking a server |
/// | `sessions.near_cache.misses` | those for which one had to be asked |
/// | `sessions.near_cache.invalidations` | sessions that were dropped because the server said so, or its connection was lost |
package struct NearCacheCounters: Sendable {
    private let hits: Counter
    private let misses: Counter
    private let invalidations: Counter

    package init(factory: any MetricsFactory = MetricsSystem.factory) {
        hits = Counter(label: "sessions.near_cache.hits", factory: factory)
        misses = Counter(label: "sessions.near_cache.misses", factory: factory)
        invalidations = Counter(label: "sessions.near_cache.invalidations", factory: factory)
    }

    package func looked(found: Bool) { (found ? hits : misses).increment() }

    package func invalidated(_ count: Int) {
        if count > 0 { invalidations.increment(by: Int64(count)) }
    }
}
