#if Redis
import Sessions
import Testing

@testable import SessionsRedis

@Suite("The original's configuration strings for Redis")
struct OriginalRedisConfigTests {
    private func warnings(_ provider: String = "redis", _ config: String) throws -> [String] {
        var warnings: [String] = []
        _ = try readSettings(provider, config) { warnings.append($0) }
        return warnings
    }

    @Test("the documented strings open as they are written there")
    func samples() throws {
        let plain = try readSettings("redis", "127.0.0.1:6379,100,astaxie")
        #expect(plain.isSingle && plain.topology.addresses == [.host("127.0.0.1", port: 6379)])
        #expect(plain.password == "astaxie" && plain.username == nil && plain.database == 0 && plain.tls == nil)
        #expect(try warnings("redis", "127.0.0.1:6379,100,astaxie").isEmpty)

        let idle = try readSettings("redis", "127.0.0.1:6379,100,astaxie,0,30")
        #expect(idle.password == "astaxie" && idle.database == 0)
        #expect(try warnings("redis", "127.0.0.1:6379,100,astaxie,0,30").count == 1)

        let watched = try readSettings("redis_sentinel", "127.0.0.1:26379;127.0.0.2:26379,100,1qaz2wsx,0,mymaster")
        let sentinel = try #require(watched.sentinel)
        #expect(sentinel.addresses == [.host("127.0.0.1", port: 26_379), .host("127.0.0.2", port: 26_379)])
        #expect(sentinel.masterName == "mymaster" && sentinel.password == nil && watched.password == "1qaz2wsx")
        #expect(
            try warnings("redis_sentinel", "127.0.0.1:26379;127.0.0.2:26379,100,1qaz2wsx,0,mymaster").isEmpty
        )

