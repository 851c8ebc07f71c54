#if Redis
import Logging
import NIOPosix
import Sessions
import Testing

@testable import SessionsRedis

@Suite("What shows of a Redis store's settings")
struct RedisSessionStoreDescriptionTests {
    @Test(
        "4e: no description shows a password",
        arguments: [
            "redis://app:5ecret@h:1/2", "rediss://:5ecret@[::1]", "redis-cluster://:5ecret@a,b",
            "redis-sentinel://app:5ecret@s/main?sentinel_user=watch&sentinel_password=5ecret2",
            "redis-sentinel://s?sentinel_password=5ecret",
        ]
    )
    func redaction(text: String) throws {
        let configuration = try readSettings(url: text)
        let store = try RedisSessionStore.make(configuration, on: .singleton, logger: Logger(label: "test"))
        for text in [
            everythingShown(of: configuration), everythingShown(of: configuration.topology),
            everythingShown(of: configuration.topology.wrapped), everythingShown(of: store),
        ] {
            #expect(!text.contains(testSecret))
        }
        if let sentinel = configuration.sentinel { #expect(!everythingShown(of: sentinel).contains(testSecret)) }
        #expect("\(configuration)".contains("redacted"))
    }

    @Test("what is no testSecret is shown, once for all ways to look")
    func plain() throws {
        let configuration = try readSettings(url: "redis://app:5ecret@h:1/2?prefix=shop")
        for part in ["h:1", "username: app", "password: redacted", "database: 2", "keyPrefix: shop", "tls: none"] {
            #expect(configuration.description.contains(part))
        }
        #expect(configuration.debugDescription == configuration.description)
        #expect(try readSettings(url: "redis://h").description.contains("password: none"))
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(dumped.contains("shop"))
    }

    @Test(
        "an address is written as people write it",
        arguments: [
            (RedisAddress.host("h"), "h:6379"), (.host("::1", port: 7), "[::1]:7"),
            (.unixSocket("/run/r.sock"), "/run/r.sock"),
        ]
    )
    func addresses(address: RedisAddress, text: String) {
        #expect("\(address)" == text)
    }
}
#endif
