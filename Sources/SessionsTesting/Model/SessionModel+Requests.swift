import Sessions

extension SessionModel {
    /// One change of values, as it is applied again to what another request has left.
    enum Edit: Hashable, Sendable {
        case set(Key, [Int], expiresAt: Int?, wasRead: Bool)
        case remove(Key)
        /// Removes what was shown once, unless it has been replaced since.
        case removeShown(Key, [Int])
        case take(Key)
        case removeAll
        case append(Key, Int)
        case add(Key, Int)

        /// - Returns: What was taken.
        @discardableResult
        func apply(to values: inout [Entry], at now: Int) -> [Int]? {
            switch self {
            case .set(let key, let value, let expiresAt, _):
                values.set(key, to: value, expiresAt: expiresAt)
            case .remove(let key):
                values.remove(key)
            case .removeShown(let key, let shown):
                if values[key, at: now]?.value == shown { values.remove(key) }
            case .take(let key):
                let taken = values[key, at: now]?.value
                values.remove(key)
                return taken
            case .removeAll:
                values = []
            case .append(let key, let number):
                let entry = values[key, at: now]
                values.set(key, to: (entry?.value ?? []) + [number], expiresAt: entry?.expiresAt)
            case .add(let key, let number):
                let entry = values[key, at: now]
                values.set(key, to: [(entry?.value.first ?? 0) + number], expiresAt: entry?.expiresAt)
            }
            return nil
        }
    }

    enum Renewal: Hashable, Sendable {
        case token
        case subject(Int?)
    }

    /// What the response says about the cookie.
    enum Announcement: Hashable, Sendable {
        case token(Token)
        case cleared
    }

    /// One request's view of its session.
    struct View: Sendable {
        var openedAt: Int
        var broughtToken: Bool
        var failsOnLostUpdate = false
        /// The session as this request last saw it, or `nil` for none.
        var stored: Stored?
        var values: [Entry] = []
        var edits: [Edit] = []
        var keysRead: Set<Key> = []
        var renewal: Renewal?
        var lifetime: (idle: Int, absolute: Int)?
        var isEnding = false
        /// Why writes are refused.
        var refusal: SessionError.Code?
        /// What `end()` ends in place of a session.
        var successors: [Token] = []
        var announcement: Announcement?
        /// What the last `take` found, in the run that counts.
        var taken: [Int]?

        var isEdited: Bool { !edits.isEmpty || renewal != nil || lifetime != nil || isEnding }

        var subject: Int? {
            if case .subject(let subject) = renewal { return subject }
            return stored?.subject
        }

        mutating func dropEdits() {
            edits = []
            renewal = nil
            lifetime = nil
            values = stored?.values ?? []
        }
    }

    // MARK: Opening

    /// Opens the session of a request.
    /// - Parameters:
    ///   - tokens: Those that it brings and that were minted here.
    ///   - broughtOther: Whether it brings one that leads nowhere.
    func open(_ tokens: [Token], broughtOther: Bool, failsOnLostUpdate: Bool) -> View {
        var view = View(
            openedAt: now,
            broughtToken: broughtOther || !tokens.isEmpty,
            failsOnLostUpdate: failsOnLostUpdate
        )
        for token in tokens {
            if let stored = followed(token) {
                if let other = view.stored, other.token != stored.token {
                    // Two live sessions are none.
                    view.stored = nil
                    view.values = []
                    view.announcement = nil
                    view.refusal = .ambiguous
                    return view
                }
                // The present token beside a former one: the browser has it.
                let isKnown = tokens.contains(stored.token)
                view.stored = stored
                view.values = stored.values
                view.announcement = isKnown ? nil : .token(stored.token)
            } else if let successor = superseding(token) {
                view.successors.append(successor)
            }
        }
        if view.stored != nil {
            view.successors = []
        } else if !view.successors.isEmpty {
            view.refusal = .ended
        }
        return view
    }

    /// The token that made this one worthless, if it is remembered.
    private func superseding(_ token: Token) -> Token? {
        switch place(token) {
        case .forwarder(let successor, isFollowed: true, _): superseding(successor)
        case .forwarder(let successor, isFollowed: false, _): successor
        default: nil
        }
    }

