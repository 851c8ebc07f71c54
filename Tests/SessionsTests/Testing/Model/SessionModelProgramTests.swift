import Testing

@testable import SessionsTesting

@Suite("Programs of the model")
struct SessionModelProgramTests {
    @Test("A seed gives the same program in every run and every version")
    func seeds() {
        #expect(SessionModelProgram(seed: 7) == SessionModelProgram(seed: 7))
        #expect(SessionModelProgram(seed: 7).commands != SessionModelProgram(seed: 8).commands)
        #expect(
            SessionModelProgram(seed: 7, commandCount: 6).description == """
                without timed rotation
                1. server 0 lists the sessions of bob
                2. the clock moves by 90000 ms
                3. request 1 begins: browser 0 asks server 0 with its cookie
                4. browser 1 asks server 0 with its cookie: finish
                5. browser 0 asks server 1 with its cookie: read score, finish
                6. browser 0 asks server 0 with its cookie: set notes to 5, flash cart, finish
                """
        )
    }

    @Test("A longer program of the same seed begins as the shorter one")
    func prefixes() {
        let long = SessionModelProgram(seed: 3, commandCount: 60)
        #expect(long.commands.count == 60)
        #expect(Array(long.commands.prefix(20)) == SessionModelProgram(seed: 3, commandCount: 20).commands)
    }

    @Test("Every kind of command and of step is in some program")
    func kinds() {
        let commands = (0..<50).flatMap { SessionModelProgram(seed: $0).commands }
        let texts = commands.map(\.description).joined(separator: "\n")
        for word in [
            "its cookie of", "a token of no session", "a malformed token", "and that of browser", "fresh", "failing on",
            "read", "set", "for 30 s", "remove", "remove all", "append", "add", "flash", "take", "idle", "renew",
            "sign ann in",
            "sign out", "end", "discard", "save", "finish", "abandon", "begins", "goes on", "ends the session", "'s",
            "ends all", "but that of", "lists the sessions", "counts", "lists all", "moves by", "sweeps", "starts anew",
        ] {
            #expect(texts.contains(word), "\(word)")
        }
    }

    @Test("Shrinking leaves the commands that matter, in their simplest form")
    func shrinks() async {
        // Fails whenever a sign-in is followed, at any distance, by a step of the clock of a minute or more.
        func fails(_ program: SessionModelProgram) -> Bool {
            var hasSignedIn = false
            for command in program.commands {
                switch command {
                case .request(_, let steps, _), .go(_, let steps):
                    hasSignedIn = hasSignedIn || steps.contains { if case .signIn = $0 { true } else { false } }
                case .advance(let milliseconds):
                    if hasSignedIn, milliseconds >= 60_000 { return true }
                default:
                    break
                }
            }
            return false
        }
        var count = 0
        for seed in 0..<40 as Range<UInt64> {
            let program = SessionModelProgram(seed: seed)
            guard fails(program) else { continue }
            count += 1
            let shrunk = await program.shrunk(limit: 2000) { fails($0) }
            #expect(shrunk.commands.count == 2, "\(shrunk)")
            #expect(shrunk.commands.last == .advance(milliseconds: 60_000))
            #expect(shrunk.seed == seed && !shrunk.rotates)
            switch shrunk.commands.first {
            case .request(let visit, let steps, let ending):
                #expect(visit == .init(browser: 0, server: 0) && steps == [.signIn(0)] && ending == .finish)
            case .go(_, let steps):
                #expect(steps == [.signIn(0)])
            default:
                Issue.record("\(shrunk)")
            }
        }
        #expect(count >= 10)
    }

    @Test("Shrinking tries no more programs than it may")
    func limit() async {
        var attempts = 0
        let program = SessionModelProgram(seed: 5)
        let shrunk = await program.shrunk(limit: 30) { _ in
            attempts += 1
            return false
        }
        #expect(attempts == 30)
        #expect(shrunk == program)
    }
}
