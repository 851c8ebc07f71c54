#if Redis
import NIOCore
import Sessions
import Testing

@testable import SessionsRedis

/// What one connection's part of the near cache keeps, whatever crosses what on the way. Each rule of the article
/// "The near cache" has a test here or beside this file that fails without it.
@Suite("Which records the near cache keeps")
struct NearCachePartTests {
    private let driver = NearCacheDriver()
    private let old: SessionRecord
    private let new: SessionRecord

    init() {
        old = driver.user.record(revision: 1)
        new = driver.user.record(revision: 2)
    }

    // MARK: Loads

    @Test("What was loaded is kept")
    func loaded() {
        #expect(driver.cached == nil)
        let load = driver.load()
        #expect(driver.cached == nil)
        driver.reply(old, to: load)
        #expect(driver.cached == old)
        #expect(driver.cached == old)
    }

    @Test(
        "Nothing is kept of a reply without a record",
        arguments: [RESPValue.null, .error("LOADING"), .error("MOVED 1 127.0.0.1:1"), .integer(1)]
    )
    func nothing(_ reply: RESPValue) {
        driver.reply(reply, to: driver.load())
        #expect(driver.cached == nil)
        #expect(driver.part.count == 0)
    }

    @Test("A record that cannot be read is not served, and the next reply replaces it")
    func damaged() {
        driver.reply(.word("no record"), to: driver.load())
        #expect(driver.cached == nil)
        driver.keep(old)
        #expect(driver.cached == old)
    }

    @Test("An expired record is not served")
    func expired() {
        driver.keep(old)
        #expect(driver.part.record(driver.user.id, now: old.expiresAt) == nil)
        #expect(driver.part.record(driver.user.id, now: old.expiresAt + .milliseconds(-1)) == old)
    }

    @Test("A message about the session drops it")
    func changed() {
        driver.keep(old)
        driver.push()
        #expect(driver.cached == nil)
        #expect(driver.part.count == 0)
    }

    @Test("A reply is not kept if a message about the session came since its command was sent")
    func changedMeanwhile() {
        let load = driver.load()
        driver.push()
        driver.reply(old, to: load)
        #expect(driver.cached == nil)
    }

    @Test("A reply is not kept either if a later load was sent after the message")
    func changedBetweenLoads() {
        let first = driver.load()
        driver.push()
        let second = driver.load()
        driver.reply(old, to: first)
        #expect(driver.cached == nil)
        driver.reply(new, to: second)
        #expect(driver.cached == new)
    }

    @Test("Loads that overlap do not keep one another's replies out")
    func overlapping() {
        var onTheWay = [driver.load(), driver.load()]
        driver.reply(old, to: onTheWay.removeFirst())
        #expect(driver.cached == old)
        driver.reply(old, to: onTheWay.removeFirst())
        #expect(driver.cached == old)
    }

    @Test("A session that is asked for again while it is kept is not served until that reply has come")
    func askedAgain() {
        driver.keep(old)
        let load = driver.load()
        #expect(driver.cached == nil)
        driver.reply(new, to: load)
        #expect(driver.cached == new)
    }

    // MARK: Changes of one's own

    @Test("From the sending of a change on, the record before it is not served")
    func ownChange() {
        driver.keep(old)
        let touch = driver.touch()
        #expect(driver.cached == nil)
        driver.reply(.integer(1), to: touch)
        #expect(driver.cached == nil)
    }

    @Test("A load that was sent before a change is not kept, whichever reply comes when")
    func loadBeforeChange() {
        let load = driver.load()
        let touch = driver.touch()
        driver.reply(old, to: load)
        #expect(driver.cached == nil)
        driver.reply(.integer(1), to: touch)
        #expect(driver.cached == nil)

        let loads = (driver.load(), driver.touch(), driver.load())
        driver.reply(old, to: loads.0)
        #expect(driver.cached == nil)
        driver.reply(.integer(1), to: loads.1)
        driver.reply(old.touched(), to: loads.2)
        #expect(driver.cached == old.touched())
    }

    @Test("A commit's record is served as soon as the server has confirmed it, and its own message does not matter")
    func ownCommit() {
        driver.keep(old)
        let sent = driver.commit(new)
        #expect(driver.cached == nil)
        driver.reply(.integer(1), to: sent.commit)
        #expect(driver.cached == nil)
        driver.push()
        driver.reply(driver.head(new), to: sent.confirmation)
        #expect(driver.cached == new)
        driver.push()
        #expect(driver.cached == nil)
    }

