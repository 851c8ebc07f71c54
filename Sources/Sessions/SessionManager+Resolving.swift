import HTTPTypes
import Synchronization

/// What a token leads to.
private enum Resolution {
    /// No session: unknown, expired or damaged.
    case nothing
    /// A live session. `token` is its present token, which differs from the request's within the grace of a rotation.
    case live(SessionState.Stored, isFollowed: Bool)
    /// The session has a new token, and this one is worth nothing any more.
    case superseded(by: SessionID)
}

extension SessionManager {
    /// The tokens that a request brings.
    func candidates(in request: HTTPRequest) -> CandidateTokens {
        CandidateTokens.candidates(
            in: request,
            cookieName: cookieName,
            headerName: headerName,
            queryParameter: configuration.queryParameter
        )
    }

    /// Finds the session of a request without asking the store: a stranger's, or one that is at hand.
    ///
    /// It decides nothing that ``open(_:policy:)`` would decide otherwise; whatever is not plain is left to that.
    func openAtHand(_ candidates: borrowing CandidateTokens) -> SessionState? {
        guard candidates.more.isEmpty, !candidates.sawMalformed else { return nil }
        let now = now
        guard let token = candidates.first else { return SessionState(stored: nil, values: emptyValues(now)) }
        guard let resident else { return nil }
        let id = SessionID(token, managerName: namespace)
        guard let record = resident.residentRecord(id, now: now), record.isLive(at: now), record.isPlausible(at: now),
            !record.isForwarder
        else { return nil }
        return SessionState(
            stored: SessionState.Stored(id: id, token: token, record: record),
            values: record.values(at: now, limits: configuration.limits)
        )
    }

    /// Finds the session of a request.
    func open(_ candidates: CandidateTokens, policy: SessionPolicy) async throws(SessionError) -> SessionState {
        let now = now
        if candidates.sawMalformed { telemetry.rejectedToken(nil, at: now) }
        guard let token = candidates.first else { return SessionState(stored: nil, values: emptyValues(now)) }
        let span = telemetry.startSpan("sessions.load")
        do throws(SessionError) {
            let resolution = try await resolve(token, now: now)
            if candidates.more.isEmpty, case .live(let stored, isFollowed: false) = resolution {
                span.end(failing: nil)
                let values = stored.record.values(at: now, limits: configuration.limits)
                return SessionState(stored: stored, values: values)
            }
            var resolutions = [resolution]
            for token in candidates.more { resolutions.append(try await resolve(token, now: now)) }
            span.end(failing: nil)
            return opened(resolutions, now: now)
        } catch {
            span.end(failing: error)
            guard error.code == .unavailable, policy.onOutage == .withoutSession else { throw error }
            return SessionState(stored: nil, values: emptyValues(now), refusal: error)
        }
    }

    /// Reads a session anew that was opened from what was at hand.
    ///
    /// Nothing is read where the request has made edits: their commit works on the newest record in any case.
    func refresh(_ session: Session) async throws(SessionError) {
        guard let opened = session.state.withLock({ $0.isEdited ? nil : $0.stored }) else { return }
        let now = now
        switch try await resolve(opened.token, now: now) {
        case .live(let current, let isFollowed):
            session.state.withLock { $0.refresh(from: opened, to: current, isFollowed: isFollowed) }
        case .superseded, .nothing:
            session.state.withLock { $0.failCommit(SessionError.endedMeanwhile) }
        }
    }

    private func emptyValues(_ now: SessionInstant) -> SessionValues {
        SessionValues(now: now, limits: configuration.limits)
    }

    /// Decides between several tokens: the one live session wins; two are none.
    private func opened(_ resolutions: [Resolution], now: SessionInstant) -> SessionState {
        var live: SessionState.Stored?
        var announcesToken = false
        var successors: [SessionID] = []
        for resolution in resolutions {
            switch resolution {
            case .nothing:
                break
            case .superseded(let successor):
                successors.append(successor)
            case .live(let stored, let isFollowed):
                if let other = live, other.id != stored.id {
                    telemetry.ambiguousTokens([other.id, stored.id], at: now)
                    return SessionState(
                        stored: nil,
                        values: emptyValues(now),
                        refusal: SessionError(
                            .ambiguous,
                            "the request carries the tokens of two live sessions; clear the site's cookies and sign in again"
                        )
                    )
                }
                // The present token beside a former one of the same session: the browser has it already.
                announcesToken = live == nil ? isFollowed : announcesToken && isFollowed
                live = stored
            }
        }
        if let live {
            return SessionState(
                stored: live,
                values: live.record.values(at: now, limits: configuration.limits),
                announcing: announcesToken ? live.token : nil
            )
        }
        guard successors.isEmpty else {
            return SessionState(
                stored: nil,
                values: emptyValues(now),
                refusal: SessionError(.ended, "the session has a new token, and this request came with the old one"),
                successors: successors
            )
        }
        return SessionState(stored: nil, values: emptyValues(now))
    }

    /// Follows a token to its session.
    private func resolve(_ token: SessionToken, now: SessionInstant) async throws(SessionError) -> Resolution {
        var token = token
        var id = SessionID(token, managerName: namespace)
        var isFollowed = false
        // Each rotation within the grace adds a step; more than a few are no honest history.
        for _ in 0..<8 {
            let record: SessionRecord?
            do throws(SessionStoreError) {
                record = try await store.load(id, now: now)
            } catch {
                guard error.code == .corruptRecord else {
                    telemetry.storeError(error, in: "load")
                    throw SessionError(error)
                }
                telemetry.corruptRecord(id, error, at: now)
                return .nothing
            }
            guard let record, record.isLive(at: now), record.isPlausible(at: now) else { break }
            guard record.isForwarder else {
                return .live(SessionState.Stored(id: id, token: token, record: record), isFollowed: isFollowed)
            }
            guard case .forwarder(let successor, let nonce?) = record.kind else {
                if case .forwarder(let successor, nil) = record.kind {
                    telemetry.rejectedToken(id, at: now)
                    return .superseded(by: successor)
                }
                break
            }
            token = token.successor(nonce: nonce)
            id = successor
            isFollowed = true
        }
        telemetry.rejectedToken(id, at: now)
        return .nothing
    }
}

extension SessionRecord {
    /// A record that is made well in the future, as a clock that was wrong makes them, is not believed: its deadlines mean
    /// nothing. 5 minutes are more than servers may disagree.
    func isPlausible(at now: SessionInstant) -> Bool {
        let (latest, overflow) = now.millisecondsSince1970.addingReportingOverflow(300_000)
        return overflow || createdAt.millisecondsSince1970 <= latest
    }
}
