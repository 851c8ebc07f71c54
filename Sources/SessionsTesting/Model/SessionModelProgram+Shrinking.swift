extension SessionModelProgram {
    /// Looks for a shorter and simpler program that fails as well.
    /// - Parameters:
    ///   - limit: The most programs to try.
    ///   - fails: Runs a program and tells whether it fails.
    func shrunk(limit: Int, _ fails: (SessionModelProgram) async -> Bool) async -> SessionModelProgram {
        var best = self
        var attempts = 0

        func tryOut(_ candidate: SessionModelProgram) async -> Bool {
            guard attempts < limit, candidate != best else { return false }
            attempts += 1
            guard await fails(candidate) else { return false }
            best = candidate
            return true
        }

        var isProgressing = true
        while isProgressing, attempts < limit {
            isProgressing = false
            // Half of the commands, then a quarter and so on down to each alone; from the end, since what comes last often
            // stands on what came before.
            var size = max(best.commands.count / 2, 1)
            while size >= 1 {
                var end = best.commands.count
                while end > 0 {
                    var candidate = best
                    candidate.commands.removeSubrange(max(end - size, 0)..<end)
                    if await tryOut(candidate) { isProgressing = true }
                    end = min(end - size, best.commands.count)
                }
                size /= 2
            }
            var candidate = best
            candidate.rotates = false
            if await tryOut(candidate) { isProgressing = true }
            var index = 0
            while index < best.commands.count {
                var simplifications = best.commands[index].simplifications[...]
                while let command = simplifications.popFirst() {
                    var candidate = best
                    candidate.commands[index] = command
                    if await tryOut(candidate) {
                        isProgressing = true
                        simplifications = best.commands[index].simplifications[...]
                    }
                }
                index += 1
            }
        }
        return best
    }
}

extension SessionModelProgram.Command {
    /// Commands that are a little simpler. None of them leads back to this one, so simplifying comes to an end.
    var simplifications: [Self] {
        switch self {
        case .request(let visit, let steps, let ending):
            return Self.simpler(steps).map { .request(visit, $0, ending) }
                + visit.simplifications.map { .request($0, steps, ending) }
                + (ending == .abandon ? [.request(visit, steps, .finish)] : [])
        case .begin(let slot, let visit):
            return visit.simplifications.map { .begin(slot, $0) }
        case .go(let slot, let steps):
            return Self.simpler(steps).filter { !$0.isEmpty }.map { .go(slot, $0) }
        case .close(let slot, .abandon):
            return [.close(slot, .finish)]
        case .endOne(let server, let browser, let cookie, let subject):
            return (subject == nil ? [] : [.endOne(server: server, browser: browser, cookie, subject: nil)])
                + (server == 0 ? [] : [.endOne(server: 0, browser: browser, cookie, subject: subject)])
        case .endAll(let server, let subject, let kept):
            return (kept == nil ? [] : [.endAll(server: server, subject: subject, keeping: nil)])
                + (server == 0 ? [] : [.endAll(server: 0, subject: subject, keeping: kept)])
        case .advance(let milliseconds):
            return [1, 1000, 30_000, 60_000, 90_000, 300_000, 900_000].filter { $0 < milliseconds }
                .map { .advance(milliseconds: $0) }
        case .list(let server, let subject):
            return server == 0 ? [] : [.list(server: 0, subject: subject)]
        case .page(let server, let limit):
            return server == 0 ? [] : [.page(server: 0, limit: limit)]
        case .count(let server):
            return server == 0 ? [] : [.count(server: 0)]
        case .sweep(let server):
            return server == 0 ? [] : [.sweep(server: 0)]
        case .restart(let server):
            return server == 0 ? [] : [.restart(server: 0)]
        case .close:
            return []
        }
    }

    private static func simpler(_ steps: [SessionModelProgram.Step]) -> [[SessionModelProgram.Step]] {
        steps.indices.flatMap { index -> [[SessionModelProgram.Step]] in
            var without = steps
            without.remove(at: index)
            let simpler = steps[index].simplifications.map { step in
                var simpler = steps
                simpler[index] = step
                return simpler
            }
            return [without] + simpler
        }
    }
}

extension SessionModelProgram.Visit {
    fileprivate var simplifications: [Self] {
        var simplifications: [Self] = []
        func add(_ isSimpler: Bool, _ change: (inout Self) -> Void) {
            guard !isSimpler else { return }
            var visit = self
            change(&visit)
            simplifications.append(visit)
        }
        add(cookie == .current) { $0.cookie = .current }
        add(!failsOnLostUpdate) { $0.failsOnLostUpdate = false }
        add(!isFresh) { $0.isFresh = false }
        add(server == 0) { $0.server = 0 }
        add(browser == 0) { $0.browser = 0 }
        return simplifications
    }
}

extension SessionModelProgram.Step {
    fileprivate var simplifications: [Self] {
        switch self {
        case .set(let key, let value, let seconds):
            (seconds == nil ? [] : [.set(key, value, seconds: nil)])
                + (value == 1 ? [] : [.set(key, 1, seconds: seconds)])
        case .append(let key, let value) where value != 1: [.append(key, 1)]
        case .increment(let key, let amount) where amount != 1: [.increment(key, 1)]
        case .signIn(let subject) where subject != 0: [.signIn(0)]
        default: []
        }
    }
}
