#if Redis
@testable import SessionsRedis
import Testing

@Suite("The configuration of a Redis store")
struct RedisConfigurationTests {
    @Test("A new configuration has the documented defaults")
    func defaults() {
        let configuration = RedisSessionStore.Configuration(.single(.host("127.0.0.1")))
        #expect(configuration.keyPrefix == "sessions")
        #expect(configuration.connectionsPerServer == 1)
    }
}
#endif