    // MARK: Handling

    /// What a step of a handler shows.
    enum Answer: Hashable, Sendable {
        case done
        case value([Int]?)
        case failure(SessionError.Code)
    }

    mutating func perform(_ step: SessionModelProgram.Step, on view: inout View) -> Answer {
        let now = view.openedAt
        switch step {
        case .read(let key):
            if view.stored != nil { view.keysRead.insert(key) }
            return .value(view.values[key, at: now]?.value)
        case .flash(let key):
            guard let shown = view.values[key, at: now]?.value else { return .value(nil) }
            if view.stored != nil { view.keysRead.insert(key) }
            _ = edit(&view, .removeShown(key, shown))
            return .value(shown)
        case .set(let key, let number, let seconds):
            // The lifetime of a value begins when it is set, however long ago the request did.
            let expiresAt = seconds.map { self.now + $0 * 1000 }
            return edit(&view, .set(key, [number], expiresAt: expiresAt, wasRead: view.keysRead.contains(key)))
        case .remove(let key):
            return edit(&view, .remove(key))
        case .removeAll:
            return edit(&view, .removeAll)
        case .append(let key, let number):
            return edit(&view, .append(key, number))
        case .increment(let key, let number):
            return edit(&view, .add(key, number))
        case .take(let key):
            if case .failure(let code) = edit(&view, .take(key)) { return .failure(code) }
            if let code = commit(&view, isFinal: false) { return .failure(code) }
            return .value(view.taken)
        case .lifetime(let idle, let absolute):
            if let code = refusal(of: view) { return .failure(code) }
            view.lifetime = (idle * 1000, absolute * 1000)
        case .renew:
            if let code = refusal(of: view) { return .failure(code) }
            if view.stored != nil, view.renewal == nil { view.renewal = .token }
        case .signIn(let subject):
            if let code = refusal(of: view) { return .failure(code) }
            view.renewal = .subject(subject)
        case .signOut:
            if let code = refusal(of: view) { return .failure(code) }
            view.renewal = .subject(nil)
        case .end:
            if let code = view.refusal, code != .ended { return .failure(code) }
            view.isEnding = true
            view.dropEdits()
        case .discard:
            view.dropEdits()
        case .save:
            if let code = commit(&view, isFinal: false) { return .failure(code) }
        }
        return .done
    }

    private func refusal(of view: View) -> SessionError.Code? { view.refusal ?? (view.isEnding ? .ended : nil) }

    private func edit(_ view: inout View, _ edit: Edit) -> Answer {
        if let code = refusal(of: view) { return .failure(code) }
        let taken = edit.apply(to: &view.values, at: view.openedAt)
        if case .take = edit { view.taken = taken }
        view.edits.append(edit)
        return .done
    }

    // MARK: Answering

    /// What the client gets.
    struct Response: Hashable, Sendable {
        var failure: SessionError.Code?
        var cookie: Announcement?
    }

    mutating func close(_ view: inout View, _ ending: SessionModelProgram.Ending) -> Response {
        if ending == .abandon { view.dropEdits() }
        var response = Response()
        if mustCommit(view) { response.failure = commit(&view, isFinal: true) }
        response.cookie = view.announcement
        // Nobody who came without a token is told to forget one.
        if response.cookie == .cleared, !view.broughtToken { response.cookie = nil }
        return response
    }

    /// Whether a request that ends has anything to commit. Activity is a request that comes, so for one that changes nothing
    /// its beginning decides.
    private func mustCommit(_ view: View) -> Bool {
        if view.isEdited { return true }
        guard let stored = view.stored else { return false }
        return isExtensionDue(stored, at: view.openedAt) || isRotationDue(stored, at: view.openedAt)
    }

    func isExtensionDue(_ stored: Stored, at time: Int) -> Bool {
        let gain = min(time + stored.idle, stored.absoluteDeadline) - stored.expiresAt
        return gain > 0 && gain >= stored.idle / 10
    }

    func isRotationDue(_ stored: Stored, at time: Int) -> Bool {
        rotates && time - stored.renewedAt >= Self.rotationInterval
    }
}
