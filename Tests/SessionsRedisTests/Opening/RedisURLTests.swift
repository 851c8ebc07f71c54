#if Redis
import Sessions
import Testing

@testable import SessionsRedis

@Suite("Redis addresses")
struct RedisURLTests {
    @Test("what is left out has its default")
    func defaults() throws {
        let configuration = try readSettings(url: "redis://h")
        #expect(configuration.isSingle)
        #expect(configuration.topology.addresses == [.host("h", port: 6379)])
        #expect(configuration.username == nil && configuration.password == nil && configuration.tls == nil)
        #expect(configuration.database == 0 && configuration.keyPrefix == "sessions")
        #expect(configuration.connectionsPerServer == 1 && configuration.maximumPendingCommands == 10_000)
        #expect(configuration.operationTimeout == .seconds(1) && configuration.connectTimeout == .seconds(1))
        #expect(configuration.replication == nil && configuration.nearCache == nil)
    }

    @Test(
        "one server is a host, an IP address or a local socket",
        arguments: [
            ("redis://h:1", RedisAddress.host("h", port: 1)), ("valkey://h", .host("h")),
            ("redis://10.0.0.1", .host("10.0.0.1")),
            ("redis://[2001:db8::1]:65535", .host("2001:db8::1", port: 65_535)), ("redis://[::1]/0", .host("::1")),
            ("redis://[fe80::1%25eth0]", .host("fe80::1%eth0")), ("REDIS://h/", .host("h")),
            ("redis://%2Frun%2Fredis.sock", .unixSocket("/run/redis.sock")),
            ("redis://:p@%2Frun%2Fredis.sock/3", .unixSocket("/run/redis.sock")),
            ("rediss://h", .host("h")), ("valkeys://h:7", .host("h", port: 7)),
        ]
    )
    func single(text: String, address: RedisAddress) throws {
        let configuration = try readSettings(url: text)
        #expect(configuration.isSingle)
        #expect(configuration.topology.addresses == [address])
        #expect((configuration.tls != nil) == (text.hasPrefix("rediss:") || text.hasPrefix("valkeys:")))
    }

    @Test(
        "4e: user and password are decoded once; a password may stand alone",
        arguments: [
            ("redis://app:p%40ss@h", "app", "p@ss"), ("redis://:p@h", nil, "p"),
            ("redis://u%40%2F%23%3F%3A:%40%2F%23%3F%3A%25@h", "u@/#?:", "@/#?:%"), ("redis://:%2541@h", nil, "%41"),
            ("redis://app:@h", "app", ""), ("redis://:@h", nil, nil), ("redis://@h", nil, nil), ("redis://h", nil, nil),
            ("redis-cluster://app:p@h,i", "app", "p"), ("redis-sentinel://app:p@h,i", "app", "p"),
        ] as [(String, String?, String?)]
    )
    func credentials(text: String, user: String?, password: String?) throws {
        let configuration = try readSettings(url: text)
        #expect(configuration.username == user)
        #expect(configuration.password == password)
    }

    @Test("the database is in the path or in a parameter")
    func database() throws {
        #expect(try readSettings(url: "redis://h/15").database == 15)
        #expect(try readSettings(url: "redis://h/?db=15").database == 15)
        #expect(try readSettings(url: "redis://h/2147483647").database == 2_147_483_647)
        #expect(try readSettings(url: "redis-sentinel://h/main?db=2").database == 2)
        #expect(try readSettings(url: "redis-cluster://h/0").database == 0)
        #expect(try readSettings(url: "redis-cluster://h?db=0").database == 0)
    }

