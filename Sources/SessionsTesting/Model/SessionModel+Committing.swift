import Sessions

extension SessionModel {
    /// Why a commit wrote nothing.
    private struct Failure: Error {
        var code: SessionError.Code

        static var ended: Self { .init(code: .ended) }
    }

    /// Commits a request's edits.
    /// - Parameter isFinal: Whether the response leaves after this.
    /// - Returns: Why it failed, or `nil`.
    mutating func commit(_ view: inout View, isFinal: Bool) -> SessionError.Code? {
        if view.isEnding {
            for token in view.successors + (view.stored.map { [$0.token] } ?? []) { _ = end(token) }
            view.isEnding = false
            view.refusal = .ended
            view.stored = nil
            view.announcement = .cleared
            view.dropEdits()
            return nil
        }
        do throws(Failure) {
            guard let stored = view.stored else {
                create(for: &view)
                return nil
            }
            if view.renewal != nil || isProlonged(stored, by: view.lifetime) {
                try renew(stored, for: &view)
            } else if isFinal, isRotationDue(stored, at: now) {
                try rotate(stored, for: &view)
            } else if view.lifetime != nil || view.values != stored.values {
                try update(stored, for: &view)
            } else {
                view.edits = []
                if isExtensionDue(stored, at: now) { extend(stored, for: &view) }
            }
            return nil
        } catch {
            if error.code == .ended {
                view.stored = nil
                view.refusal = .ended
                view.announcement = nil
            }
            view.dropEdits()
            return error.code
        }
    }

    private func complete(_ view: inout View, _ stored: Stored, announcing isAnnounced: Bool) {
        view.stored = stored
        view.keysRead = []
        if isAnnounced { view.announcement = .token(stored.token) }
        view.dropEdits()
    }

    /// Nothing is stored for a stranger until somebody writes something for him.
    private mutating func create(for view: inout View) {
        let subject: Int?
        if case .subject(let wanted) = view.renewal { subject = wanted } else { subject = nil }
        let values = view.values.live(at: view.openedAt)
        guard !values.isEmpty || subject != nil else {
            view.edits = []
            view.renewal = nil
            view.lifetime = nil
            return
        }
        let lifetime = view.lifetime ?? (Self.idle, Self.absolute)
        let stored = Stored(
            token: mintToken(),
            values: values,
            subject: subject,
            createdAt: now,
            authenticatedAt: subject == nil ? nil : now,
            renewedAt: now,
            idle: lifetime.idle,
            absoluteDeadline: now + lifetime.absolute,
            expiresAt: now + min(lifetime.idle, lifetime.absolute),
            stamp: makeStamp()
        )
        put(stored)
        complete(&view, stored, announcing: true)
    }

    /// Activity moves the idle deadline, unless somebody else has committed since, which has moved it too.
    private mutating func extend(_ seen: Stored, for view: inout View) {
        guard case .session(var stored) = place(seen.token), stored.stamp == seen.stamp else { return }
        stored.expiresAt = max(stored.expiresAt, min(now + stored.idle, stored.absoluteDeadline))
        put(stored)
        view.stored = stored
    }

    /// The values that a commit leaves: the request's edits, over what others have committed in between.
    private func rebased(_ view: inout View, from seen: Stored, onto current: Stored) throws(Failure) -> [Entry] {
        guard current.stamp != seen.stamp else { return view.values }
        let time = view.openedAt
        if view.failsOnLostUpdate {
            for case .set(let key, let value, _, wasRead: true) in view.edits {
                let newer = current.values[key, at: time]?.value
                // Not lost if nobody changed it, or if both write the same.
                if newer != seen.values[key, at: time]?.value, newer != value { throw Failure(code: .lostUpdate) }
            }
        }
        var values = current.values
        for edit in view.edits {
            let taken = edit.apply(to: &values, at: time)
            if case .take = edit { view.taken = taken }
        }
        return values
    }

    /// The record that a commit leaves.
    private mutating func next(
        after current: Stored,
        _ values: [Entry],
        _ lifetime: (idle: Int, absolute: Int)?
    ) -> Stored {
        var stored = current
        stored.values = values.live(at: now)
        stored.revision += 1
        stored.stamp = makeStamp()
        if let lifetime {
            stored.idle = lifetime.idle
            stored.absoluteDeadline = (current.authenticatedAt ?? current.createdAt) + lifetime.absolute
        }
        stored.expiresAt = min(now + stored.idle, stored.absoluteDeadline)
        return stored
    }

    /// Whether somebody who is signed in would stay so for longer: that takes a new token.
    private func isProlonged(_ stored: Stored, by lifetime: (idle: Int, absolute: Int)?) -> Bool {
        guard let lifetime, stored.subject != nil else { return false }
        return (stored.authenticatedAt ?? stored.createdAt) + lifetime.absolute > stored.absoluteDeadline
    }

    /// Edits follow timed rotations and nothing else.
    private mutating func update(_ seen: Stored, for view: inout View) throws(Failure) {
        guard let current = followed(seen.token) else { throw .ended }
        if current.token != seen.token, isProlonged(current, by: view.lifetime) { throw .ended }
        let values = try rebased(&view, from: seen, onto: current)
        let stored = next(after: current, values, view.lifetime)
        put(stored)
        complete(&view, stored, announcing: stored.token != seen.token)
    }

    private mutating func renew(_ seen: Stored, for view: inout View) throws(Failure) {
        // Of two renewals one wins; the other one's request has no session any more.
        guard case .session(let current) = place(seen.token) else { throw .ended }
        let values = try rebased(&view, from: seen, onto: current)
        var lifetime = view.lifetime
        var base = current
        if case .subject(let subject) = view.renewal {
            // Signing in or out starts the absolute clock anew.
            lifetime = lifetime ?? (Self.idle, Self.absolute)
            base.subject = subject
            base.authenticatedAt = now
        }
        move(current, to: &base, values, lifetime, isFollowed: false)
        if view.renewal == .subject(nil) { base.authenticatedAt = nil }
        put(base)
        complete(&view, base, announcing: true)
    }

    private mutating func rotate(_ seen: Stored, for view: inout View) throws(Failure) {
        if case .session(let current) = place(seen.token) {
            let values = try rebased(&view, from: seen, onto: current)
            var rotated = current
            move(current, to: &rotated, values, view.lifetime, isFollowed: true)
            put(rotated)
            complete(&view, rotated, announcing: true)
        } else if let winner = followed(seen.token) {
            // Another request has rotated it: this one gets the same token.
            if isProlonged(winner, by: view.lifetime) { throw .ended }
            let values = try rebased(&view, from: seen, onto: winner)
            var stored = winner
            if !view.edits.isEmpty || view.lifetime != nil {
                stored = next(after: winner, values, view.lifetime)
                put(stored)
            }
            complete(&view, stored, announcing: true)
        } else {
            throw .ended
        }
    }

    /// Moves a session to a new token.
    private mutating func move(
        _ current: Stored,
        to moved: inout Stored,
        _ values: [Entry],
        _ lifetime: (idle: Int, absolute: Int)?,
        isFollowed: Bool
    ) {
        moved = next(after: moved, values, lifetime)
        moved.token = mintToken()
        moved.renewedAt = now
        forward(current.token, to: moved.token, isFollowed: isFollowed)
    }
}
