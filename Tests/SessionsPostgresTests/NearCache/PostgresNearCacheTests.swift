#if PostgreSQL
import Sessions
import Testing

@testable import SessionsPostgres

@Suite("The rules of the near cache")
struct PostgresNearCacheTests {
    private let cache = PostgresNearCache(maximumCount: 100)
    private let user = TestUser("ada")
    private let start = ContinuousClock.now

    private func listen(to server: String = "1") {
        cache.listens(to: server)
        cache.answered(pingSentAt: start)
    }

    private func served(after time: Duration = .zero) -> SessionRecord? {
        cache.record(user.id, now: TestUser.now, at: start + time)
    }

    private func keep(_ record: SessionRecord) {
        let ticket = cache.willLoad(user.id)
        cache.loaded(user.id, record, ticket: ticket)
    }

    private func announce(_ record: SessionRecord?) {
        guard let record else { return cache.receive(user.id.description) }
        cache.receive(
            "\(user.id.description) \(Int64(bitPattern: record.stamp.rawValue)) \(record.expiresAt.millisecondsSince1970)"
        )
    }

    @Test("What was loaded while somebody listened is served")
    func kept() {
        listen()
        let record = user.record()
        keep(record)
        #expect(served() == record)
    }

    @Test("What was asked for before somebody listened is not kept")
    func before() {
        let ticket = cache.willLoad(user.id)
        listen()
        cache.loaded(user.id, user.record(), ticket: ticket)
        #expect(served() == nil)
    }

    @Test("A reply is not kept if something was announced since it was asked for")
    func announcedMeanwhile() {
        listen()
        let ticket = cache.willLoad(user.id)
        announce(user.record())
        cache.loaded(user.id, user.record(), ticket: ticket)
        #expect(served() == nil)
        // One that was asked for before does not take the place of one that was asked for after it.
        let later = cache.willLoad(user.id)
        cache.loaded(user.id, user.record(), ticket: ticket)
        #expect(served() == nil)
        let record = user.record()
        cache.loaded(user.id, record, ticket: later)
        #expect(served() == record)
    }

    @Test("What is announced drops a record, unless it is that very record")
    func announcements() {
        listen()
        let record = user.record()
        keep(record)
        announce(record)
        #expect(served() == record)
        var touched = record
        touched.expiresAt = record.expiresAt + .seconds(1)
        announce(touched)
        #expect(served() == nil)
        keep(record)
        announce(user.record())
        #expect(served() == nil)
        keep(record)
        announce(nil)
        #expect(served() == nil)
    }

    @Test("Nothing older is served from the moment a commit is sent, and its own announcement keeps its record")
    func commits() {
        listen()
        keep(user.record())
        let new = user.record(revision: 2)
        let ticket = cache.willCommit(user.id, new)
        #expect(served() == nil)
        announce(new)
        cache.committed(user.id, new, ticket: ticket)
        #expect(served() == new)
        // The announcement may come after the answer as well.
        let newer = user.record(revision: 3)
        let next = cache.willCommit(user.id, newer)
        cache.committed(user.id, newer, ticket: next)
        announce(newer)
        #expect(served() == newer)
    }

    @Test("A commit's record is not kept if another one was announced, or begun, meanwhile")
    func overtakenCommits() {
        listen()
        let new = user.record(revision: 2)
        var ticket = cache.willCommit(user.id, new)
        announce(new)
        announce(user.record(revision: 3))
        cache.committed(user.id, new, ticket: ticket)
        #expect(served() == nil)
        ticket = cache.willCommit(user.id, new)
        let other = user.record(revision: 3)
        let otherTicket = cache.willCommit(user.id, other)
        cache.committed(user.id, new, ticket: ticket)
        #expect(served() == nil)
        cache.committed(user.id, other, ticket: otherTicket)
        #expect(served() == nil)
    }

    @Test("A load that runs beside a commit is not kept over it")
    func loadsBesideCommits() {
        listen()
        let old = user.record()
        let load = cache.willLoad(user.id)
        let new = user.record(revision: 2)
        let commit = cache.willCommit(user.id, new)
        let second = cache.willLoad(user.id)
        cache.loaded(user.id, old, ticket: second)
        cache.loaded(user.id, old, ticket: load)
        #expect(served() == nil)
        cache.committed(user.id, new, ticket: commit)
        cache.loaded(user.id, old, ticket: load)
        #expect(served() == new)
    }

    @Test("What is forgotten is not kept by a reply that was on its way")
    func forgotten() {
        listen()
        let ticket = cache.willLoad(user.id)
        cache.forget(user.id)
        cache.loaded(user.id, user.record(), ticket: ticket)
        #expect(served() == nil)
    }

    @Test("Silence is not freshness: a second after the ping that was answered last nothing is served")
    func silence() {
        listen()
        let record = user.record()
        keep(record)
        #expect(served(after: .milliseconds(999)) == record)
        #expect(served(after: .seconds(1)) == nil)
        cache.answered(pingSentAt: start + .milliseconds(500))
        #expect(served(after: .milliseconds(1499)) == record)
    }

    @Test("Without the listening connection nothing is served or kept, then or later")
    func lost() {
        listen()
        keep(user.record())
        let ticket = cache.willLoad(user.id)
        cache.lost()
        #expect(served() == nil && cache.count == 0)
        keep(user.record())
        #expect(cache.count == 0)
        listen()
        cache.loaded(user.id, user.record(), ticket: ticket)
        #expect(served() == nil)
    }

    @Test("A connection to another server empties it, and has the listening one look for that server")
    func otherServer() {
        listen(to: "1")
        #expect(!cache.connected(to: "1"))
        keep(user.record())
        #expect(served() != nil)
        #expect(cache.connected(to: "2"))
        #expect(served() == nil && !cache.isCurrent("1") && cache.isCurrent("2"))
        keep(user.record())
        #expect(cache.count == 0)
        listen(to: "2")
        keep(user.record())
        #expect(served() != nil)
    }

    @Test("What is announced and not understood drops everything", arguments: ["", "x", "0 1 2", " ", "\u{0}"])
    func strange(_ text: String) {
        listen()
        keep(user.record())
        cache.receive(text)
        #expect(served() == nil)
    }

    @Test("What is announced is an id, and a state where a session lives there")
    func changes() {
        let id = user.id.description
        #expect(PostgresChange(id)?.state == nil && PostgresChange(id)?.id == user.id)
        #expect(PostgresChange("\(id) -1 5")?.state?.stamp.rawValue == .max)
        for text in ["\(id) ", "\(id) 1", "\(id) 1 x", "\(id) 1 2 3", id.uppercased(), String(id.dropLast())] {
            #expect(PostgresChange(text) == nil)
        }
    }

    @Test("Neither an expired record nor a forwarder is served")
    func unservable() {
        listen()
        let record = user.record()
        keep(record)
        #expect(cache.record(user.id, now: record.expiresAt, at: start) == nil)
        cache.forget(user.id)
        let ticket = cache.willLoad(user.id)
        cache.loaded(user.id, nil, ticket: ticket)
        #expect(cache.count == 0)
    }
}
#endif
