/// What went wrong with a session: for the authors of handlers.
///
/// Messages name keys and limits, never values, subjects or tokens. Each code has one HTTP status that adapters answer
/// with (``httpStatusCode``).
public struct SessionError: Error, Sendable {
    /// The kind of a session's error. More may come; give a `switch` a default.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        fileprivate enum Wrapped: String {
            case ended, ambiguous, conflict, lostUpdate, unavailable, exclusiveTimeout, alreadyCommitted
            case valueTooLarge, sessionTooLarge, tooManyKeys, invalidKey, invalidSubject, undecodableValue
            case unencodableValue, invalidCursor, unsupported, misconfigured
        }

        fileprivate let wrapped: Wrapped

        /// The session was ended, revoked or renewed meanwhile; the edits were dropped.
        public static var ended: Self { .init(wrapped: .ended) }
        /// The request carries the tokens of two live sessions: somebody may have planted one.
        public static var ambiguous: Self { .init(wrapped: .ambiguous) }
        /// Other writers won every attempt; nothing was written.
        public static var conflict: Self { .init(wrapped: .conflict) }
        /// A value that this request had read and then set was changed in between, and the policy is to fail.
        public static var lostUpdate: Self { .init(wrapped: .lostUpdate) }
        /// The store did not answer. A write may have taken effect or may still.
        public static var unavailable: Self { .init(wrapped: .unavailable) }
        /// Other requests held the session for longer than exclusive mode waits.
        public static var exclusiveTimeout: Self { .init(wrapped: .exclusiveTimeout) }
        /// The response's head has left; the edit came too late.
        public static var alreadyCommitted: Self { .init(wrapped: .alreadyCommitted) }
        /// A value is larger than ``SessionLimits/bytesPerValue``, or a sum does not fit.
        public static var valueTooLarge: Self { .init(wrapped: .valueTooLarge) }
        /// The session would be larger than ``SessionLimits/bytesPerSession`` or than the store can keep.
        public static var sessionTooLarge: Self { .init(wrapped: .sessionTooLarge) }
        /// The session would hold more values than ``SessionLimits/keysPerSession``.
        public static var tooManyKeys: Self { .init(wrapped: .tooManyKeys) }
        /// A value's name is empty or longer than ``SessionLimits/bytesPerKey``.
        public static var invalidKey: Self { .init(wrapped: .invalidKey) }
        /// A subject is empty or longer than ``SessionRecord/maximumSubjectByteCount``.
        public static var invalidSubject: Self { .init(wrapped: .invalidSubject) }
        /// The stored value is of another type.
        public static var undecodableValue: Self { .init(wrapped: .undecodableValue) }
        /// The new value cannot be written as JSON.
        public static var unencodableValue: Self { .init(wrapped: .unencodableValue) }
        /// The cursor of a listing is none of this store's, or its place is no more: begin the listing again.
        public static var invalidCursor: Self { .init(wrapped: .invalidCursor) }
        /// The store lacks the ability that this needs.
        public static var unsupported: Self { .init(wrapped: .unsupported) }
        /// The configuration is wrong.
        public static var misconfigured: Self { .init(wrapped: .misconfigured) }

        /// The code's name.
        public var description: String { wrapped.rawValue }
    }

    /// The kind of error.
    public var code: Code
    /// What happened and what to do, for a person.
    public var message: String
    /// The error behind this one, such as the ``SessionStoreError`` of an outage.
    public var cause: (any Error)?

    /// Creates an error.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// The HTTP status that says this to a client: 400, 409, 413, 500 or 503.
    public var httpStatusCode: Int {
        switch code.wrapped {
        case .ambiguous, .invalidKey, .invalidCursor: 400
        case .ended, .lostUpdate: 409
        case .valueTooLarge, .sessionTooLarge, .tooManyKeys: 413
        case .conflict, .unavailable, .exclusiveTimeout: 503
        case .alreadyCommitted, .invalidSubject, .undecodableValue, .unencodableValue, .unsupported, .misconfigured: 500
        }
    }
}

extension SessionError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Code and message.
    public var description: String { "\(code): \(message)" }
    /// Code, message and the cause.
    public var debugDescription: String { cause.map { "\(description) (\($0))" } ?? description }
}
