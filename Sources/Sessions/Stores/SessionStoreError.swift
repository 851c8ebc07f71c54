/// What went wrong in a store: for the authors and operators of stores.
///
/// The message names what to do and never a password, a token or a value. "None", "expired" and "lost against another
/// writer" are outcomes, not errors.
public struct SessionStoreError: Error, Sendable {
    /// The kind of a store's error. More may come; give a `switch` a default.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case unavailable, outcomeUnknown, corruptRecord, newerFormat, recordTooLarge, full, unsupported
            case invalidCursor, misconfigured, shutDown, cancelled
        }

        private let wrapped: Wrapped

        /// The store cannot be reached or used now, and the operation **surely was not executed**.
        public static var unavailable: Self { .init(wrapped: .unavailable) }
        /// The operation was begun and no answer came: it may have taken effect or may still.
        public static var outcomeUnknown: Self { .init(wrapped: .outcomeUnknown) }
        /// Bytes were found where a record should be, and they are none. They stay where they are.
        public static var corruptRecord: Self { .init(wrapped: .corruptRecord) }
        /// The record was written by a later version of the library: wait for the deployment to finish.
        public static var newerFormat: Self { .init(wrapped: .newerFormat) }
        /// The store cannot keep a record of this size. Nothing was written.
        public static var recordTooLarge: Self { .init(wrapped: .recordTooLarge) }
        /// The store holds as many sessions as it may. Nothing was written.
        public static var full: Self { .init(wrapped: .full) }
        /// The store does not have this ability.
        public static var unsupported: Self { .init(wrapped: .unsupported) }
        /// The cursor of a listing is none of this store's, or its place is no more: begin the listing again.
        public static var invalidCursor: Self { .init(wrapped: .invalidCursor) }
        /// The store's configuration is wrong.
        public static var misconfigured: Self { .init(wrapped: .misconfigured) }
        /// The store was shut down.
        public static var shutDown: Self { .init(wrapped: .shutDown) }
        /// The calling task was cancelled, and the operation surely was not executed.
        public static var cancelled: Self { .init(wrapped: .cancelled) }

        /// The code's name.
        public var description: String { wrapped.rawValue }
    }

    /// The kind of error.
    public var code: Code
    /// What happened and what to do, for a person.
    public var message: String
    /// The error of the client library or system call behind this one.
    public var cause: (any Error)?

    /// Creates an error.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// Whether the operation may have taken effect all the same.
    public var mayHaveExecuted: Bool { code == .outcomeUnknown }
}

extension SessionStoreError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Code and message.
    public var description: String { "\(code): \(message)" }
    /// Code, message and the type of the cause.
    public var debugDescription: String {
        cause.map { "\(description) (\(type(of: $0)))" } ?? description
    }
}
