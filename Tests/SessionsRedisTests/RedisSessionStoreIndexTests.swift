#if Redis
import HTTPTypes
import SessionsTesting
import Testing

@testable import Sessions
@testable import SessionsRedis

@Suite("The subjects' indexes in Redis")
struct RedisSessionStoreIndexTests {
    /// How one of the sessions goes.
    private enum Fate: CaseIterable {
        case endedByItself, endedByID, renewedAndEnded, renewed, ranOut, reachedItsEnd
        /// A process died between the entry and the record, between the record's end and the entry's, or had the record
        /// removed by the server.
        case onlyAnnounced, endedWithoutIndex
    }

    @Test(
        "10 000 sessions of a subject, ended in every way there is, leave nothing behind a sweep",
        .timeLimit(.minutes(3))
    )
    func nothingIsLeft() async throws {
        var configuration = TestServers.patient(try TestServers.single())
        configuration.sweepInterval = .zero
        let store = try await RedisSessionStore.open(configuration)
        let clock = ManualSessionClock()
        let manager = try SessionManager(store: store, clock: clock)
        let subject = "user"

        try await withThrowingTaskGroup { group in
            for worker in 0..<20 {
                group.addTask {
                    for number in 0..<500 {
                        let fate = Fate.allCases[(worker + number) % Fate.allCases.count]
                        try await live(fate, manager, store, subject: subject)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await manager.sessions(of: subject).count >= 10_000 / Fate.allCases.count)

        // Those that were not ended run out, the longer ones reach their absolute deadlines.
        clock.advance(by: .seconds(3 * 3600))
        try await manager.sweep()
        let id = manager.subjectID(subject)
        #expect(try await store.index(of: id, now: clock.now).isEmpty)
        // What remains is the epoch, if somebody raised it, for a day.
        #expect(try await fields(of: id, store) == [])
        await store.shutDown()
    }

    @Test("An entry of a session that ran out goes with a sweep, one that may be a sign-in under way stays")
    func young() async throws {
        var configuration = TestServers.patient(try TestServers.single())
        configuration.sweepInterval = .zero
        let store = try await RedisSessionStore.open(configuration)
        let clock = ManualSessionClock()
        let manager = try SessionManager(store: store, clock: clock)
        let subject = manager.subjectID("user")
        let old = SessionID(SessionToken(from: SystemSessionRandom()), managerName: manager.namespace)
        let young = SessionID(SessionToken(from: SystemSessionRandom()), managerName: manager.namespace)
        let deadline = clock.now + .seconds(86_400)
        _ = try await store.addToIndex(old, subject: subject, absoluteDeadline: deadline, now: clock.now)
        clock.advance(by: .seconds(60))
        _ = try await store.addToIndex(young, subject: subject, absoluteDeadline: deadline, now: clock.now)
        try await manager.sweep()
        #expect(try await store.index(of: subject, now: clock.now).map(\.id) == [young])
        await store.shutDown()
    }

    @Test("Of servers that share the keys one begins a round of sweeping, once per interval")
    func oneSweeper() async throws {
        let configuration = TestServers.patient(try TestServers.single())
        let first = try await RedisSessionStore.open(configuration)
        let second = try await RedisSessionStore.open(configuration)
        let clock = ManualSessionClock()
        let subject = try #require(SubjectID(String(repeating: "0f", count: 32)))
        let id = try #require(SessionID(String(repeating: "5a", count: 32)))
        func addStale() async throws {
            let deadline = clock.now + .seconds(86_400)
            _ = try await first.addToIndex(id, subject: subject, absoluteDeadline: deadline, now: clock.now)
            clock.advance(by: .seconds(61))
        }
        func sweep(_ store: RedisSessionStore) async throws {
            var cursor: SessionStoreCursor?
            repeat {
                cursor = try await store.sweep(from: cursor, limit: 1000, now: clock.now).next
            } while cursor != nil
        }
        try await addStale()
        try await sweep(first)
        #expect(try await first.index(of: subject, now: clock.now).isEmpty)
        try await addStale()
        try await sweep(second)
        #expect(try await first.index(of: subject, now: clock.now).count == 1)
        await first.shutDown()
        await second.shutDown()
    }

    private func live(
        _ fate: Fate,
        _ manager: SessionManager,
        _ store: RedisSessionStore,
        subject: String
    ) async throws {
        let session = try await visit(manager, cookie: nil) { session in
            try session.renew(subject: subject)
            if fate == .reachedItsEnd { try session.setLifetime(idle: .seconds(7200), absolute: .seconds(7200)) }
        }
        guard let id = session.id, let cookie = session.cookie else { return }
        switch fate {
        case .endedByItself:
            _ = try await visit(manager, cookie: cookie) { try $0.end() }
        case .endedByID:
            try await manager.end(id)
        case .renewedAndEnded:
            let renewed = try await visit(manager, cookie: cookie) { try $0.renew() }
            _ = try await visit(manager, cookie: renewed.cookie) { try $0.end() }
        case .renewed:
            _ = try await visit(manager, cookie: cookie) { try $0.renew() }
        case .ranOut, .reachedItsEnd:
            break
        case .onlyAnnounced:
            let other = SessionID(SessionToken(from: SystemSessionRandom()), managerName: manager.namespace)
            _ = try await store.addToIndex(
                other,
                subject: manager.subjectID(subject),
                absoluteDeadline: manager.now + .seconds(86_400),
                now: manager.now
            )
        case .endedWithoutIndex:
            let now = manager.now
            guard let record = try await store.load(id, now: now) else { return }
            _ = try await store.delete(id, ifStamp: record.stamp, now: now)
        }
    }

    private func visit(
        _ manager: SessionManager,
        cookie: String?,
        _ body: (Session) throws -> Void
    ) async throws -> (id: SessionID?, cookie: String?) {
        var request = HTTPRequest(method: .post, scheme: "https", authority: "example.com", path: "/")
        if let cookie { request.headerFields[.cookie] = cookie }
        let exchange = manager.exchange(for: request)
        let session = try await exchange.session()
        try body(session)
        var fields = HTTPFields()
        try await exchange.finish(&fields)
        return (session.id, fields[.setCookie].map { String($0.prefix { $0 != ";" }) })
    }

    /// What the server holds beside the sorted set.
    private func fields(of subject: SubjectID, _ store: RedisSessionStore) async throws -> [String] {
        var command = RESPCommand("HKEYS")
        store.keys.appendSubjectAdditions(subject, to: &command)
        let slot = RedisKeys.slot(of: subject)
        let reply = try await store.client.send(command, to: slot, by: store.deadline, isRead: true, effect: .none)
        guard case .array(let names) = reply else { return ["?"] }
        return names.compactMap(\.text)
    }
}

extension SessionManager {
    /// The key of a subject's index.
    fileprivate func subjectID(_ subject: String) -> SubjectID { namespace.subjectID(subject) }
}
#endif
