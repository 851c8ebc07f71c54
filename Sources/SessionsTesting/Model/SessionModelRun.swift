import HTTPTypes
import Logging
import Sessions

/// Runs one program on managers and on the model, and complains when they differ.
struct SessionModelRun {
    typealias Program = SessionModelProgram
    typealias Token = SessionModel.Token

    /// What was different.
    struct Difference: Error {
        var message: String
    }

    struct Server {
        var store: any SessionStore
        var manager: SessionManager
    }

    /// What one browser was given.
    struct Browser {
        var current: Token?
        var former: [Token] = []

        mutating func keep(_ token: Token?) {
            if let current, current != token { former.append(current) }
            current = token
        }
    }

    /// A request under way.
    struct Request {
        var visit: Program.Visit
        var exchange: SessionExchange
        var session: Session
        var view: SessionModel.View
    }

    let program: SessionModelProgram
    let clock: ManualSessionClock
    let start: SessionInstant
    let managerName: String
    let makeSecondStore: (@Sendable () async throws -> any SessionStore)?

    var model: SessionModel
    var servers: [Server] = []
    var browsers = [Browser](repeating: Browser(), count: Program.browserCount)
    var requests: [Int: Request] = [:]
    /// What the model's tokens are in truth; one that never left its request is unknown.
    var secrets: [Token: String] = [:]
    var ids: [Token: SessionID] = [:]
    var sweptCount = 0
    private var managersMade: UInt64 = 0

    /// - Parameter managerName: Different for each run, so that none finds what another has left.
    init(
        _ program: SessionModelProgram,
        on store: any SessionStore,
        makeSecondStore: (@Sendable () async throws -> any SessionStore)?,
        clock: ManualSessionClock,
        managerName: String
    ) async throws {
        self.program = program
        self.clock = clock
        self.managerName = managerName
        self.makeSecondStore = makeSecondStore
        // Whatever an earlier program has left is over, in all stores that this one may share with it.
        clock.advance(by: .seconds(3 * 3600))
        start = clock.now
        model = SessionModel(rotates: program.rotates)
        for index in 0..<Program.serverCount {
            let store = index == 0 ? store : try await makeSecondStore?() ?? store
            servers.append(Server(store: store, manager: try makeManager(store)))
        }
        // So that sweeps of this program find nothing but its own.
        try await servers[0].manager.sweep()
    }