        let cluster = try readSettings("redis_cluster", "127.0.0.1:6379;127.0.0.1:6380,100,test,0")
        #expect(cluster.isCluster && cluster.password == "test")
        #expect(cluster.topology.addresses == [.host("127.0.0.1", port: 6379), .host("127.0.0.1", port: 6380)])
        #expect(try warnings("redis_cluster", "127.0.0.1:6379;127.0.0.1:6380,100,test,0").isEmpty)
    }

    @Test(
        "an address is a host with or without a port, an IPv6 address in brackets or a local socket",
        arguments: [
            ("h", RedisAddress.host("h", port: 6379)), ("h:1", .host("h", port: 1)), ("redis:6379", .host("redis")),
            ("[2001:db8::1]:65535", .host("2001:db8::1", port: 65_535)), ("[::1]", .host("::1")),
            ("/run/redis.sock", .unixSocket("/run/redis.sock")), (":6380", .host("localhost", port: 6380)),
            (" h:1 ", .host("h", port: 1)),
        ]
    )
    func addresses(text: String, address: RedisAddress) throws {
        #expect(try readSettings("redis", text).topology.addresses == [address])
        #expect(try readSettings("redis", "\r\n\t\(text),,\n").topology.addresses == [address])
        #expect(try readSettings("redis", #"{"save_path":"\#(text)"}"#).topology.addresses == [address])
    }

    @Test("a list's addresses are between semicolons, with the port of their kind")
    func lists() throws {
        let list = "a; [::1] ;c:7,5,p"
        #expect(
            try readSettings("redis_sentinel", list).topology.addresses
                == [.host("a", port: 26_379), .host("::1", port: 26_379), .host("c", port: 7)]
        )
        #expect(
            try readSettings("redis_cluster", list).topology.addresses
                == [.host("a", port: 6379), .host("::1", port: 6379), .host("c", port: 7)]
        )
    }

    @Test(
        "an empty password is none, others are what they are",
        arguments: ["redis", "redis_sentinel", "redis_cluster"]
    )
    func passwords(provider: String) throws {
        #expect(try readSettings(provider, "h,1,,0").password == nil)
        #expect(try readSettings(provider, #"{"save_path":"h","password":""}"#).password == nil)
        #expect(try readSettings(provider, #"{"save_path":"h","password":null}"#).password == nil)
        #expect(try readSettings(provider, "h,1, p@:/?#%41; ,0").password == " p@:/?#%41; ")
        #expect(try readSettings(provider, #"{"save_path":"h","password":"a,b\"\u00e9"}"#).password == "a,b\"\u{E9}")
    }

    @Test(
        "the pool's size becomes a few connections, since these are shared, and no warning where nobody chose it",
        arguments: [
            ("h", 1, 0), ("h,", 1, 0), ("h,0", 1, 0), ("h,1", 1, 0), ("h,4", 4, 0), ("h,5", 4, 1), ("h,100", 4, 0),
            ("h,1000", 4, 0), ("h, 2 ", 2, 0), ("h,2147483647", 4, 1), (#"{"save_path":"h","poolsize":3}"#, 3, 0),
            (#"{"save_path":"h","poolsize":0}"#, 1, 0), (#"{"save_path":"h","poolsize":16}"#, 4, 1),
        ]
    )
    func poolSizes(config: String, connections: Int, warningCount: Int) throws {
        #expect(try readSettings("redis", config).connectionsPerServer == connections)
        let warnings = try warnings("redis", config)
        #expect(warnings.count == warningCount && warnings.allSatisfy { $0.contains("poolsize") })
    }

    @Test("JSON's names have no case, as in Go, and every field is read")
    func json() throws {
        let text =
            #" {"Save_Path":"10.0.0.1","PoolSize":2,"PASSWORD":"p","Db_Num":3,"idle_timeout":"0s","max_retries":0} "#
        let configuration = try readSettings("redis", text)
        #expect(configuration.topology.addresses == [.host("10.0.0.1")])
        #expect(configuration.connectionsPerServer == 2 && configuration.database == 3 && configuration.password == "p")
        #expect(try warnings("redis", text).isEmpty)
        let watched = try readSettings("redis_sentinel", #"{"save_path":"a;b","master_name":"main","db_num":1}"#)
        #expect(watched.sentinel?.masterName == "main" && watched.database == 1)
        #expect(try readSettings("redis_sentinel", #"{"save_path":"a;b"}"#).sentinel?.masterName == "mymaster")
        #expect(try readSettings("redis_cluster", #"{"save_path":"a;b"}"#).topology.addresses.count == 2)
    }

    @Test("a Cluster's database is ignored, with a warning unless it is 0")
    func clusterDatabase() throws {
        for config in ["a;b,1,p,7", #"{"save_path":"a;b","db_num":7}"#] {
            #expect(try readSettings("redis_cluster", config).database == 0)
            let warnings = try warnings("redis_cluster", config)
            #expect(warnings.count == 1 && warnings.allSatisfy { $0.contains("db_num") })
        }
        #expect(try warnings("redis_cluster", #"{"save_path":"a;b","db_num":0}"#).isEmpty)
    }

    @Test("D11: the fields behind the name open in either reading, with a warning that tells both")
    func sentinelFields() throws {
        // As documented: idle timeout, idle check, retries. As the original reads it: idle check, retries, nothing.
        let warnings = try warnings("redis_sentinel", "a;b,100,p,0,main,30,60,3")
        #expect(try readSettings("redis_sentinel", "a;b,100,p,0,main,30,60,3").sentinel?.masterName == "main")
        #expect(warnings.count == 3)
        let meanings = [
            ("idle_timeout (field 6)", "idle_check_frequency"), ("idle_check_frequency (field 7)", "max_retries"),
            ("max_retries (field 8)", "does not read"),
        ]
        for (warning, meaning) in zip(warnings, meanings) {
            #expect(warning.hasPrefix("redis_sentinel: \(meaning.0) has no effect"))
            #expect(warning.contains("the original") && warning.contains(meaning.1))
        }
        #expect(try self.warnings("redis_sentinel", "a;b,100,p,0,main,0,0,0").isEmpty)
        #expect(try self.warnings("redis_sentinel", "a;b,100,p,0,main,,,").isEmpty)
        #expect(try self.warnings("redis_sentinel", "a;b,100,p,0,main,,60").count == 1)
    }

    @Test("D11: a number where the name should be is warned about, for the original takes it for a time as well")
    func numericName() throws {
        let warnings = try warnings("redis_sentinel", "a;b,100,p,0,30")
        #expect(try readSettings("redis_sentinel", "a;b,100,p,0,30").sentinel?.masterName == "30")
        #expect(warnings.count == 1 && warnings.allSatisfy { $0.contains("master_name (field 5)") })
        #expect(try readSettings("redis_sentinel", "a;b,100,p,0,").sentinel?.masterName == "mymaster")
        #expect(try readSettings("redis_sentinel", "a;b,100,p,0").sentinel?.masterName == "mymaster")
    }

    @Test(
        "D12: no duration is needed, and what has no effect is warned about if it is there and not 0",
        arguments: [
            (#"{"save_path":"h"}"#, []), (#"{"save_path":"h","idle_timeout":"30s"}"#, ["idle_timeout"]),
            (#"{"save_path":"h","idle_timeout":"","idle_check_frequency":null}"#, []),
            (#"{"save_path":"h","idle_timeout":"0","idle_check_frequency":"0s","max_retries":0}"#, []),
            (
                #"{"save_path":"h","idle_timeout":"1h30m","idle_check_frequency":"300ms","max_retries":-1}"#,
                ["idle_timeout", "idle_check_frequency", "max_retries"]
            ),
            ("h,1,p,0,30", ["idle_timeout"]), ("h,1,p,0,0,0,0", []), ("h,1,p,0,,,", []),
            ("h,1,p,0,30,60,3", ["idle_timeout", "idle_check_frequency", "max_retries"]),
            ("h,1,p,0,-1,0,-1", ["idle_timeout", "max_retries"]),
        ] as [(String, [String])]
    )
    func unused(config: String, fields: [String]) throws {
        let warnings = try warnings("redis", config)
        #expect(warnings.count == fields.count)
        for (warning, field) in zip(warnings, fields) {
            #expect(warning.hasPrefix("redis: \(field)") && warning.contains("has no effect"))
        }
    }

    // The provider, its string, and what the error has to name.
    static let wrong: [(provider: String, config: String, part: String)] = [
        ("redis", "", "save_path"), ("redis", " \n", "save_path"), ("redis", ",100,5ecret", "save_path"),
        ("redis_sentinel", ";,100,5ecret", "save_path"), ("redis_cluster", "a;;b,100,5ecret", "save_path"),
        ("redis_cluster", "a;,100,5ecret", "save_path"), ("redis", "a;b,100,5ecret", "redis_cluster"),
        ("redis", "h:0,100,5ecret", "ports from 1 to 65535"), ("redis", "h:65536,100,5ecret", "ports"),
        ("redis", "h:-1,100,5ecret", "ports"), ("redis", "h:,100,5ecret", "ports"), ("redis", "h:5ecret", "ports"),
        ("redis", "::1,100,5ecret", "brackets"), ("redis", "[::1,100,5ecret", "]"),
        ("redis", "[h]:1,100,5ecret", "brackets"),
        ("redis", "[::1]6379,100,5ecret", "port"), ("redis", "h 5ecret,100", "save_path (field 1)"),
        ("redis", "h\r\nFLUSHALL,100,5ecret", "save_path"), ("redis", "/run/\u{0},100,5ecret", "save_path"),
        ("redis_cluster", "/run/redis.sock,100,5ecret", "save_path"),
        ("redis_sentinel", (1...101).map { "h\($0)" }.joined(separator: ";") + ",1,5ecret", "at most 100"),
        ("redis", "u:5ecret@h:6379,100", "address"), ("redis", "redis://:5ecret@h,100", "address"),
        ("redis", "h,x,5ecret", "poolsize (field 2)"), ("redis", "h,-1,5ecret", "poolsize"),
        ("redis", "h,5ecret", "poolsize"), ("redis", "h,1.5,5ecret", "poolsize"),
        ("redis", "h,99999999999999999999,5ecret", "poolsize"), ("redis", "h,1,5ecret,x", "db_num (field 4)"),
        ("redis", "h,1,5ecret,-1", "db_num"), ("redis", "h,1,5ecret,0\r\n1", "db_num"),
        ("redis_cluster", "h,1,5ecret,x", "db_num"),
        ("redis", "h,1,5ecret,0,30s", "idle_timeout (field 5)"), ("redis", "h,1,5ecret,0,1,x", "idle_check_frequency"),
        ("redis", "h,1,5ecret,0,1,1,x", "max_retries (field 7)"), ("redis", "h,1,5ecret,0,-2", "idle_timeout"),
        ("redis", "h,1,5ecret,0,1,1,1,1", "more than 7 fields"),
        ("redis_sentinel", "h,1,5ecret,0,m,1,1,1,1", "8 fields"),
        ("redis", "h,1,a,5ecret,b,c,d,e,f", "password with a comma"), ("redis", "h,1,5ecret\r\nFLUSHALL,0", "password"),
        ("redis", "h,1,5ecret\u{0}", "password (field 3)"), ("redis_sentinel", "h,1,5ecret,0,m\r\nX", "master_name"),
        ("redis_sentinel", "h,1,5ecret,0,m m", "master_name (field 5)"),
        ("redis_sentinel", "h,1,5ecret,0,m,x", "field 6"),
        ("redis_sentinel", "h,1,5ecret,0,m,1,x", "field 7"), ("redis_sentinel", "h,1,5ecret,0,m,1,1,x", "field 8"),
        ("redis", "{", "cannot be read"), ("redis", #"{"save_path":"h:1,100,5ecret"#, "cannot be read"),
        ("redis", #"{"save_path":"h"} 5ecret"#, "follows the object"),
        ("redis", "{}", "save_path must have an address"),
        ("redis", #"{"save_path":"h","pasword":"5ecret"}"#, "did you mean \"password\"?"),
        ("redis", #"{"save_path":"h","5ecret !":1}"#, "unknown field"),
        ("redis", #"{"save_path":"h","master_name":"5ecret"}"#, "redis_sentinel"),
        ("redis", #"{"save_path":"h","Password":"5ecret","password":"5ecret"}"#, "password must not stand there twice"),
        ("redis", #"{"save_path":"h","password":5}"#, "password must be a string"),
        ("redis", #"{"save_path":["5ecret"]}"#, "save_path must be a string"),
        ("redis", #"{"save_path":"h","password":"5ecret\r\n"}"#, "password"),
        ("redis", #"{"save_path":"h","poolsize":"5ecret"}"#, "poolsize must be a whole number"),
        ("redis", #"{"save_path":"h","poolsize":1.5}"#, "poolsize"),
        ("redis", #"{"save_path":"h","poolsize":true}"#, "poolsize"),
        ("redis", #"{"save_path":"h","db_num":-1}"#, "db_num"),
        ("redis", #"{"save_path":"h","db_num":2147483648}"#, "db_num"),
        ("redis", #"{"save_path":"h","idle_timeout":30}"#, "idle_timeout must be a string"),
        ("redis", #"{"save_path":"h","idle_timeout":"5ecret"}"#, "idle_timeout must be a duration"),
        ("redis", #"{"save_path":"h","idle_timeout":"30"}"#, "idle_timeout"),
        ("redis", #"{"save_path":"h","idle_check_frequency":"1d"}"#, "idle_check_frequency"),
        ("redis", #"{"save_path":"h","max_retries":"3"}"#, "max_retries"),
        ("redis", #"{"save_path":"h","max_retries":-2}"#, "max_retries"),
        ("redis_sentinel", #"{"save_path":"h","master_name":"a\nb"}"#, "master_name must be"),
        ("redis_sentinel", #"{"save_path":"h","mastername":"m"}"#, "did you mean \"master_name\"?"),
    ]

    @Test("4e: what is wrong is an error that names the field and shows no password", arguments: wrong)
    func errors(provider: String, config: String, part: String) throws {
        var warnings: [String] = []
        let error = try #require(throws: SessionStoreError.self) {
            try readSettings(provider, config) { warnings.append($0) }
        }
        #expect(error.code == .misconfigured)
        #expect(error.message.hasPrefix("\(provider): "))
        #expect(error.message.contains(part))
        #expect(!everythingShown(of: error).contains(testSecret))
        #expect(!error.message.utf8.contains { $0 < 0x20 })
        #expect(warnings.isEmpty)
    }

    @Test("bytes changed, lost and added at random never crash the reader or show in its errors and warnings")
    func mutations() {
        var random = SeededNumbers(state: 11)
        let originals = [
            "127.0.0.1:6379;[::1]:6380,100,5ecret,0,main,30,60,3",
            #"{"save_path":"[::1]:6379","poolsize":7,"password":"5ecret","db_num":1,"idle_timeout":"1h30m"}"#,
        ].map { Array($0.utf8) }
        for round in 0..<4000 {
            var bytes = originals[round % 2]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = .random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(Array("{}\":;[],\\ 0".utf8).randomElement(using: &random) ?? 0, at: index)
                }
            }
            let config = String(decoding: bytes, as: UTF8.self)
            for provider in ["redis", "redis_sentinel", "redis_cluster"] {
                do throws(SessionStoreError) {
                    let configuration = try readSettings(provider, config) { warning in
                        #expect(!warning.contains(testSecret), "\(config)")
                    }
                    try configuration.validate()
                } catch {
                    #expect(error.code == .misconfigured && !"\(error)".contains(testSecret), "\(config)")
                }
            }
        }
    }
}
#endif
