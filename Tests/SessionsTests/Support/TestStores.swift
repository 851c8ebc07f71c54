import Sessions
import Synchronization

/// A store that answers as a test wants it to, in front of one that works.
final class ScriptedStore: SessionStore {
    /// What happens to one call.
    enum Fate: Sendable {
        case pass
        /// The call is not executed.
        case fail(SessionStoreError.Code)
        /// The call is executed, and its answer is lost.
        case executeThenFail(SessionStoreError.Code)
    }

    typealias Script = @Sendable (_ operation: String, _ call: Int) -> Fate

    let base: MemorySessionStore
    private let state = Mutex<(script: Script, calls: [String])>(({ _, _ in .pass }, []))

    init(_ base: MemorySessionStore = MemorySessionStore()) {
        self.base = base
    }

    /// What happens from now on; calls are counted from 1 for each operation.
    func script(_ script: @escaping Script) { state.withLock { $0 = (script, []) } }

    /// The operations called since the last script.
    var calls: [String] { state.withLock { $0.calls } }

    private func run<Result>(
        _ operation: String,
        _ body: () async throws(SessionStoreError) -> Result
    ) async throws(SessionStoreError) -> Result {
        let fate = state.withLock { state in
            state.calls.append(operation)
            return state.script(operation, state.calls.count { $0 == operation })
        }
        switch fate {
        case .pass:
            return try await body()
        case .fail(let code):
            throw SessionStoreError(code, "scripted")
        case .executeThenFail(let code):
            _ = try await body()
            throw SessionStoreError(code, "scripted")
        }
    }

    func load(_ id: SessionID, now: SessionInstant) async throws(SessionStoreError) -> SessionRecord? {
        try await run("load") { () async throws(SessionStoreError) in try await base.load(id, now: now) }
    }

    func insert(_ record: SessionRecord, id: SessionID) async throws(SessionStoreError) -> InsertOutcome {
        try await run("insert") { () async throws(SessionStoreError) in try await base.insert(record, id: id) }
    }

    func update(
        _ record: SessionRecord,
        id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> UpdateOutcome {
        try await run("update") { () async throws(SessionStoreError) in
            try await base.update(record, id: id, ifStamp: stamp, now: now)
        }
    }

    func touch(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        try await run("touch") { () async throws(SessionStoreError) in
            try await base.touch(id, ifStamp: stamp, expiresAt: expiresAt, now: now)
        }
    }

    func delete(
        _ id: SessionID,
        ifStamp stamp: SessionStamp,
        now: SessionInstant
    ) async throws(SessionStoreError) -> DeleteOutcome {
        try await run("delete") { () async throws(SessionStoreError) in
            try await base.delete(id, ifStamp: stamp, now: now)
        }
    }
}

/// A clock that tests move by hand.
final class TestClock: SessionClock {
    private let state = Mutex((now: SessionInstant(millisecondsSince1970: 1_800_000_000_000), sleepers: 0))

    var now: SessionInstant { state.withLock { $0.now } }
    var minimumResolution: Duration { .milliseconds(1) }

    func advance(by duration: Duration) { state.withLock { $0.now = $0.now + duration } }

    func sleep(until deadline: SessionInstant, tolerance: Duration?) async throws {
        state.withLock { $0.sleepers += 1 }
        defer { state.withLock { $0.sleepers -= 1 } }
        while now < deadline {
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    /// Returns when somebody sleeps.
    func untilSomebodySleeps() async {
        while state.withLock({ $0.sleepers == 0 }) { await Task.yield() }
    }
}
