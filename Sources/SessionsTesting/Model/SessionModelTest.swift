public import Sessions
public import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Runs random programs over a store and over a simple model of what sessions promise, side by side: what the author of a
/// store runs beside ``SessionStoreConformance``.
///
/// ```swift
/// @Test func followsTheModel() async {
///     await SessionModelTest { MyStore() }.run()
/// }
/// ```
/// A program is what a few browsers do on two servers: whole requests and halves of overlapping ones, with present, former and
/// unknown tokens; edits, sign-ins, logouts, "sign out everywhere", lists, sweeps, restarts, and a clock that is moved past every
/// deadline. Each answer must be the model's, and so must each record.
///
/// A program that fails is shrunk and printed with its seed. Two variables are for longer runs and for repeating one:
/// `SESSIONS_MODEL_SEED` is the seed of the first program (the next one has the next number; by default it is random), and
/// `SESSIONS_MODEL_PROGRAMS` how many there are.
///
/// Time is that of a ``ManualSessionClock`` that starts at the real time and only moves forward. Programs run one after the other;
/// give them a store of their own.
public struct SessionModelTest: Sendable {
    /// A program in which store and model differ.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        /// The seed that the program was made from.
        public var seed: UInt64
        /// What is left of the program after shrinking.
        public var program: SessionModelProgram
        /// In which command, and how, they differ.
        public var message: String

        /// The shrunk program, what is wrong, and how to repeat it.
        public var description: String {
            """
            store and model differ at \(message)
            \(program)
            To run it again: SESSIONS_MODEL_SEED=\(seed) SESSIONS_MODEL_PROGRAMS=1
            """
        }
    }

    private let programCount: Int
    private let commandCount: Int
    private let shrinkingLimit: Int
    private let makeSecondStore: (@Sendable () async throws -> any SessionStore)?
    private let makeStore: @Sendable () async throws -> any SessionStore

    /// Creates a test.
    /// - Parameters:
    ///   - programs: How many programs to run. Default: 200. `SESSIONS_MODEL_PROGRAMS` takes precedence.
    ///   - commandsPerProgram: How long each is. Default: 40.
    ///   - shrinkingLimit: How many programs to run at most to make one shorter that fails. Default: 2000.
    ///   - makeSecondStore: Makes another store over the same data as the store made last, as a second server has it, and as the
    ///     first has it after a restart; `nil`, the default, for stores that no two servers share and that end with their
    ///     process. All must see each other's writes at once.
    ///   - makeStore: Makes a store, for one program. What earlier programs have left in it has expired.
    public init(
        programs: Int = 200,
        commandsPerProgram: Int = 40,
        shrinkingLimit: Int = 2000,
        makeSecondStore: (@Sendable () async throws -> any SessionStore)? = nil,
        makeStore: @escaping @Sendable () async throws -> any SessionStore
    ) {
        programCount = programs
        commandCount = commandsPerProgram
        self.shrinkingLimit = shrinkingLimit
        self.makeSecondStore = makeSecondStore
        self.makeStore = makeStore
    }

    /// Runs the programs, and records an issue of the current test for the first one that fails.
    public func run(sourceLocation: SourceLocation = #_sourceLocation) async {
        let count = Self.variable("SESSIONS_MODEL_PROGRAMS").map { Int(clamping: $0) } ?? programCount
        let seed = Self.variable("SESSIONS_MODEL_SEED") ?? .random(in: 0...UInt64(UInt32.max))
        if let failure = await failure(seed: seed, programs: count) {
            Issue.record("\(failure)", sourceLocation: sourceLocation)
        }
    }

    /// Runs the programs of one seed after the other.
    /// - Parameters:
    ///   - seed: That of the first program.
    ///   - programs: How many; `nil`, the default, for as many as this test was made with.
    /// - Returns: The first that fails, shrunk, or `nil`.
    public func failure(seed: UInt64, programs: Int? = nil) async -> Failure? {
        let clock = ManualSessionClock()
        for offset in 0..<UInt64(max(programs ?? programCount, 0)) {
            let program = SessionModelProgram(seed: seed &+ offset, commandCount: commandCount)
            guard var last = await difference(in: program, clock) else { continue }
            let shrunk = await program.shrunk(limit: shrinkingLimit) { candidate in
                guard let difference = await difference(in: candidate, clock) else { return false }
                last = difference
                return true
            }
            return Failure(seed: program.seed, program: shrunk, message: last.message)
        }
        return nil
    }

    /// Runs one program.
    func difference(
        in program: SessionModelProgram,
        _ clock: ManualSessionClock
    ) async -> SessionModelRun.Difference? {
        do {
            let name = "model-\(UInt64.random(in: 0 ... .max))"
            var run = try await SessionModelRun(
                program,
                on: try await makeStore(),
                makeSecondStore: makeSecondStore,
                clock: clock,
                managerName: name
            )
            do {
                try await run.run()
            } catch {
                await run.shutDown()
                throw error
            }
            await run.shutDown()
            return nil
        } catch {
            return error as? SessionModelRun.Difference ?? .init(message: "the store could not be made: \(error)")
        }
    }

    private static func variable(_ name: String) -> UInt64? {
        getenv(name).flatMap { UInt64(String(cString: $0)) }
    }
}
