package import Sessions

/// What went wrong on a connection.
package struct SQLFailure: Error, Sendable {
    package enum Kind: Hashable, Sendable {
        /// There is no connection: refused, lost, closed by the server.
        case connection
        /// No answer in time.
        case timeout
        /// The database took this statement back, or never began it, for the sake of another one: deadlock, serialization
        /// failure, lock timeout, busy. It is worth another try at once.
        case contention
        /// The server takes no more connections.
        case tooManyConnections
        /// The server does not write (any more): a replica, or a primary that was replaced. Another connection may find
        /// the right one.
        case readOnly
        /// User, password, certificate or database are refused.
        case refused
        /// A table is missing, or has other columns.
        case schema
        /// The user lacks a right.
        case permission
        /// There is no room for more.
        case full
        /// The record is larger than the server takes.
        case tooLarge
        /// A row with this key is there.
        case duplicateKey
        /// The store's configuration is wrong.
        case misconfigured
        /// Another error of the server's.
        case other
        /// Too many calls wait for a connection.
        case overloaded
        /// The store was shut down.
        case shutDown
        /// The calling task was cancelled.
        case cancelled
    }

    package var kind: Kind
    /// The server's or library's own code, such as `1213` or `40P01`; empty where there is none.
    package var code: String
    /// For a person. Holds no password, no value and no part of a record.
    package var message: String
    /// Whether the statement may have taken effect.
    package var mayHaveExecuted: Bool
    /// Whether the connection is of no more use.
    package var closesConnection: Bool

    package init(
        _ kind: Kind,
        code: String = "",
        _ message: String,
        mayHaveExecuted: Bool = false,
        closesConnection: Bool = false
    ) {
        self.kind = kind
        self.code = code
        self.message = message
        self.mayHaveExecuted = mayHaveExecuted
        self.closesConnection = closesConnection
    }

    /// Whether it makes sense to do the same again at once, provided that it surely has not taken effect.
    var isTransient: Bool {
        switch kind {
        case .connection, .contention, .readOnly: true
        default: false
        }
    }

    /// As a store reports it.
    /// - Parameters:
    ///   - database: Names kind, user, host and database, never the password.
    ///   - isRead: Whether only reading was asked for: then nothing can have taken effect.
    package func storeError(_ database: String, isRead: Bool) -> SessionStoreError {
        let text = code.isEmpty ? "\(database): \(message)" : "\(database): \(message) (\(code))"
        if mayHaveExecuted, !isRead { return SessionStoreError(.outcomeUnknown, text) }
        return switch kind {
        case .tooLarge: SessionStoreError(.recordTooLarge, text)
        case .shutDown: SessionStoreError(.shutDown, text)
        case .cancelled: SessionStoreError(.cancelled, text)
        case .misconfigured: SessionStoreError(.misconfigured, text)
        default: SessionStoreError(.unavailable, text)
        }
    }
}
