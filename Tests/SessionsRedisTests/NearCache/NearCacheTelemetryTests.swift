#if Redis
import MetricsTestKit
import Sessions
import Testing

@testable import SessionsRedis

@Suite("What the near cache tells operators")
struct NearCacheTelemetryTests {
    private let metrics = TestMetrics()

    private func count(_ name: String) throws -> Int64 {
        try metrics.expectCounter("sessions.near_cache.\(name)").totalValue
    }

    @Test("Hits, misses and what the server has said to drop are counted")
    func counters() throws {
        let driver = NearCacheDriver(counters: NearCacheCounters(factory: metrics))
        let record = driver.user.record()
        #expect(driver.served == nil)
        let load = driver.load()
        #expect(driver.served == nil)
        driver.reply(record, to: load)
        #expect(driver.cached == record)
        #expect(driver.cached == record)
        #expect(driver.part.record(driver.user.id, now: record.expiresAt) == nil)
        #expect(try count("hits") == 2)
        #expect(try count("misses") == 3)
        #expect(try count("invalidations") == 0)

        driver.push()
        driver.push()
        #expect(try count("invalidations") == 1)
        driver.keep(record)
        _ = driver.touch()
        #expect(try count("invalidations") == 1)
        driver.keep(record)
        driver.part.receive([.word("invalidate"), .null])
        #expect(try count("invalidations") == 2)
        driver.keep(record)
        driver.part.connectionClosed()
        driver.part.connectionClosed()
        #expect(try count("invalidations") == 3)
    }
}
#endif
