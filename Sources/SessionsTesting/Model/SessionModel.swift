import Sessions

/// What sessions promise, in the simplest form that can be run: dictionaries, one request at a time, no store.
///
/// Written from the promises in the design article. Times are milliseconds since the program began, tokens are numbers in
/// the order in which they were minted.
struct SessionModel: Sendable {
    typealias Token = Int
    typealias Key = SessionModelProgram.Key

    /// One value; numbers are lists of one.
    struct Entry: Hashable, Sendable {
        var key: Key
        var value: [Int]
        var expiresAt: Int?

        func isLive(at now: Int) -> Bool { expiresAt.map { $0 > now } ?? true }
    }

    /// A session as it is stored.
    struct Stored: Hashable, Sendable {
        var token: Token
        var values: [Entry] = []
        var subject: Int?
        var createdAt: Int
        var authenticatedAt: Int?
        var renewedAt: Int
        var idle: Int
        var absoluteDeadline: Int
        var expiresAt: Int
        var revision = 1
        /// Different for any two states that were ever committed: what a stamp is.
        var stamp: Int
    }

    /// What is kept under a token's id.
    enum Place: Hashable, Sendable {
        case session(Stored)
        /// Left by a renewal. With `isFollowed`, by a timed rotation: requests with this token still reach the session.
        case forwarder(to: Token, isFollowed: Bool, expiresAt: Int)

        var expiresAt: Int {
            switch self {
            case .session(let stored): stored.expiresAt
            case .forwarder(_, _, let expiresAt): expiresAt
            }
        }
    }

    let rotates: Bool
    private(set) var now = 0
    /// What was ever stored and not ended; expired ones stay.
    private(set) var places: [Token: Place] = [:]
    private(set) var tokenCount = 0
    private var stampCount = 0

    static let idle = SessionModelProgram.lifetime.idle * 1000
    static let absolute = SessionModelProgram.lifetime.absolute * 1000
    static let rotationInterval = SessionModelProgram.rotation.interval * 1000
    static let rotationGrace = SessionModelProgram.rotation.grace * 1000
    /// How long a token that nothing follows is remembered as superseded.
    static let supersededMemory = 60_000

    init(rotates: Bool) {
        self.rotates = rotates
    }

    mutating func advance(by milliseconds: Int) { now += milliseconds }

    mutating func mintToken() -> Token {
        defer { tokenCount += 1 }
        return tokenCount
    }

    mutating func makeStamp() -> Int {
        stampCount += 1
        return stampCount
    }

    mutating func put(_ stored: Stored) { places[stored.token] = .session(stored) }

    mutating func forward(_ token: Token, to successor: Token, isFollowed: Bool) {
        let life = isFollowed ? Self.rotationGrace : Self.supersededMemory
        places[token] = .forwarder(to: successor, isFollowed: isFollowed, expiresAt: now + life)
    }

    // MARK: Looking

    /// What lives under a token.
    func place(_ token: Token) -> Place? {
        guard let place = places[token], place.expiresAt > now else { return nil }
        return place
    }

    /// The sessions that live.
    var sessions: [Stored] {
        places.keys.compactMap { token in
            guard case .session(let stored) = place(token) else { return nil }
            return stored
        }
    }

    /// How many records live, those that renewals have left included.
    var recordCount: Int { places.values.count { $0.expiresAt > now } }

    /// How many sessions have expired so far, which is all that sweeps may have taken.
    var expiredSessionCount: Int {
        places.values.count { place in
            guard case .session(let stored) = place else { return false }
            return stored.expiresAt <= now
        }
    }

    /// The session that requests reach from a token, through timed rotations.
    func followed(_ token: Token) -> Stored? {
        switch place(token) {
        case .session(let stored): stored
        case .forwarder(let successor, isFollowed: true, _): followed(successor)
        default: nil
        }
    }

    // MARK: Ending

    /// Ends the session of a token, or what it has become.
    /// - Parameter subject: If given, whose session it must be.
    mutating func end(_ token: Token, of subject: Int? = nil) -> Bool {
        switch place(token) {
        case nil:
            return false
        case .session(let stored):
            guard subject == nil || stored.subject == subject else { return false }
            places[token] = nil
            return true
        case .forwarder(let successor, _, _):
            return end(successor, of: subject)
        }
    }

    /// Ends all sessions of a subject.
    /// - Returns: How many.
    mutating func endAll(of subject: Int, keeping kept: Token?) -> Int {
        let ended = sessions.filter { $0.subject == subject && $0.token != kept }
        for stored in ended { places[stored.token] = nil }
        return ended.count
    }
}

extension [SessionModel.Entry] {
    /// The value of a key at `now`.
    subscript(key: SessionModel.Key, at now: Int) -> SessionModel.Entry? {
        first { $0.key == key && $0.isLive(at: now) }
    }

    /// Sets a value, in the place of one that is there, also if that has expired.
    mutating func set(_ key: SessionModel.Key, to value: [Int], expiresAt: Int?) {
        let entry = SessionModel.Entry(key: key, value: value, expiresAt: expiresAt)
        if let index = firstIndex(where: { $0.key == key }) { self[index] = entry } else { append(entry) }
    }

    mutating func remove(_ key: SessionModel.Key) { removeAll { $0.key == key } }

    func live(at now: Int) -> Self { filter { $0.isLive(at: now) } }
}