    @Test("A commit's record is not kept if the server has another by then")
    func ownCommitOverwritten() {
        for head in [driver.head(old), driver.head(new.touched()), .word(""), .error("NOPERM")] {
            let sent = driver.commit(new)
            driver.reply(.integer(1), to: sent.commit)
            driver.push()
            driver.reply(head, to: sent.confirmation)
            #expect(driver.cached == nil)
            #expect(driver.part.count == 0)
        }
    }

    @Test("A commit's record is not kept if another change was sent behind it")
    func ownCommitThenChange() {
        let sent = driver.commit(old)
        let touch = driver.touch()
        driver.reply(.integer(1), to: sent.commit)
        driver.reply(driver.head(old), to: sent.confirmation)
        #expect(driver.cached == nil)
        driver.reply(.integer(1), to: touch)
        #expect(driver.cached == nil)

        let commits = (driver.commit(old), driver.commit(new))
        driver.reply(.integer(1), to: commits.0.commit)
        driver.reply(driver.head(old), to: commits.0.confirmation)
        #expect(driver.cached == nil)
        driver.reply(.integer(1), to: commits.1.commit)
        driver.reply(driver.head(new), to: commits.1.confirmation)
        #expect(driver.cached == new)
    }

    @Test("A load around a commit does not keep its record out, nor the one before in")
    func commitAmongLoads() {
        let before = driver.load()
        let sent = driver.commit(new)
        let after = driver.load()
        driver.reply(old, to: before)
        #expect(driver.cached == nil)
        driver.reply(.integer(1), to: sent.commit)
        driver.reply(driver.head(new), to: sent.confirmation)
        #expect(driver.cached == new)
        driver.reply(new, to: after)
        #expect(driver.cached == new)
    }

    @Test("A change by another connection drops the record, and what is on its way")
    func changeElsewhere() {
        driver.keep(old)
        driver.part.forget(.forget(driver.user.id))
        #expect(driver.cached == nil)
        let load = driver.load()
        driver.part.forget(.commit(driver.user.id, new))
        driver.reply(old, to: load)
        #expect(driver.cached == nil)
    }

    // MARK: Everything at once

    @Test(
        "What may be about every session empties the cache, and keeps out what is on its way",
        arguments: [
            [RESPValue.word("invalidate"), .null],
            [.word("invalidate"), .array([.integer(1)])],
            [.word("invalidate")],
            [.word("tracking-redir-broken"), .integer(1)],
            [],
        ]
    )
    func emptied(_ message: [RESPValue]) {
        let other = TestUser("eve")
        driver.keep(old)
        let load = driver.send(.load(other.id))
        driver.part.receive(message)
        #expect(driver.cached == nil)
        driver.reply(old, to: load)
        #expect(driver.part.count == 0)
    }

    @Test("Messages about other keys change nothing")
    func otherKeys() {
        driver.keep(old)
        let id = driver.user.id
        let names = ["sessions:{\(id)}:lease", "others:{\(id)}", "sessions:subject:{\(id)}", "", "sessions:{\(id)"]
        driver.part.receive([.word("invalidate"), .array(names.map(RESPValue.word))])
        #expect(driver.cached == old)
        driver.part.receive([.word("invalidate"), .array(names.map(RESPValue.word) + [driver.key])])
        #expect(driver.cached == nil)
    }

    @Test("Without the connection nothing is kept, nor what it had been asked for, nor is a commit under way")
    func connectionLost() {
        driver.keep(old)
        let load = driver.send(.load(TestUser("eve").id))
        let sent = driver.commit(new)
        driver.part.connectionClosed()
        #expect(driver.cached == nil)
        #expect(driver.part.count == 0)
        // No connection hands in what comes after its end; if one did, it would not matter.
        driver.reply(old, to: load)
        driver.reply(driver.head(new), to: sent.confirmation)
        #expect(driver.part.count == 0)
        driver.keep(new)
        #expect(driver.cached == new)
    }

    // MARK: Bounds

    @Test("The cache is bounded, whatever is on its way; the sessions used last are kept")
    func bounded() {
        let driver = NearCacheDriver(maximumCount: 10)
        driver.keep(old)
        for number in 0..<1000 {
            let other = TestUser("user \(number)")
            let load = driver.send(.load(other.id))
            if number.isMultiple(of: 2) { driver.reply(other.record(), to: load) }
            #expect(driver.part.count <= 10)
            #expect(driver.cached == old)
        }
        #expect(driver.part.count == 10)
    }

    @Test("A flood of strangers' tokens leaves nothing behind and drives nothing out")
    func strangers() {
        let driver = NearCacheDriver(maximumCount: 2)
        driver.keep(old)
        for number in 0..<1000 { driver.reply(.null, to: driver.send(.load(TestUser("user \(number)").id))) }
        #expect(driver.cached == old)
        #expect(driver.part.count == 1)
    }
}
#endif
