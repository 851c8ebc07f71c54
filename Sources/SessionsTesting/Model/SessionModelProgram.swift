/// A program of a ``SessionModelTest``: what a few browsers, two servers and the clock do, one command after the other.
///
/// Its description reads as a list of these commands. A seed and a number of commands always give the same program.
public struct SessionModelProgram: Hashable, Sendable {
    /// What the program was made from.
    public let seed: UInt64
    /// Whether tokens are replaced by the clock as well.
    var rotates: Bool
    var commands: [Command]

    /// The names of values. Of each kind two, so that edits meet and miss each other.
    enum Key: String, CaseIterable, Sendable {
        case count, score
        case cart, notes

        /// Whether the value is a number, which increments add to; else it is a list, which updates append to.
        var isNumber: Bool { self == .count || self == .score }
    }

    /// Which cookies a request carries.
    enum Cookie: Hashable, Sendable {
        case current
        /// The one so many before, as a thief or a late request has it.
        case former(Int)
        /// In the right form, but of no session.
        case unknown
        case malformed
        /// The browser's own and that of another one.
        case both(other: Int)
    }

    /// How a request comes in.
    struct Visit: Hashable, Sendable {
        var browser: Int
        var server: Int
        var cookie = Cookie.current
        /// Asks past what is at hand.
        var isFresh = false
        /// Fails rather than overwrite what another request has changed.
        var failsOnLostUpdate = false
    }

    /// What a handler does.
    enum Step: Hashable, Sendable {
        case read(Key)
        case set(Key, Int, seconds: Int?)
        case remove(Key)
        case removeAll
        case append(Key, Int)
        case increment(Key, Int)
        case flash(Key)
        case take(Key)
        case lifetime(idle: Int, absolute: Int)
        case renew
        case signIn(Int)
        case signOut
        case end
        case discard
        case save
    }

    /// How a request comes to its end.
    enum Ending: Hashable, Sendable {
        case finish
        /// The handler has thrown.
        case abandon
    }

    enum Command: Hashable, Sendable {
        /// A whole request.
        case request(Visit, [Step], Ending)
        /// The halves of one, between which others run. A request that begins in the place of another one has that one
        /// lost, as in a crash.
        case begin(Int, Visit)
        case go(Int, [Step])
        case close(Int, Ending)
        /// Ends the session that a cookie leads to, by its id; if it belongs to the subject, where there is one.
        case endOne(server: Int, browser: Int, Cookie, subject: Int?)
        case endAll(server: Int, subject: Int, keeping: Int?)
        case list(server: Int, subject: Int)
        case count(server: Int)
        case page(server: Int, limit: Int)
        case advance(milliseconds: Int)
        case sweep(server: Int)
        case restart(server: Int)
    }

    init(seed: UInt64, rotates: Bool, commands: [Command]) {
        self.seed = seed
        self.rotates = rotates
        self.commands = commands
    }
}

extension SessionModelProgram: CustomStringConvertible {
    /// The commands, one a line.
    public var description: String {
        let lines = commands.enumerated().map { "\($0.offset + 1). \($0.element)" }
        return ([rotates ? "with timed rotation" : "without timed rotation"] + lines).joined(separator: "\n")
    }

    /// The name of a subject.
    static func name(ofSubject index: Int) -> String { index == 0 ? "ann" : "bob" }
}

extension SessionModelProgram.Cookie: CustomStringConvertible {
    var description: String {
        switch self {
        case .current: "its cookie"
        case .former(let age): "its cookie of \(age) before"
        case .unknown: "a token of no session"
        case .malformed: "a malformed token"
        case .both(let other): "its cookie and that of browser \(other)"
        }
    }
}

extension SessionModelProgram.Visit: CustomStringConvertible {
    var description: String {
        "browser \(browser) asks server \(server) with \(cookie)"
            + (isFresh ? ", for a fresh session" : "") + (failsOnLostUpdate ? ", failing on lost updates" : "")
    }
}

extension SessionModelProgram.Step: CustomStringConvertible {
    var description: String {
        switch self {
        case .read(let key): "read \(key)"
        case .set(let key, let value, nil): "set \(key) to \(value)"
        case .set(let key, let value, let seconds?): "set \(key) to \(value) for \(seconds) s"
        case .remove(let key): "remove \(key)"
        case .removeAll: "remove all"
        case .append(let key, let value): "append \(value) to \(key)"
        case .increment(let key, let amount): "add \(amount) to \(key)"
        case .flash(let key): "flash \(key)"
        case .take(let key): "take \(key)"
        case .lifetime(let idle, let absolute): "live \(idle) s idle, \(absolute) s in all"
        case .renew: "renew"
        case .signIn(let subject): "sign \(SessionModelProgram.name(ofSubject: subject)) in"
        case .signOut: "sign out"
        case .end: "end"
        case .discard: "discard"
        case .save: "save"
        }
    }
}

extension SessionModelProgram.Command: CustomStringConvertible {
    var description: String {
        func list(_ steps: [SessionModelProgram.Step], _ ending: SessionModelProgram.Ending?) -> String {
            (steps.map(\.description) + (ending.map { ["\($0)"] } ?? [])).joined(separator: ", ")
        }
        switch self {
        case .request(let visit, let steps, let ending):
            return "\(visit): \(list(steps, ending))"
        case .begin(let slot, let visit):
            return "request \(slot) begins: \(visit)"
        case .go(let slot, let steps):
            return "request \(slot) goes on: \(list(steps, nil))"
        case .close(let slot, let ending):
            return "request \(slot): \(ending)"
        case .endOne(let server, let browser, let cookie, let subject):
            let owner = subject.map { ", if it is \(SessionModelProgram.name(ofSubject: $0))'s" } ?? ""
            return "server \(server) ends the session of browser \(browser) by \(cookie)\(owner)"
        case .endAll(let server, let subject, let kept):
            let exception = kept.map { " but that of browser \($0)" } ?? ""
            return "server \(server) ends all sessions of \(SessionModelProgram.name(ofSubject: subject))\(exception)"
        case .list(let server, let subject):
            return "server \(server) lists the sessions of \(SessionModelProgram.name(ofSubject: subject))"
        case .count(let server):
            return "server \(server) counts"
        case .page(let server, let limit):
            return "server \(server) lists all, \(limit) a page"
        case .advance(let milliseconds):
            return "the clock moves by \(milliseconds) ms"
        case .sweep(let server):
            return "server \(server) sweeps"
        case .restart(let server):
            return "server \(server) starts anew"
        }
    }
}
