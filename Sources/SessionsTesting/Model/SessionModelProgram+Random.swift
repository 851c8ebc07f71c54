extension SessionModelProgram {
    /// Makes the program of a seed.
    /// - Parameters:
    ///   - seed: Any number.
    ///   - commandCount: How many commands it has. Default: 40.
    public init(seed: UInt64, commandCount: Int = 40) {
        var dice = Dice(seed: seed)
        self.seed = seed
        rotates = dice.one(in: 2)
        commands = []
        for _ in 0..<commandCount { commands.append(.random(&dice)) }
    }

    /// The times that programs run by, in seconds: short enough for the deadlines of one to meet those of another.
    static let lifetime = (idle: 900, absolute: 3600)
    static let rotation = (interval: 300, grace: 30)

    static let browserCount = 3
    static let slotCount = 3
    static let subjectCount = 2
    static let serverCount = 2

    /// SplitMix64, and choices from it that no version of Swift's library makes otherwise.
    struct Dice {
        private var state: UInt64

        init(seed: UInt64) {
            state = seed
        }

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var bits = state
            bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
            bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
            return bits ^ (bits >> 31)
        }

        mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }
        mutating func one(in count: Int) -> Bool { below(count) == 0 }
        mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
    }
}

private typealias Program = SessionModelProgram

extension SessionModelProgram.Visit {
    fileprivate static func random(_ dice: inout Program.Dice) -> Self {
        Self(
            browser: dice.below(Program.browserCount),
            server: dice.below(Program.serverCount),
            cookie: .random(&dice),
            isFresh: dice.one(in: 4),
            failsOnLostUpdate: dice.one(in: 4)
        )
    }
}

extension SessionModelProgram.Cookie {
    fileprivate static func random(_ dice: inout Program.Dice) -> Self {
        switch dice.below(32) {
        case 0..<5: .former(1 + dice.below(3))
        case 5: .unknown
        case 6: .malformed
        case 7, 8: .both(other: dice.below(Program.browserCount))
        default: .current
        }
    }
}

extension SessionModelProgram.Step {
    fileprivate static func random(_ dice: inout Program.Dice) -> Self {
        let key = dice.pick(Program.Key.allCases)
        let number = 1 + dice.below(9)
        switch dice.below(64) {
        case 0..<8: return .read(key)
        case 8..<16: return .set(key, number, seconds: dice.one(in: 4) ? dice.pick([30, 300]) : nil)
        case 16..<20: return .remove(key)
        case 20: return .removeAll
        case 21..<37: return key.isNumber ? .increment(key, number) : .append(key, number)
        case 37..<40: return .flash(key)
        case 40..<43: return .take(key)
        case 43, 44:
            let lifetime = dice.pick([(60, 120), (300, 7200), (1800, 1800), (7200, 7200)])
            return .lifetime(idle: lifetime.0, absolute: lifetime.1)
        case 45..<48: return .renew
        case 48..<54: return .signIn(dice.below(Program.subjectCount))
        case 54: return .signOut
        case 55, 56: return .end
        case 57: return .discard
        default: return .save
        }
    }

    fileprivate static func few(_ dice: inout Program.Dice, atMost count: Int) -> [Self] {
        var steps: [Self] = []
        for _ in 0..<dice.below(count + 1) { steps.append(.random(&dice)) }
        return steps
    }
}

extension SessionModelProgram.Command {
    fileprivate static func random(_ dice: inout Program.Dice) -> Self {
        let server = dice.below(Program.serverCount)
        let slot = dice.below(Program.slotCount)
        let subject = dice.below(Program.subjectCount)
        switch dice.below(100) {
        case 0..<38:
            return .request(.random(&dice), Program.Step.few(&dice, atMost: 4), dice.one(in: 12) ? .abandon : .finish)
        case 38..<48:
            return .begin(slot, .random(&dice))
        case 48..<57:
            return .go(slot, [.random(&dice)] + Program.Step.few(&dice, atMost: 2))
        case 57..<68:
            return .close(slot, dice.one(in: 8) ? .abandon : .finish)
        case 68..<71:
            return .endOne(
                server: server,
                browser: dice.below(Program.browserCount),
                dice.one(in: 3) ? .former(1) : .current,
                subject: dice.one(in: 3) ? subject : nil
            )
        case 71..<74:
            return .endAll(
                server: server,
                subject: subject,
                keeping: dice.one(in: 3) ? dice.below(Program.browserCount) : nil
            )
        case 74..<78:
            return .list(server: server, subject: subject)
        case 78, 79:
            return .count(server: server)
        case 80, 81:
            return .page(server: server, limit: 1 + dice.below(4))
        case 82..<92:
            // What lies just before and at each deadline, and steps that leave all sessions alive.
            return .advance(
                milliseconds: dice.pick([
                    1, 1000, 1000, 29_999, 30_000, 30_000, 59_999, 60_000, 89_999, 90_000, 300_000, 300_000, 899_999,
                    900_000,
                    1_800_000, 3_600_000,
                ])
            )
        case 92..<96:
            return .sweep(server: server)
        default:
            return .restart(server: server)
        }
    }
}
