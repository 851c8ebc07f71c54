public import Sessions
public import Testing

/// Proves that a store keeps the contract of `SessionStore`: what the author of a store runs.
///
/// All checks in one line:
/// ```swift
/// @Test func conforms() async { await SessionStoreConformance { MyStore() }.run() }
/// ```
/// or each as a test case of its own:
/// ```swift
/// @Test(arguments: SessionStoreConformance.Check.allCases)
/// func conforms(_ check: SessionStoreConformance.Check) async {
///     await SessionStoreConformance { MyStore() }.run(check)
/// }
/// ```
/// Besides the five methods the suite checks every ability that the store has (it is asked by a cast, as managers do), and
/// runs a `SessionManager` on it through the races that must not lose an update or undo a logout.
///
/// Time is that of a ``ManualSessionClock`` that starts at the real time and only moves forward. The suite writes under
/// random ids and a few fixed ones; give it a store of its own.
public struct SessionStoreConformance: Sendable {
    /// A rule that the store breaks.
    public struct Violation: Error, Hashable, Sendable, CustomStringConvertible {
        /// The name of the check that found it.
        public var check: String
        /// The rule, and what happened instead.
        public var message: String

        /// Check and message.
        public var description: String { "\(check): \(message)" }
    }

    private let makeStore: @Sendable () async throws -> any SessionStore
    private let makeSecondStore: (@Sendable () async throws -> any SessionStore)?
    /// One clock for all checks of one store, since it only moves forward.
    private let sharedClock: ManualSessionClock?

    /// Creates a suite that makes a store for each check.
    /// - Parameters:
    ///   - makeSecondStore: Makes another store over the same data as the store made last, as a second server would have
    ///     it; `nil`, the default, for stores that no two servers share. Both must then see each other's writes at once.
    ///   - makeStore: Makes a store with data of its own, for one check.
    public init(
        makeSecondStore: (@Sendable () async throws -> any SessionStore)? = nil,
        makeStore: @escaping @Sendable () async throws -> any SessionStore
    ) {
        self.makeStore = makeStore
        self.makeSecondStore = makeSecondStore
        sharedClock = nil
    }

    /// Creates a suite for one store, used by all checks. Run them one after the other: a check that moves its clock past
    /// the deadlines of another one's sessions would sweep them away.
    /// - Parameters:
    ///   - store: The store.
    ///   - secondStore: Another store over the same data, as a second server would have it, or `nil`, the default.
    public init(store: any SessionStore, secondStore: (any SessionStore)? = nil) {
        makeStore = { store }
        if let secondStore { makeSecondStore = { secondStore } } else { makeSecondStore = nil }
        sharedClock = ManualSessionClock()
    }

    /// Runs all checks and records an issue of the current test for each rule that the store breaks.
    public func run(sourceLocation: SourceLocation = #_sourceLocation) async {
        for violation in await violations() { Issue.record("\(violation)", sourceLocation: sourceLocation) }
    }

    /// Runs one check and records an issue of the current test for each rule that the store breaks.
    public func run(_ check: Check, sourceLocation: SourceLocation = #_sourceLocation) async {
        for violation in await violations(of: check) {
            Issue.record("\(violation)", sourceLocation: sourceLocation)
        }
    }

    /// Runs all checks; those with a manager only if the others find nothing.
    /// - Returns: The rules that the store breaks; none for a good store.
    public func violations() async -> [Violation] {
        var violations: [Violation] = []
        for check in Check.allCases {
            // A manager relies on the contract: over a store that breaks it, it may go on forever.
            if check.needsManager, !violations.isEmpty { break }
            violations += await self.violations(of: check)
        }
        return violations
    }

    /// Runs one check.
    /// - Returns: The rules that the store breaks; none for a good store.
    public func violations(of check: Check) async -> [Violation] {
        let messages: [String]
        do {
            let context = Context(
                store: try await makeStore(),
                makeSecondStore: makeSecondStore,
                clock: sharedClock ?? ManualSessionClock()
            )
            do {
                try await check.body(context)
            } catch is Context.Abort {
                // The rule is noted already.
            } catch {
                context.fail("must not throw here: \(error)")
            }
            messages = context.messages
        } catch {
            messages = ["the store could not be made: \(error)"]
        }
        return messages.map { Violation(check: check.name, message: $0) }
    }
}

extension SessionStoreConformance {
    /// One of the suite's checks.
    public struct Check: Hashable, Sendable, CaseIterable, CustomStringConvertible, CustomTestStringConvertible {
        /// The check's name: the rule it is about.
        public let name: String
        let needsManager: Bool
        let body: @Sendable (Context) async throws -> Void

        init(_ name: String, needsManager: Bool = false, _ body: @escaping @Sendable (Context) async throws -> Void) {
            self.name = name
            self.needsManager = needsManager
            self.body = body
        }

        /// The check's name.
        public var description: String { name }
        /// The check's name.
        public var testDescription: String { name }

        /// All checks. Those of abilities that a store does not have find nothing to complain about.
        public static let allCases: [Check] =
            records + expiry + concurrency + cancellation + renewal + enumeration + sweeping + subjects + leases
            + sharing + managers

        /// Whether both are the same check.
        public static func == (left: Self, right: Self) -> Bool { left.name == right.name }

        /// Hashes the name.
        public func hash(into hasher: inout Hasher) { hasher.combine(name) }
    }
}