    private mutating func makeManager(_ store: any SessionStore) throws -> SessionManager {
        var configuration = SessionManager.Configuration()
        configuration.name = managerName
        configuration.lifetime = .init(
            idle: .seconds(Program.lifetime.idle),
            absolute: .seconds(Program.lifetime.absolute)
        )
        if program.rotates {
            configuration.rotation = .init(
                interval: .seconds(Program.rotation.interval),
                grace: .seconds(Program.rotation.grace)
            )
        }
        // Commands run one after the other: what conflicts a few times conflicts forever.
        configuration.conflictTimeout = .zero
        managersMade += 1
        return try SessionManager(
            store: store,
            configuration: configuration,
            clock: clock,
            random: SeededSessionRandom(seed: program.seed &* 1000 &+ managersMade),
            logger: Logger(label: "sessions") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Runs the whole program.
    /// - Throws: ``Difference``, or what a store could not do.
    mutating func run() async throws {
        for (index, command) in program.commands.enumerated() {
            do {
                try await perform(command)
                if index % 4 == 3 { try await compareAll(on: index / 4 % Program.serverCount) }
            } catch {
                let message = (error as? Difference)?.message ?? "it threw \(error)"
                throw Difference(message: "command \(index + 1), \(command): \(message)")
            }
        }
        do {
            for server in servers.indices { try await compareAll(on: server) }
        } catch {
            throw Difference(message: "in the end: \((error as? Difference)?.message ?? "it threw \(error)")")
        }
    }

    /// Closes the stores.
    func shutDown() async {
        for server in servers { await (server.store as? any ConnectedSessionStore)?.shutDown() }
    }

    // MARK: Commands

    private mutating func perform(_ command: Program.Command) async throws {
        switch command {
        case .request(let visit, let steps, let ending):
            var request = try await begin(visit)
            try await go(&request, steps)
            try await close(&request, ending)
        case .begin(let slot, let visit):
            requests[slot] = try await begin(visit)
        case .go(let slot, let steps):
            guard var request = requests[slot] else { return }
            try await go(&request, steps)
            requests[slot] = request
        case .close(let slot, let ending):
            guard var request = requests.removeValue(forKey: slot) else { return }
            try await close(&request, ending)
        case .endOne(let server, let browser, let cookie, let subject):
            guard let token = token(cookie, of: browser), let id = ids[token] else { return }
            let name = subject.map { Program.name(ofSubject: $0) }
            let isEnded = try await servers[server].manager.end(id, of: name)
            try expect(isEnded, is: model.end(token, of: subject), "whether a session was ended")
            try await compare(token, on: server)
        case .endAll(let server, let subject, let keeping):
            // Only what lives can be kept.
            let kept = keeping.flatMap { browsers[$0].current }.flatMap { token -> Token? in
                guard case .session = model.place(token) else { return nil }
                return token
            }
            let count = try await servers[server].manager
                .endAll(of: Program.name(ofSubject: subject), except: kept.flatMap { ids[$0] })
            try expect(count, is: model.endAll(of: subject, keeping: kept), "how many sessions were ended")
            try await compareAll(on: server)
        case .list(let server, let subject):
            let sessions = try await servers[server].manager.sessions(of: Program.name(ofSubject: subject))
            try compare(sessions, with: model.sessions.filter { $0.subject == subject })
            let isOrdered = zip(sessions, sessions.dropFirst()).allSatisfy { $0.lastSeenAt >= $1.lastSeenAt }
            try expect(isOrdered, is: true, "whether the most recently used session comes first")
        case .count(let server):
            guard servers[server].store is any EnumerableSessionStore else { return }
            try expect(try await servers[server].manager.count(), is: model.recordCount, "how many sessions there are")
        case .page(let server, let limit):
            guard servers[server].store is any EnumerableSessionStore else { return }
            var listed: [SessionID: SessionInfo] = [:]
            var cursor: SessionStoreCursor?
            repeat {
                let page = try await servers[server].manager.page(after: cursor, limit: limit)
                for session in page.sessions { listed[session.id] = session }
                cursor = page.next
            } while cursor != nil
            try compare(Array(listed.values), with: model.sessions)
        case .advance(let milliseconds):
            clock.advance(by: .milliseconds(milliseconds))
            model.advance(by: milliseconds)
        case .sweep(let server):
            sweptCount += try await servers[server].manager.sweep()
            let most = model.expiredSessionCount
            if sweptCount > most {
                throw Difference(message: "sweeps have removed \(sweptCount) sessions, of which \(most) have expired")
            }
        case .restart(let index):
            requests = requests.filter { $0.value.visit.server != index }
            if let makeSecondStore {
                await (servers[index].store as? any ConnectedSessionStore)?.shutDown()
                servers[index].store = try await makeSecondStore()
            }
            servers[index].manager = try makeManager(servers[index].store)
        }
    }

    private func token(_ cookie: Program.Cookie, of browser: Int) -> Token? {
        let browser = browsers[browser]
        switch cookie {
        case .current, .both: return browser.current
        case .former(let age): return age <= browser.former.count ? browser.former[browser.former.count - age] : nil
        case .unknown, .malformed: return nil
        }
    }

    // MARK: Requests

    private mutating func begin(_ visit: Program.Visit) async throws -> Request {
        var tokens = token(visit.cookie, of: visit.browser).map { [$0] } ?? []
        if case .both(let other) = visit.cookie, let token = browsers[other].current, !tokens.contains(token) {
            tokens.append(token)
        }
        var values = tokens.compactMap { secrets[$0] }
        switch visit.cookie {
        case .unknown: values.append(String(repeating: "A", count: 43))
        case .malformed: values.append("malformed")
        default: break
        }
        let server = servers[visit.server]
        let name = server.manager.configuration.cookie?.name ?? ""
        var head = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
        if !values.isEmpty { head.headerFields[.cookie] = values.map { "\(name)=\($0)" }.joined(separator: "; ") }
        var policy = SessionPolicy()
        if visit.failsOnLostUpdate { policy.onLostUpdate = .fail }
        let exchange = server.manager.exchange(for: head, policy: policy)
        // A near cache may lag behind another server, by what it promises; the model does not.
        let mayLag = makeSecondStore != nil && server.store is any ResidentSessionStore
        let session = try await exchange.session(visit.isFresh || mayLag ? .fresh : .near)
        let view = model.open(
            tokens,
            broughtOther: values.count > tokens.count,
            failsOnLostUpdate: visit.failsOnLostUpdate
        )
        let request = Request(visit: visit, exchange: exchange, session: session, view: view)
        try compare(request)
        return request
    }

    private mutating func go(_ request: inout Request, _ steps: [Program.Step]) async throws {
        for step in steps {
            let answer = await Self.perform(step, on: request.session)
            let expected = model.perform(step, on: &request.view)
            try expect(answer, is: expected, "what \"\(step)\" answers")
            try learn(request)
            try compare(request)
        }
    }

    private mutating func close(_ request: inout Request, _ ending: Program.Ending) async throws {
        let seen = request.view.stored?.token
        var fields = HTTPFields()
        var failure: SessionError.Code?
        do {
            switch ending {
            case .finish: try await request.exchange.finish(&fields)
            case .abandon: try await request.exchange.abandon(&fields)
            }
        } catch let error as SessionError {
            failure = error.code
        }
        let response = model.close(&request.view, ending)
        try expect(failure, is: response.failure, "the error of the response")
        try learn(request)
        try compareCookie(of: fields, with: response.cookie, request.visit)
        try compare(request)
        for token in Set([seen, request.view.stored?.token].compactMap { $0 }) {
            try await compare(token, on: request.visit.server)
        }
    }

    /// Notes the id of a session that a commit has made or moved.
    private mutating func learn(_ request: Request) throws {
        guard let token = request.view.stored?.token, ids[token] == nil else { return }
        guard let id = request.session.id else { throw Difference(message: "there is no session after its commit") }
        if ids.values.contains(id) { throw Difference(message: "a new session has the id of another one") }
        ids[token] = id
    }

    /// Does to a session what a step says.
    private static func perform(_ step: Program.Step, on session: Session) async -> SessionModel.Answer {
        func number(_ key: Program.Key) -> SessionKey<Int> { SessionKey(key.rawValue) }
        func list(_ key: Program.Key) -> SessionKey<[Int]> { SessionKey(key.rawValue) }
        do {
            switch step {
            case .read(let key):
                return .value(key.isNumber ? session[number(key)].map { [$0] } : session[list(key)])
            case .set(let key, let value, let seconds):
                let lifetime = seconds.map { Duration.seconds($0) }
                if key.isNumber {
                    try session.set(value, for: number(key), lifetime: lifetime)
                } else {
                    try session.set([value], for: list(key), lifetime: lifetime)
                }
            case .remove(let key): try session.remove(key.rawValue)
            case .removeAll: try session.removeAll()
            case .append(let key, let value): try session.update(list(key), default: []) { $0.append(value) }
            case .increment(let key, let amount): try session.increment(number(key), by: amount)
            case .flash(let key):
                return .value(key.isNumber ? session.flash(number(key)).map { [$0] } : session.flash(list(key)))
            case .take(let key):
                guard key.isNumber else { return .value(try await session.take(list(key))) }
                return .value(try await session.take(number(key)).map { [$0] })
            case .lifetime(let idle, let absolute):
                try session.setLifetime(idle: .seconds(idle), absolute: .seconds(absolute))
            case .renew: try session.renew()
            case .signIn(let subject): try session.renew(subject: Program.name(ofSubject: subject))
            case .signOut: try session.renew(subject: nil)
            case .end: try session.end()
            case .discard: session.discard()
            case .save: try await session.save()
            }
            return .done
        } catch let error as SessionError {
            return .failure(error.code)
        } catch {
            return .failure(.misconfigured)
        }
    }
}
