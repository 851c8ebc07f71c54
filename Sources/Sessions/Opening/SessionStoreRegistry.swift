public import Logging
import Synchronization

/// The providers of stores, by name.
///
/// A new registry knows `memory` and `file`. Registering is for the start of a program; it is safe at any time and from
/// anywhere.
public final class SessionStoreRegistry: Sendable {
    /// The registry that ``SessionManager``'s `open` methods use unless told otherwise.
    public static let shared = SessionStoreRegistry()

    private struct State {
        var providers: [String: SessionStoreProvider] = [:]
        /// The modules whose providers are in.
        var modules: Set<String> = []
    }

    private let state = Mutex(State())

    /// Creates a registry with the built-in providers, `memory` and `file`.
    public init() {
        state.withLock { state in
            for provider in [SessionStoreProvider.memory, .file] {
                for name in provider.names { state.providers[name] = provider }
            }
        }
    }

    /// Adds a provider, under all of its names or, if one of them is taken, under none.
    /// - Throws: `.misconfigured`, naming the name, if it is taken already or is none.
    public func register(_ provider: SessionStoreProvider) throws(SessionStoreError) {
        try add([provider], module: nil)
    }

    /// Adds all providers of a module, or, if it was done before, nothing: an application and a library that it uses may
    /// both ask for them.
    /// - Throws: `.misconfigured`, naming the name, if one is taken by somebody else; then none is added.
    package func register(_ providers: [SessionStoreProvider], ofModule module: String) throws(SessionStoreError) {
        try add(providers, module: module)
    }

    private func add(_ providers: [SessionStoreProvider], module: String?) throws(SessionStoreError) {
        var added: [String: SessionStoreProvider] = [:]
        for provider in providers {
            guard !provider.names.isEmpty else {
                throw SessionStoreError(.misconfigured, "a provider must have a name")
            }
            for name in provider.names {
                guard let normalized = SessionStoreProvider.normalized(name) else {
                    throw SessionStoreError(
                        .misconfigured,
                        "a provider's name starts with a letter and has letters, digits and +-._ only"
                    )
                }
                guard added.updateValue(provider, forKey: normalized) == nil else { throw Self.duplicate(normalized) }
            }
        }
        let taken: String? = state.withLock { state in
            if let module, state.modules.contains(module) { return nil }
            if let taken = added.keys.sorted().first(where: { state.providers[$0] != nil }) { return taken }
            for (name, provider) in added { state.providers[name] = provider }
            if let module { state.modules.insert(module) }
            return nil
        }
        if let taken { throw Self.duplicate(taken) }
    }

    /// The names of all providers, sorted.
    public var names: [String] { state.withLock { $0.providers.keys.sorted() } }

    /// The provider called `name`, or `nil`. Upper and lower case are the same.
    public func provider(named name: String) -> SessionStoreProvider? {
        guard let name = SessionStoreProvider.normalized(name) else { return nil }
        return state.withLock { $0.providers[name] }
    }

    /// Makes a store from an address, such as `file:./sessions`.
    /// - Parameters:
    ///   - url: The address; see ``StoreURL``. Its scheme is the provider's name.
    ///   - logger: Where the provider's warnings go.
    /// - Throws: `.misconfigured`, naming the part that is wrong and never showing a password.
    public func makeStore(
        _ url: String,
        logger: Logger = Logger(label: "sessions")
    ) async throws(SessionStoreError) -> any SessionStore {
        let url = try StoreURL(url)
        let context = StoreOpeningContext(logger: logger)
        return try await requireProvider(named: url.scheme).makeStore(at: .url(url), context: context)
    }

    /// Makes a store from a provider's name and a configuration string of Go's `session` package.
    /// - Parameters:
    ///   - provider: The provider's name, such as `memory` or `file`.
    ///   - config: The configuration string, such as `./tmp`.
    ///   - logger: Where the provider's warnings go.
    /// - Throws: `.misconfigured`, naming the part that is wrong and never showing a password.
    public func makeStore(
        provider: String,
        config: String,
        logger: Logger = Logger(label: "sessions")
    ) async throws(SessionStoreError) -> any SessionStore {
        let context = StoreOpeningContext(logger: logger)
        return try await requireProvider(named: provider).makeStore(at: .config(config), context: context)
    }

    private func requireProvider(named name: String) throws(SessionStoreError) -> SessionStoreProvider {
        if let provider = provider(named: name) { return provider }
        let names = names
        // Not a name: perhaps a whole address with its password, so nothing of it is shown.
        guard let normalized = SessionStoreProvider.normalized(name), normalized.utf8.count <= 40 else {
            throw SessionStoreError(
                .misconfigured,
                "what was given is no provider's name (registered: \(names.joined(separator: ", "))); "
                    + "an address goes to open(_:configuration:)"
            )
        }
        let hint = Self.hints[normalized].map { "; \($0)" } ?? Spelling.suggestion(for: normalized, from: names)
        throw SessionStoreError(
            .misconfigured,
            "no provider is registered as \"\(normalized)\" (registered: \(names.joined(separator: ", ")))\(hint)"
        )
    }

    private static func duplicate(_ name: String) -> SessionStoreError {
        SessionStoreError(.misconfigured, "a provider is registered as \"\(name)\" already: choose another name")
    }

    /// What to do about the names that Go's `session` package knows and this module does not.
    private static let hints: [String: String] = {
        var hints: [String: String] = [:]
        func add(_ names: [String], _ hint: String) { for name in names { hints[name] = hint } }
        func product(_ name: String, _ register: String, trait: String? = nil) -> String {
            let trait = trait.map { ", with the trait \($0) of swift-sessions enabled," } ?? ""
            return "it comes with the product \(name): add it to the target's dependencies\(trait) and call "
                + "SessionStoreRegistry.shared.\(register)() first"
        }
        add(
            [
                "redis", "rediss", "valkey", "valkeys", "redis-sentinel", "redis_sentinel", "redis-cluster",
                "redis_cluster",
            ],
            product("SessionsRedis", "registerRedis")
        )
        add(["mysql", "mariadb"], product("SessionsMySQL", "registerMySQL", trait: "MySQL"))
        add(["postgresql", "postgres"], product("SessionsPostgres", "registerPostgres", trait: "PostgreSQL"))
        add(["sqlite", "sqlite3"], product("SessionsSQLite", "registerSQLite", trait: "SQLite"))
        add(["cookie"], "sessions kept in the cookie itself are not available: their end could not be enforced")
        add(
            ["memcache", "memcached", "couchbase", "ledis", "ssdb"],
            "no product has it: write a SessionStore and register a SessionStoreProvider of that name"
        )
        return hints
    }()
}
