#if Redis
/// What one of a Cluster's nodes says of itself.
struct RedisClusterStatus: Hashable, Sendable {
    /// Asks for it.
    static let command: RESPCommand = {
        var command = RESPCommand("CLUSTER", capacity: 32)
        command.expected = [.simple, .bulk]
        command.append("INFO" as StaticString)
        return command
    }()

    /// Whether the node is in touch with the majority of the others and, unless the Cluster is configured to do without,
    /// all slots have a server.
    var isServing: Bool
    /// A counter that grows with every failover, and with most changes of who has which slot.
    var epoch: UInt64

    init(isServing: Bool, epoch: UInt64) {
        self.isServing = isServing
        self.epoch = epoch
    }

    /// From the reply to ``command``: lines such as `cluster_state:ok`. `nil` if it is something else.
    init?(_ text: String) {
        var isServing: Bool?
        var epoch: UInt64?
        for line in text.utf8.split(whereSeparator: { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") }) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let value = line[line.index(after: colon)...]
            if line[..<colon].elementsEqual("cluster_state".utf8) {
                isServing = value.elementsEqual("ok".utf8)
            } else if line[..<colon].elementsEqual("cluster_current_epoch".utf8) {
                epoch = UInt64(Substring(value))
            }
        }
        guard let isServing, let epoch else { return nil }
        self.init(isServing: isServing, epoch: epoch)
    }
}
#endif
