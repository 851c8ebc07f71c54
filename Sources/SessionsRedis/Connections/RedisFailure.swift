#if Redis
import NIOCore
import Sessions

/// Why a command brought no reply that can be used.
struct RedisFailure: Error, Hashable, Sendable {
    /// What became of the command.
    enum Fate: Hashable, Sendable {
        /// It surely was not executed.
        case notExecuted
        /// The same, and it stays so until somebody changes the configuration, or the server's.
        case misconfigured
        /// It was sent, and nobody knows.
        case unanswered
        /// The server refused it, with this word. Scripts and commands of ours are refused before they change anything.
        case refused(code: String)
        /// The calling task was cancelled.
        case cancelled
        /// The client was shut down.
        case shutDown
    }

    var fate: Fate
    /// What happened and what to do, for a person. No password, and nothing of what the server says beyond its first
    /// word: servers quote what they were sent.
    var message: String
    /// The node that has the key, if it is a node of a Cluster that refuses the command for not having it.
    var redirection: RedisRedirection?
    /// Whether it was refused here for being one too many, so that trying again would only make it worse.
    var isOverload = false

    init(_ fate: Fate, _ message: String) {
        self.fate = fate
        self.message = message
    }

    /// From an error reply, such as `-READONLY You can't write against a read only replica.`
    init(errorReply: String, server: String) {
        let code = RedisReplyCode.code(of: errorReply)
        self.init(.refused(code: code), "\(server): \(RedisReplyCode.explanation(of: code))")
        redirection = RedisRedirection(errorReply: errorReply)
    }

    /// Whether somebody has to set something right.
    var isConfiguration: Bool {
        fate == .misconfigured
            || code.map { ["NOAUTH", "WRONGPASS", "NOPERM", "NOPROTO", "DENIED"].contains($0) } ?? false
    }

    /// The server's word, if it refused the command.
    var code: String? {
        guard case .refused(let code) = fate else { return nil }
        return code
    }
}

extension RedisFailure {
    /// The same reason, for a command that had not been sent.
    var beforeSending: RedisFailure {
        guard case .unanswered = fate else { return self }
        return RedisFailure(.notExecuted, message)
    }

    /// The same reason, for a command that had been sent: nobody knows what became of it.
    var afterSending: RedisFailure { RedisFailure(.unanswered, message) }
}

/// The first words of error replies.
enum RedisReplyCode {
    /// The first word, if it looks like one: codes are upper-case letters.
    static func code(of errorReply: String) -> String {
        let word = errorReply.prefix { $0 != " " }
        guard 1...24 ~= word.utf8.count,
            word.utf8.allSatisfy({ UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 || $0 == UInt8(ascii: "_") })
        else { return "ERR" }
        return String(word)
    }

    static func explanation(of code: String) -> String {
        explanations[code] ?? "the server refuses the command (\(code))"
    }

    private static let explanations: [String: String] = [
        "READONLY": "this server is a replica and takes no writes: name the primary, or use Sentinel or Cluster",
        "LOADING": "the server is still loading its data",
        "MASTERDOWN": "the server is a replica that has lost its primary",
        "MISCONF": "the server cannot save to disk and takes no writes: see its log",
        "OOM": "the server's memory is full (maxmemory) and it takes no writes",
        "NOAUTH": "the server wants a password and none was given",
        "WRONGPASS": "the server refuses the user or the password",
        "NOPERM":
            "the server's ACL does not let this user do it: allow the commands and keys that the documentation names",
        "DENIED": "the server is in protected mode and talks to its own machine only: give it a password",
        "NOREPLICAS": "the server has fewer replicas than it wants for writes",
        "CLUSTERDOWN": "the Cluster does not serve all of its slots now",
        "TRYAGAIN": "the Cluster is moving the key's slot",
        "MOVED": "the server is a node of a Cluster and has other keys: connect with redis-cluster://",
        "ASK": "the Cluster is moving the key's slot",
        "BUSY": "the server runs a script that does not end",
        "NOPROTO": "the server does not speak RESP3: Redis 6.2 or later, or Valkey, is needed",
        "CROSSSLOT": "keys of one command are in different slots",
        "ERR": "the server refuses the command",
    ]
}

extension SessionStoreError {
    /// What the manager is told of a failed command.
    /// - Parameter isRead: Whether the command changes nothing, so that its outcome is no question.
    init(_ failure: RedisFailure, isRead: Bool) {
        switch failure.fate {
        case .unanswered: self.init(isRead ? .unavailable : .outcomeUnknown, failure.message, cause: failure)
        case .notExecuted: self.init(.unavailable, failure.message, cause: failure)
        case .misconfigured: self.init(.misconfigured, failure.message, cause: failure)
        case .cancelled: self.init(.cancelled, failure.message, cause: failure)
        case .shutDown: self.init(.shutDown, failure.message, cause: failure)
        case .refused:
            self.init(failure.isConfiguration ? .misconfigured : .unavailable, failure.message, cause: failure)
        }
    }
}
#endif
