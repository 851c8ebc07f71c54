#if Redis
import Sessions
import Testing

@testable import SessionsRedis

@Suite("The near cache, whatever happens in whatever order")
struct NearCacheModelTests {
    /// What a test does next.
    private enum Step: CaseIterable {
        case load, commit, touch, delete, forgetElsewhere
        case execute, arrive, lose
        case changeElsewhere, touchElsewhere, endElsewhere, beginElsewhere, drop, flush

        private static let weighted: [Step] =
            Array(repeating: .execute, count: 30) + Array(repeating: .arrive, count: 30)
            + Array(repeating: .load, count: 15) + Array(repeating: .beginElsewhere, count: 4)
            + [.commit, .commit, .touch, .delete, .forgetElsewhere, .lose]
            + [.changeElsewhere, .touchElsewhere, .endElsewhere, .drop, .flush]

        static func random(_ random: inout SplitMix) -> Step {
            weighted.randomElement(using: &random) ?? .arrive
        }
    }

    /// A connection in the middle of everything.
    private struct World {
        let driver = NearCacheDriver()
        var server: NearCacheModelServer
        var random: SplitMix
        /// How many changes there had been when the last thing that arrived was said. Nothing older may be served.
        var knownChangeCount = 0
        var hits = 0

        mutating func take(_ step: Step) {
            switch step {
            case .load:
                server.send(.load, driver.load())
            case .commit:
                commit()
            case .touch:
                server.send(.touch(ifStamp: expectedStamp()), driver.touch())
            case .delete:
                server.send(.delete, driver.send(.forget(driver.user.id)))
            case .forgetElsewhere:
                driver.part.forget(.forget(driver.user.id))
            case .execute:
                server.execute(driver: driver)
            case .arrive:
                arrive()
            case .lose:
                server.lose(executing: Int.random(in: 0..<3, using: &random))
                driver.part.connectionClosed()
            case .changeElsewhere:
                if server.record != nil { server.change(to: newRecord()) }
            case .touchElsewhere:
                if let record = server.record { server.change(to: record.touched()) }
            case .endElsewhere:
                if server.record != nil { server.change(to: nil) }
            case .beginElsewhere:
                if server.record == nil { server.change(to: newRecord()) }
            case .drop:
                server.drop()
            case .flush:
                server.flush()
            }
        }

        mutating func commit() {
            let record = newRecord()
            let sent = driver.commit(record)
            server.send(.update(record, ifStamp: expectedStamp()), sent.commit)
            server.send(.confirm, sent.confirmation)
        }

        /// Mostly the stamp of what is there, sometimes another.
        private mutating func expectedStamp() -> SessionStamp {
            let known = Bool.random(using: &random) ? driver.cached : server.record
            return known?.stamp ?? SessionStamp(rawValue: 0)
        }

        private func newRecord() -> SessionRecord { driver.user.record(revision: UInt64(server.changeCount)) }

        mutating func arrive() {
            guard let (message, changeCount) = server.arrive() else { return }
            switch message {
            case .reply(let sent, let value): driver.reply(value, to: sent)
            case .changed: driver.push()
            case .allChanged: driver.part.receive([.word("invalidate"), .null])
            }
            knownChangeCount = max(knownChangeCount, changeCount)
        }

        mutating func settle() {
            while !server.isIdle {
                server.execute(driver: driver)
                arrive()
            }
        }
    }

    @Test(
        "Nothing is served that is older than what has arrived",
        arguments: NearCacheModelServer.OwnMessage.allCases
    )
    func model(_ ownMessage: NearCacheModelServer.OwnMessage) throws {
        var hits = 0
        for seed in 0..<1000 as Range<UInt64> {
            var world = World(server: NearCacheModelServer(ownMessage), random: SplitMix(state: seed))
            var steps: [Step] = []
            for _ in 0..<300 {
                let step = Step.random(&world.random)
                steps.append(step)
                world.take(step)
                guard let cached = world.driver.cached else { continue }
                hits += 1
                let age = try #require(world.server.changeCount(when: cached))
                try #require(age >= world.knownChangeCount, "seed \(seed), after \(steps)")
            }

            // And it is good for something: when all is quiet, what is loaded is served, and so is what is committed.
            world.settle()
            if world.server.record == nil { world.take(.beginElsewhere) }
            world.settle()
            world.take(.load)
            world.settle()
            try #require(world.driver.cached == world.server.record, "seed \(seed), after \(steps)")
            let before = world.server.record
            let record = world.driver.user.record(revision: 1_000_000)
            let sent = world.driver.commit(record)
            world.server.send(.update(record, ifStamp: try #require(before?.stamp)), sent.commit)
            world.server.send(.confirm, sent.confirmation)
            world.settle()
            try #require(world.driver.cached == record, "seed \(seed), after \(steps)")
        }
        #expect(hits > 10_000)
    }
}
#endif
