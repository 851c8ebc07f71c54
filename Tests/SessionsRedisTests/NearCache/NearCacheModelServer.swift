#if Redis
import Sessions

@testable import SessionsRedis

/// A server with one session, as far as a connection with a near cache can tell: it executes commands in the order in
/// which they were sent, and what it says comes in the order in which it said it.
struct NearCacheModelServer {
    /// Where the message about a change of one's own goes.
    enum OwnMessage: CaseIterable {
        /// Behind the reply, as from version 7.0 on.
        case afterReply
        case beforeReply
    }

    enum Request {
        case load
        case update(SessionRecord, ifStamp: SessionStamp)
        case confirm
        case touch(ifStamp: SessionStamp)
        case delete
    }

    enum Message {
        case reply(NearCacheDriver.Sent, RESPValue)
        case changed
        case allChanged
    }

    private let ownMessage: OwnMessage
    private(set) var record: SessionRecord?
    private var isTracked = false
    private var requests: [(request: Request, sent: NearCacheDriver.Sent)] = []
    /// What was said and has not arrived, and how many changes there had been by then.
    private var stream: [(message: Message, changeCount: Int)] = []
    private(set) var changeCount = 0
    private struct Version: Hashable {
        var stamp: SessionStamp
        var expiresAt: SessionInstant

        init(_ record: SessionRecord) {
            stamp = record.stamp
            expiresAt = record.expiresAt
        }
    }

    /// How many changes there had been when the session was as it was then.
    private var past: [Version: Int] = [:]

    init(_ ownMessage: OwnMessage) { self.ownMessage = ownMessage }

    var isIdle: Bool { requests.isEmpty && stream.isEmpty }

    /// How old a record is: how many changes there had been when it was made, or `nil` if it never was.
    func changeCount(when record: SessionRecord) -> Int? { past[Version(record)] }

    // MARK: The connection

    mutating func send(_ request: Request, _ sent: NearCacheDriver.Sent) { requests.append((request, sent)) }

    /// The next thing that arrives.
    mutating func arrive() -> (message: Message, changeCount: Int)? { stream.isEmpty ? nil : stream.removeFirst() }

    /// The connection is lost. Some of what was sent is executed all the same.
    mutating func lose(executing count: Int) {
        for _ in 0..<count { execute(driver: nil) }
        requests = []
        stream = []
        isTracked = false
    }

    /// Executes the next command.
    mutating func execute(driver: NearCacheDriver?) {
        guard !requests.isEmpty else { return }
        let (request, sent) = requests.removeFirst()
        isTracked = true
        let reply: RESPValue
        var isChange = false
        switch (request, record) {
        case (.load, let record?):
            reply = driver?.value(record) ?? .null
        case (.confirm, let record?):
            reply = driver?.head(record) ?? .null
        case (.confirm, nil):
            reply = .word("")
        case (.load, nil), (.update, nil):
            reply = .null
        case (.update(let new, let stamp), let record?):
            isChange = record.stamp == stamp
            reply = isChange ? .integer(1) : driver?.value(record) ?? .null
            if isChange { set(new) }
        case (.touch(let stamp), let record?) where record.stamp == stamp:
            isChange = true
            reply = .integer(1)
            set(record.touched())
        case (.delete, .some):
            isChange = true
            reply = .integer(1)
            set(nil)
        case (.touch, _), (.delete, nil):
            reply = .integer(0)
        }
        if isChange, ownMessage == .beforeReply { say(.changed) }
        say(.reply(sent, reply))
        if isChange, ownMessage == .afterReply { say(.changed) }
        if isChange { isTracked = false }
    }

    private mutating func say(_ message: Message) { stream.append((message, changeCount)) }

    private mutating func set(_ new: SessionRecord?) {
        changeCount += 1
        record = new
        if let new { past[Version(new)] = changeCount }
    }

    // MARK: What happens elsewhere

    /// Somebody else changes the session.
    mutating func change(to new: SessionRecord?) {
        set(new)
        drop()
    }

    /// The server has no room for the key in its table.
    mutating func drop() {
        if isTracked { say(.changed) }
        isTracked = false
    }

    mutating func flush() {
        set(nil)
        say(.allChanged)
        isTracked = false
    }
}
#endif
