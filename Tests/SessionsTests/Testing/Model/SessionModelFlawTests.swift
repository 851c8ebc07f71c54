import Sessions
import Synchronization
import Testing

@testable import SessionsTesting

@Suite("The model finds what is wrong")
struct SessionModelFlawTests {
    /// Those that one request after the other can show; races between two calls of a store are for the conformance suite.
    private static let visibleFlaws: [FlawedSessionStore.Flaw] = [
        .lastWriterWins, .lateUpdateRevives, .conflictGivesOldRecord, .livesTooLong, .endsTooEarly,
        .updateKeepsDeadline,
        .touchWritesOldValues, .renewalForgetsForwarder, .countsExpired, .listsExpired, .losesIndexEntry,
    ]

    @Test("A planted flaw is found, and shrunk to a few commands that show it again", arguments: visibleFlaws)
    func finds(_ flaw: FlawedSessionStore.Flaw) async throws {
        let test = SessionModelTest { FlawedSessionStore(flaw: flaw) }
        let failure = try #require(await test.failure(seed: 1, programs: 300), "\(flaw) was not found")
        #expect(failure.program.commands.count <= 7, "\(failure)")
        #expect(failure.program.commands.count >= 1)
        #expect(await test.difference(in: failure.program, ManualSessionClock()) != nil, "\(failure)")
        let clean = SessionModelTest { MemorySessionStore() }
        #expect(
            await clean.difference(in: failure.program, ManualSessionClock())?.message == nil,
            "it is the flaw's doing"
        )
    }

    @Test("The seed of a failure fails again")
    func repeats() async throws {
        let test = SessionModelTest { FlawedSessionStore(flaw: .lastWriterWins) }
        let first = try #require(await test.failure(seed: 1, programs: 300))
        let again = try #require(await test.failure(seed: first.seed, programs: 1))
        #expect(again.program == first.program)
        #expect(again.message == first.message)
        #expect("\(first)".contains("SESSIONS_MODEL_SEED=\(first.seed) "))
    }

    @Test("Two servers that do not share their sessions are found")
    func unshared() async {
        let test = SessionModelTest(makeSecondStore: { MemorySessionStore() }, makeStore: { MemorySessionStore() })
        #expect(await test.failure(seed: 1, programs: 20) != nil)
    }

    @Test("A store that loses everything at a restart is found")
    func forgetful() async {
        let stores = Stores()
        let test = SessionModelTest(makeSecondStore: { stores.second() }, makeStore: { stores.first() })
        let failure = await test.failure(seed: 1, programs: 50)
        #expect(failure?.program.commands.contains { if case .restart = $0 { true } else { false } } == true)
    }

    @Test("A store that cannot be made is a failure")
    func unmade() async throws {
        let test = SessionModelTest { throw SessionStoreError(.misconfigured, "no folder") }
        let failure = try #require(await test.failure(seed: 1, programs: 1))
        #expect(failure.message.contains("no folder"))
        #expect(failure.program.commands.isEmpty)
    }

    @Test("An outage is a failure, since the model knows none")
    func outage() async throws {
        let test = SessionModelTest {
            let store = FaultInjectingSessionStore(MemorySessionStore())
            store.inject(.unavailable, into: .insert)
            return store
        }
        let failure = try #require(await test.failure(seed: 1, programs: 20))
        #expect(failure.message.contains("unavailable"))
    }

    /// Stores that two servers share until one of them starts anew.
    private final class Stores: Sendable {
        private let stores = Mutex<(shared: MemorySessionStore, shares: Int)>((MemorySessionStore(), 0))

        func first() -> any SessionStore {
            stores.withLock { stores in
                stores = (MemorySessionStore(), 1)
                return stores.shared
            }
        }

        func second() -> any SessionStore {
            stores.withLock { stores in
                stores.shares += 1
                return stores.shares <= 2
                    ? FaultInjectingSessionStore(stores.shared) : FaultInjectingSessionStore(.init())
            }
        }
    }
}