    @Test("sentinels have a name to watch, a port and credentials of their own")
    func sentinel() throws {
        let configuration = try readSettings(
            url: "redis-sentinel://app:p@s1,s2:5000,[::1]/main?sentinel_user=watch&sentinel_password=w%26&tls=true"
        )
        let sentinel = try #require(configuration.sentinel)
        #expect(
            sentinel.addresses == [.host("s1", port: 26_379), .host("s2", port: 5000), .host("::1", port: 26_379)]
        )
        #expect(sentinel.masterName == "main")
        #expect(sentinel.username == "watch" && sentinel.password == "w&")
        #expect(configuration.username == "app" && configuration.password == "p" && configuration.tls != nil)
        for text in ["redis-sentinel://s", "redis_sentinel://s/", "redis-sentinel://s?tls=false&sentinel_password=x"] {
            let configuration = try readSettings(url: text)
            #expect(configuration.sentinel?.masterName == "mymaster")
            #expect(configuration.sentinel?.username == nil && configuration.tls == nil)
        }
    }

    @Test("a Cluster has nodes")
    func cluster() throws {
        for text in ["redis-cluster://a:7000,b", "redis_cluster://a:7000,b/?tls=true", "redis-cluster://a:7000,b/0"] {
            let configuration = try readSettings(url: text)
            #expect(configuration.isCluster)
            #expect(configuration.topology.addresses == [.host("a", port: 7000), .host("b", port: 6379)])
            #expect((configuration.tls != nil) == text.contains("tls"))
        }
    }

    @Test("4e: a hundred hosts are a hundred, one more is an error", arguments: ["redis-sentinel", "redis-cluster"])
    func manyHosts(scheme: String) throws {
        let hosts = (1...101).map { "10.0.0.\($0):7000" }
        let configuration = try readSettings(url: "\(scheme)://" + hosts.dropLast().joined(separator: ","))
        #expect(configuration.topology.addresses.count == 100)
        let error = try #require(throws: SessionStoreError.self) {
            try readSettings(url: "\(scheme)://" + hosts.joined(separator: ","))
        }
        #expect(error.message == "\(scheme): the list of hosts must have at most 100 addresses")
    }

    @Test("every parameter sets its property")
    func parameters() throws {
        let configuration = try readSettings(
            url: "redis://h?prefix=shop:eu&pool=64&pending=16&timeout=2.5&connect_timeout=250ms&replicas=2"
                + "&replicas_timeout=100ms&near_cache=500"
        )
        #expect(configuration.keyPrefix == "shop:eu")
        #expect(configuration.connectionsPerServer == 64)
        #expect(configuration.maximumPendingCommands == 16)
        #expect(configuration.operationTimeout == .milliseconds(2500))
        #expect(configuration.connectTimeout == .milliseconds(250))
        #expect(configuration.replication == .init(replicas: 2, timeout: .milliseconds(100)))
        #expect(configuration.nearCache == .init(maximumCount: 500))
        #expect(try readSettings(url: "redis://h?near_cache=true").nearCache == .init())
        #expect(try readSettings(url: "redis://h?near_cache=false").nearCache == nil)
        #expect(try readSettings(url: "redis://h?replicas=1").replication == .init(replicas: 1))
        #expect(try readSettings(url: "redis://h?timeout=2s").operationTimeout == .seconds(2))
    }

    @Test("4e: certificates are verified unless a parameter with a plain name turns it off")
    func encryption() throws {
        let tls = try #require(
            try readSettings(url: "rediss://h?cafile=ca.pem&certfile=c.pem&keyfile=k.pem&servername=db.example.com").tls
        )
        #expect(tls.authorityFile == "ca.pem" && tls.certificateFile == "c.pem" && tls.keyFile == "k.pem")
        #expect(tls.serverName == "db.example.com" && !tls.insecureSkipVerify)
        #expect(try readSettings(url: "rediss://h?insecure_skip_verify=false").tls?.insecureSkipVerify == false)
        #expect(try readSettings(url: "rediss://h?insecure_skip_verify=true").tls?.insecureSkipVerify == true)
        #expect(try readSettings(url: "rediss://h").tls?.insecureSkipVerify == false)
    }

    // The address, and what the error has to name.
    static let wrong: [(text: String, part: String)] = [
        ("redis://", "exactly one host"), ("redis:", "exactly one host"), ("redis:///0", "exactly one host"),
        ("redis://:5ecret@a,b", "exactly one host"), ("redis-sentinel://", "at least one"),
        ("redis-cluster:///0", "at least one"), ("redis://:5ecret@h:0", "port"), ("redis://:5ecret@h:65536", "port"),
        ("redis://:5ecret@h:-1", "port"), ("redis://:5ecret@%2Frun%2Fr.sock:6379", "no port"),
        ("redis-cluster://:5ecret@%2Frun%2Fr.sock", "socket"), ("rediss://:5ecret@%2Frun%2Fr.sock", "encryption"),
        ("redis://5ecret@h", "redis://:password@host"), ("redis://u%20:5ecret@h", "the user"),
        ("redis://u%0D%0A:5ecret@h", "user"), ("redis://:5ecret%0D%0A@h", "password"),
        ("redis://:5ecret@h/x", "database"), ("redis://:5ecret@h/-1", "database"),
        ("redis://:5ecret@h/0/1", "database"),
        ("redis://:5ecret@h/2147483648", "database"), ("redis://:5ecret@h/99999999999999999999", "database"),
        ("redis://:5ecret@h/1%0D%0AFLUSHALL", "control character"), ("redis://:5ecret@h/1?db=1", "not in both"),
        ("redis://:5ecret@h?db=x", "db"), ("redis://:5ecret@h?db=-1", "db"), ("redis://:5ecret@h?db=", "db"),
        ("redis-cluster://:5ecret@h/1", "0, the only one"), ("redis-cluster://:5ecret@h?db=1", "0, the only one"),
        ("redis-cluster://:5ecret@h/x", "database"), ("redis-sentinel://:5ecret@h/a/0", "parameter db"),
        ("redis-sentinel://:5ecret@h/a%20b", "name of the primary"), ("redis-sentinel://:5ecret@h/a%0D%0A", "path"),
        ("redis-sentinel://h?sentinel_user=u", "sentinel_user"),
        ("redis-sentinel://h?sentinel_password=", "sentinel_password"),
        ("redis-sentinel://h?sentinel_user=&sentinel_password=5ecret", "sentinel_user"),
        ("redis-sentinel://h?sentinel_password=5ecret%0D%0A", "sentinel_password"),
        ("redis://h?sentinel_password=5ecret", "sentinel_password"),
        ("redis-cluster://h?sentinel_password=5ecret", "sentinel_password"),
        ("redis://:5ecret@h?prefix=", "prefix"), ("redis://:5ecret@h?prefix=a%20b", "prefix"),
        ("redis://:5ecret@h?prefix={a}", "prefix"), ("redis://:5ecret@h?prefix=a%0D%0ADEL", "\"prefix\""),
        ("redis://:5ecret@h?prefix=a%27;b", "prefix"), ("redis://:5ecret@h?prefix=a*", "prefix"),
        ("redis://:5ecret@h?prefix=%C3%A9", "prefix"), ("redis://:5ecret@h?pool=0", "pool is no number from 1 to 64"),
        ("redis://:5ecret@h?pool=65", "pool"), ("redis://:5ecret@h?pool=x", "pool"), ("redis://:5ecret@h?pool", "pool"),
        ("redis://:5ecret@h?pending=15", "pending is no number from 16 to 1000000"),
        ("redis://:5ecret@h?pending=1000001", "pending"), ("redis://:5ecret@h?timeout=", "timeout"),
        ("redis://:5ecret@h?timeout=fast", "timeout must be a number of seconds"),
        ("redis://:5ecret@h?timeout=9ms", "timeout must be 10 milliseconds to 60 seconds"),
        ("redis://:5ecret@h?timeout=61", "timeout"), ("redis://:5ecret@h?timeout=-1", "timeout"),
        ("redis://:5ecret@h?timeout=NaN", "timeout"), ("redis://:5ecret@h?timeout=1e3", "timeout"),
        ("redis://:5ecret@h?connect_timeout=0", "connect_timeout"), ("redis://:5ecret@h?replicas=0", "replicas"),
        ("redis://:5ecret@h?replicas=17", "replicas is no number from 1 to 16"),
        ("redis://:5ecret@h?replicas_timeout=1", "replicas"),
        ("redis://:5ecret@h?replicas=1&replicas_timeout=0", "1 millisecond"),
        ("redis://:5ecret@h?replicas=1&replicas_timeout=1", "less than the time of a whole operation"),
        ("redis://:5ecret@h?near_cache=0", "near_cache"), ("redis://:5ecret@h?near_cache=yes", "near_cache"),
        ("redis://:5ecret@h?near_cache=10000001", "near_cache"), ("redis://:5ecret@h?near_cache=", "near_cache"),
        ("redis://:5ecret@h?cafile=x", "cafile must be left out"), ("redis://:5ecret@h?servername=x", "rediss"),
        ("redis://:5ecret@h?insecure_skip_verify=false", "insecure_skip_verify must be left out"),
        ("redis-cluster://:5ecret@h?keyfile=x", "tls=true"),
        ("redis-sentinel://:5ecret@h?tls=false&certfile=x", "tls=true"),
        ("redis://:5ecret@h?tls=true", "rediss"), ("redis-cluster://:5ecret@h?tls=1", "tls must be true or false"),
        ("rediss://:5ecret@h?insecure_skip_verify=1", "true or false"),
        ("rediss://:5ecret@h?insecure_skip_verify", "true or false"),
        ("rediss://:5ecret@h?cafile=", "cafile"), ("rediss://:5ecret@h?certfile=x", "key"),
        ("rediss://:5ecret@h?keyfile=x", "certificate"), ("rediss://:5ecret@h?servername=", "servername"),
        ("rediss://:5ecret@h?servername=a%20b", "servername"), ("rediss://:5ecret@h?servername=10.0.0.1", "servername"),
        ("redis://:5ecret@h?passwort=5ecret", "\"passwort\""), ("redis://:5ecret@h?Pool=1", "did you mean \"pool\"?"),
        ("redis://:5ecret@h?conect_timeout=1", "did you mean \"connect_timeout\"?"),
        ("redis://:5ecret@h?pool=1&pool=2", "\"pool\" stands there twice"), ("mysql://:5ecret@h", "scheme"),
    ]

    @Test("4e: what is wrong is an error that names the part and shows no password", arguments: wrong)
    func errors(text: String, part: String) throws {
        let error = try #require(throws: SessionStoreError.self) { try readSettings(url: text) }
        #expect(error.code == .misconfigured)
        #expect(error.message.contains(part))
        #expect(!everythingShown(of: error).contains(testSecret))
        #expect(!error.message.utf8.contains { $0 < 0x20 })
    }
}
#endif
