/// What can be told of a session without its values: a line of a device list.
public struct SessionInfo: Hashable, Sendable, Identifiable {
    /// The session's id. It is not the token and cannot be used to sign in.
    public let id: SessionID
    /// Who the session belongs to, or `nil` for nobody.
    public let subject: String?
    /// When the session was made.
    public let createdAt: SessionInstant
    /// When somebody last signed in to it, or `nil`.
    public let authenticatedAt: SessionInstant?
    /// When the session was last used, up to a tenth of the idle time early.
    public let lastSeenAt: SessionInstant
    /// When the session ends if nobody uses it.
    public let expiresAt: SessionInstant
    /// When the session ends in any case.
    public let absoluteDeadline: SessionInstant
    /// The number of commits so far.
    public let revision: UInt64
    /// What is known of the client that started the session.
    public let labels: SessionLabels

    init(_ id: SessionID, _ record: SessionRecord) {
        self.id = id
        subject = record.subject
        createdAt = record.createdAt
        authenticatedAt = record.authenticatedAt
        lastSeenAt = record.lastSeenAt
        expiresAt = record.expiresAt
        absoluteDeadline = record.absoluteDeadline
        revision = record.revision
        labels = record.labels
    }
}
