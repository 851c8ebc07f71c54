public import Logging

/// Makes stores of one kind from a configuration string or an address: what a driver is to `database/sql`.
///
/// ```swift
/// try SessionStoreRegistry.shared.register(
///     SessionStoreProvider("couch") { location, context throws(SessionStoreError) in
///         guard case .url(let url) = location else {
///             throw SessionStoreError(.misconfigured, "couch: give a URL")
///         }
///         try url.requireParameters(in: ["pool"])
///         return CouchSessionStore(hosts: url.hosts, poolSize: try url.integer("pool", in: 1...1000) ?? 16)
///     }
/// )
/// let sessions = try await SessionManager.open("couch://db.example.com/sessions?pool=8")
/// ```
/// A provider is no singleton: each call makes a store of its own.
public struct SessionStoreProvider: Sendable {
    /// Makes a store, or throws ``SessionStoreError`` with the code `.misconfigured` and a message that names the part.
    public typealias MakeStore =
        @Sendable (_ location: StoreLocation, _ context: StoreOpeningContext) async throws(SessionStoreError) ->
        any SessionStore

    /// The names by which the provider is found, in lower case; they are the schemes of its addresses too.
    public let names: [String]

    private let makeStore: MakeStore

    /// Creates a provider.
    /// - Parameters:
    ///   - names: One name or several. Each starts with a letter and has letters, digits and `+-._`; upper and lower case
    ///     are the same.
    ///   - makeStore: Makes a store.
    public init(_ names: String..., makeStore: @escaping MakeStore) {
        self.names = names
        self.makeStore = makeStore
    }

    /// Makes a store.
    /// - Throws: What the provider throws.
    public func makeStore(
        at location: StoreLocation,
        context: StoreOpeningContext
    ) async throws(SessionStoreError) -> any SessionStore {
        try await makeStore(location, context)
    }

    /// `name` in lower case, or `nil` if it is none.
    static func normalized(_ name: String) -> String? {
        guard let first = name.utf8.first, HTTPSyntax.isAlphanumeric(first), !HTTPSyntax.isDigit(first),
            name.utf8.count <= 64,
            name.utf8.allSatisfy({ HTTPSyntax.isAlphanumeric($0) || "+-._".utf8.contains($0) })
        else { return nil }
        return String(decoding: name.utf8.map(HTTPSyntax.lowercased), as: UTF8.self)
    }
}

/// Where a store is.
public enum StoreLocation: Sendable {
    /// A configuration string in the provider's own grammar, as Go's `session` package has them.
    case config(String)
    /// An address.
    case url(StoreURL)
}

extension StoreLocation: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The address without its secrets; nothing of a configuration string, for it may hold a password anywhere.
    public var description: String {
        switch self {
        case .config: "configuration string (redacted)"
        case .url(let url): url.description
        }
    }

    /// As ``description``.
    public var debugDescription: String { description }

    /// As ``description``: nothing else to see for `dump`.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}

/// What a provider has at hand while it makes a store.
public struct StoreOpeningContext: Sendable {
    /// What the store may log to, now and later.
    public let logger: Logger

    /// Creates a context.
    public init(logger: Logger) {
        self.logger = logger
    }

    /// Tells the operator what was accepted and is yet not as it seems. Name the field, never its value.
    public func warn(_ warning: String) {
        logger.warning("\(warning)")
    }
}
