#if Redis
/// How servers are arranged, and what that means for the ways in which an operator writes them down.
enum RedisArrangement: Sendable {
    case single
    case sentinel
    case cluster

    /// The port that is meant where none is written.
    var defaultPort: Int { self == .sentinel ? 26_379 : 6379 }

    /// The servers at `addresses`, or `nil` if this arrangement is of one server and there is not exactly one.
    func topology(_ addresses: [RedisSessionStore.Address], masterName: String?) -> RedisSessionStore.Topology? {
        switch self {
        case .single:
            guard let address = addresses.first, addresses.count == 1 else { return nil }
            return .single(address)
        case .sentinel:
            var sentinel = RedisSessionStore.Sentinel(addresses)
            if let masterName { sentinel.masterName = masterName }
            return .sentinel(sentinel)
        case .cluster:
            return .cluster(addresses)
        }
    }
}
#endif
