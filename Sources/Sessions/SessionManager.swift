/// Finds, opens, commits, renews and ends sessions.
public final class SessionManager: Sendable {
    init() {}
}
