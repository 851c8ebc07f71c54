#if Redis
import NIOCore
import Sessions
import Testing

@testable import SessionsRedis

@Suite("How long the near cache believes a server that says nothing", .timeLimit(.minutes(1)))
struct NearCacheFreshnessTests {
    private let driver = NearCacheDriver()

    @Test("Records are served for a second after the sending of the last command that was answered")
    func second() async throws {
        let record = driver.user.record()
        // Sent almost a second ago, and answered only now.
        let sentAt = NIODeadline.now() - .milliseconds(900)
        driver.reply(record, to: driver.send(.load(driver.user.id), at: sentAt))
        #expect(driver.served == record || NIODeadline.now() >= sentAt + .seconds(1))
        try await eventually("it is not served any more") { driver.served == nil }
        #expect(NIODeadline.now() >= sentAt + .seconds(1))
        // It is still vouched for: what has changed would have been announced before this answer.
        driver.reply(.simple("PONG"), to: driver.send(.none))
        #expect(driver.served == record)
    }

    @Test("An answer that was long on its way makes nothing fresh")
    func late() {
        let sentAt = NIODeadline.now() - .milliseconds(1001)
        driver.reply(driver.user.record(), to: driver.send(.load(driver.user.id), at: sentAt))
        #expect(driver.served == nil)
    }

    @Test("Answers need not come in the order of their moments")
    func order() {
        let record = driver.user.record()
        driver.keep(record)
        driver.reply(.simple("PONG"), to: driver.send(.none, at: .now() - .seconds(5)))
        #expect(driver.served == record)
    }

    @Test("What was lost with one connection is not made fresh by the next")
    func nextConnection() {
        driver.keep(driver.user.record())
        driver.part.connectionClosed()
        driver.reply(.simple("PONG"), to: driver.send(.none))
        #expect(driver.served == nil)
    }
}

@Suite("The near cache of a Cluster's node")
struct NearCacheClusterStatusTests {
    private let driver = NearCacheDriver()

    private func answer(_ text: String) { driver.reply(.word(text), to: driver.send(.clusterStatus)) }

    @Test(
        "Another epoch, or a node that serves nothing, empties the cache",
        arguments: [
            "cluster_state:ok\r\ncluster_current_epoch:8\r\n", "cluster_state:fail\r\ncluster_current_epoch:7\r\n", "",
        ]
    )
    func other(_ status: String) {
        answer("cluster_state:ok\r\ncluster_current_epoch:7\r\n")
        let record = driver.user.record()
        driver.keep(record)
        answer("cluster_state:ok\r\ncluster_current_epoch:7\r\n")
        #expect(driver.cached == record)
        answer(status)
        #expect(driver.cached == nil)
        #expect(driver.part.count == 0)
    }
}
#endif
