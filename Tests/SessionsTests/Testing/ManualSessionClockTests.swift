import Sessions
import SessionsTesting
import Testing

@Suite struct ManualSessionClockTests {
    @Test("The clock begins at the real time, stands still, and moves forward only")
    func movesForwardOnly() {
        let before = SystemSessionClock().now
        let clock = ManualSessionClock()
        #expect(clock.now >= before)
        let start = clock.now
        #expect(clock.now == start)
        clock.advance(by: .seconds(5))
        #expect(clock.now == start + .seconds(5))
        clock.advance(by: .seconds(-5))
        clock.advance(to: start)
        #expect(clock.now == start + .seconds(5))
    }

    @Test("Sleepers wake when the clock is moved to their deadline, and not before")
    func sleepersWake() async throws {
        let clock = ManualSessionClock()
        let start = clock.now
        try await withThrowingTaskGroup(of: Int.self) { group in
            for seconds in [3, 1, 2] {
                group.addTask {
                    try await clock.sleep(until: start + .seconds(seconds), tolerance: nil)
                    return seconds
                }
            }
            await clock.waitForSleepers(3)
            clock.advance(by: .milliseconds(1999))
            let woken1 = try await group.next()
            #expect(woken1 == 1)
            #expect(clock.sleeperCount == 2)
            clock.advance(by: .milliseconds(1))
            let woken2 = try await group.next()
            #expect(woken2 == 2)
            clock.advance(to: .distantFuture)
            let woken3 = try await group.next()
            #expect(woken3 == 3)
        }
        try await clock.sleep(until: start, tolerance: nil)
        #expect(clock.sleeperCount == 0)
    }

    @Test("A cancelled sleep ends at once with an error")
    func sleepIsCancellable() async {
        let clock = ManualSessionClock()
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await clock.sleep(until: .distantFuture, tolerance: nil) }
            await clock.waitForSleepers()
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.waitForAll() }
        }
        #expect(clock.sleeperCount == 0)
    }

    @Test("A seeded source repeats its bytes, a repeating one repeats one of them")
    func randomDoubles() {
        func bytes(_ random: some SessionRandom, _ count: Int = 20) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: count)
            bytes.withUnsafeMutableBytes { random.fill($0) }
            return bytes
        }
        #expect(bytes(SeededSessionRandom(seed: 1)) == bytes(SeededSessionRandom(seed: 1)))
        #expect(bytes(SeededSessionRandom(seed: 1)) != bytes(SeededSessionRandom(seed: 2)))
        let seeded = SeededSessionRandom(seed: 3)
        #expect(bytes(seeded) != bytes(seeded))
        #expect(Set(bytes(seeded)).count > 10)
        let repeating = RepeatingSessionRandom([1, 2])
        #expect(bytes(repeating, 3) == [1, 1, 1])
        #expect(bytes(repeating, 3) == [2, 2, 2])
        #expect(bytes(repeating, 3) == [1, 1, 1])
        #expect(bytes(RepeatingSessionRandom([]), 2) == [0, 0])
    }
}
