import InMemoryLogging
import Logging
import Testing

@testable import Sessions

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Runs `body` with the path of a folder that does not exist yet, and removes the folder afterwards.
private func withTemporaryPath<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let path = FileManager.default.temporaryDirectory.appending(path: "sessions-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

private func makeLogger() -> (Logger, InMemoryLogHandler) {
    let handler = InMemoryLogHandler()
    return (Logger(label: "test") { _ in handler }, handler)
}

extension InMemoryLogHandler {
    fileprivate var messages: [String] { entries.map { $0.message.description } }
}

@Suite("Opening stores by name")
struct SessionStoreRegistryTests {
    private let registry = SessionStoreRegistry()

    private func error(_ body: () async throws -> Void) async throws -> SessionStoreError {
        try await #require(throws: SessionStoreError.self) { try await body() }
    }

    @Test("memory and file are built in, and found in any case")
    func builtIn() {
        #expect(registry.names == ["file", "memory"])
        #expect(registry.provider(named: "Memory") != nil)
        #expect(registry.provider(named: "redis") == nil)
    }

    @Test("a provider of one's own is found by each of its names")
    func register() async throws {
        let provider = SessionStoreProvider("couch", "CouchDB") { location, _ throws(SessionStoreError) in
            guard case .url(let url) = location else { throw SessionStoreError(.misconfigured, "couch: give a URL") }
            #expect(url.hosts == [.init(name: "db")])
            return MemorySessionStore()
        }
        try registry.register(provider)
        #expect(registry.names == ["couch", "couchdb", "file", "memory"])
        #expect(try await registry.makeStore("couchdb://db") is MemorySessionStore)
        let error = try await error { _ = try await registry.makeStore(provider: "couch", config: "") }
        #expect(error.message.contains("couch"))
    }

    @Test("a taken name is an error and changes nothing")
    func duplicates() throws {
        let provider = SessionStoreProvider("new", "FILE") { _, _ throws(SessionStoreError) in MemorySessionStore() }
        let error = try #require(throws: SessionStoreError.self) { try registry.register(provider) }
        #expect(error.code == .misconfigured)
        #expect(error.message.contains("\"file\""))
        #expect(registry.names == ["file", "memory"])
        for names in ["", "a b", "1a", "a/b", "\u{E9}"] {
            let provider = SessionStoreProvider(names) { _, _ throws(SessionStoreError) in MemorySessionStore() }
            #expect(throws: SessionStoreError.self) { try registry.register(provider) }
        }
        let twice = SessionStoreProvider("x", "X") { _, _ throws(SessionStoreError) in MemorySessionStore() }
        #expect(throws: SessionStoreError.self) { try registry.register(twice) }
    }

    @Test("the providers of a module are added once, however often it is asked for, and all or none")
    func modules() throws {
        let couch = SessionStoreProvider("couch") { _, _ throws(SessionStoreError) in MemorySessionStore() }
        let file = SessionStoreProvider("couchs", "file") { _, _ throws(SessionStoreError) in MemorySessionStore() }
        let error = try #require(throws: SessionStoreError.self) {
            try registry.register([couch, file], ofModule: "Couch")
        }
        #expect(error.message.contains("\"file\""))
        #expect(registry.names == ["file", "memory"])
        try registry.register([couch], ofModule: "Couch")
        try registry.register([couch], ofModule: "Couch")
        #expect(registry.names == ["couch", "file", "memory"])
        #expect(throws: SessionStoreError.self) { try registry.register([couch], ofModule: "Other") }
        #expect(throws: SessionStoreError.self) { try registry.register(couch) }
        #expect(throws: SessionStoreError.self) { try registry.register([couch, couch], ofModule: "Twice") }
    }

    @Test("every call makes a store of its own")
    func noSingletons() async throws {
        let first = try await registry.makeStore(provider: "memory", config: "")
        let second = try await registry.makeStore(provider: "memory", config: "")
        #expect(first as? MemorySessionStore !== second as? MemorySessionStore)
    }

    @Test(
        "an unknown name is an error that lists the known ones and says what to do",
        arguments: [
            ("redis", "SessionsRedis"), ("redis", "registerRedis()"), ("rediss", "SessionsRedis"),
            ("valkey", "SessionsRedis"), ("redis_sentinel", "SessionsRedis"), ("redis-cluster", "registerRedis()"),
            ("redis_cluster", "SessionsRedis"),
            ("mysql", "SessionsMySQL"), ("postgresql", "SessionsPostgres"), ("cookie", "not available"),
            ("memcache", "SessionStoreProvider"), ("couchbase", "SessionStoreProvider"),
            ("ledis", "SessionStoreProvider"),
            ("ssdb", "SessionStoreProvider"), ("memroy", "did you mean \"memory\"?"),
            ("zzz", "registered: file, memory"),
        ]
    )
    func unknown(name: String, hint: String) async throws {
        let error = try await error {
            _ = try await registry.makeStore(provider: name, config: "127.0.0.1:6379,100,5ecret")
        }
        #expect(error.code == .misconfigured)
        #expect(error.message.contains("\"\(name)\""))
        #expect(error.message.contains("registered: file, memory"))
        #expect(error.message.contains(hint))
        #expect(!error.message.contains("5ecret"))
    }

    @Test(
        "4e: an address or configuration string in the wrong place does not show its password",
        arguments: [
            "mysql://app:5ecret@db/app", "username:5ecret@protocol(address)/dbname?param=value",
            "127.0.0.1:6379,100,5ecret",
            "user=pqgotest password=5ecret dbname=pqgotest sslmode=verify-full", "", "\r\n",
        ]
    )
    func misplaced(text: String) async throws {
        for error in [
            try await error { _ = try await registry.makeStore(provider: text, config: text) },
            try await error { _ = try await registry.makeStore(text) },
        ] {
            #expect(error.code == .misconfigured)
            #expect(!String(reflecting: error).contains("5ecret"))
        }
    }

    @Test("memory: the configuration string is ignored, with a warning unless it is empty")
    func memoryConfig() async throws {
        let (logger, log) = makeLogger()
        #expect(try await registry.makeStore(provider: "memory", config: " ", logger: logger) is MemorySessionStore)
        #expect(log.messages.isEmpty)
        _ = try await registry.makeStore(provider: "memory", config: "5ecret", logger: logger)
        #expect(log.messages.count == 1)
        #expect(log.messages.allSatisfy { $0.contains("memory") && !$0.contains("5ecret") })
    }

    @Test("memory: the address has a maximum and nothing else")
    func memoryURL() async throws {
        let store = try await registry.makeStore("memory:?maximum=12")
        #expect((store as? MemorySessionStore)?.configuration.maximumCount == 12)
        let plain = try await registry.makeStore("memory://")
        #expect(plain is MemorySessionStore)
        #expect((plain as? MemorySessionStore)?.configuration.maximumCount == nil)
        for text in [
            "memory:x", "memory://h", "memory:?maximum=0", "memory:?max=1", "memory:?maximum=9999999999999999999",
        ] {
            let error = try await error { _ = try await registry.makeStore(text) }
            #expect(error.message.contains("memory"))
        }
    }

    @Test("file: the configuration string is the folder's path")
    func fileConfig() async throws {
        try await withTemporaryPath { path in
            let store = try await registry.makeStore(provider: "file", config: "  \(path)\t")
            #expect((store as? FileSessionStore)?.path.hasSuffix(path) == true)
            #expect((store as? FileSessionStore)?.durability == FileSessionStore.Durability.none)
            #expect(FileManager.default.fileExists(atPath: path))
        }
    }

    @Test("file: the address is a path, with a durability")
    func fileURL() async throws {
        try await withTemporaryPath { path in
            let store = try await registry.makeStore("file:\(path)?durability=flushed")
            #expect((store as? FileSessionStore)?.durability == .flushed)
            let plain = try await registry.makeStore("file://\(path)?durability=none")
            #expect((plain as? FileSessionStore)?.durability == FileSessionStore.Durability.none)
        }
    }

    @Test(
        "file: what is no path is an error that names the part",
        arguments: [
            ("file:", "path"), ("file://./tmp", "host"), ("file://h/tmp", "host"), ("file:x?mode=memory", "\"mode\""),
            ("file:x?cache=shared&vfs=y", "\"cache\""), ("file:x?durability=full", "durability"),
            ("file:?durability=none", "path"),
        ]
    )
    func fileErrors(text: String, part: String) async throws {
        let error = try await error { _ = try await registry.makeStore(text) }
        #expect(error.message.contains(part))
    }

    @Test(
        "file: an empty configuration string, a control character and an address are errors",
        arguments: ["", " ", "a\nb", "a\u{0}b", "file:./x"]
    )
    func fileConfigErrors(config: String) async throws {
        let error = try await error { _ = try await registry.makeStore(provider: "file", config: config) }
        #expect(error.code == .misconfigured)
        #expect(error.message.hasPrefix("file: "))
    }

    @Test("D38: a folder that cannot be used shows when it is opened, not at the first request")
    func unusableFolder() async throws {
        try await withTemporaryPath { path in
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            let error = try await error { _ = try await registry.makeStore(provider: "file", config: path) }
            #expect(error.code == .misconfigured)
        }
    }
}

@Suite("Opening managers by name")
struct SessionManagerOpeningTests {
    private let registry = SessionStoreRegistry()

    @Test("the original's samples open as they are written: memory and file")
    func samples() async throws {
        let memory = try await SessionManager.open(
            "memory",
            cookieName: "gosessionid",
            maxLifetime: .seconds(3600),
            config: "",
            registry: registry
        )
        #expect(memory.store is MemorySessionStore)
        #expect(memory.configuration.cookie == SessionCookie(name: "gosessionid"))
        #expect(memory.configuration.lifetime == .init(idle: .seconds(3600), absolute: .seconds(86_400)))
        try await withTemporaryPath { path in
            let file = try await SessionManager.open(
                "file",
                cookieName: "gosessionid",
                maxLifetime: .seconds(200_000),
                config: path,
                registry: registry
            )
            #expect(file.store is FileSessionStore)
            #expect(file.configuration.lifetime == .init(idle: .seconds(200_000), absolute: .seconds(200_000)))
        }
    }

    @Test("an address opens with a configuration")
    func url() async throws {
        var configuration = SessionManager.Configuration()
        configuration.cookie?.name = "__Host-app"
        let manager = try await SessionManager.open(
            "memory:?maximum=5",
            configuration: configuration,
            registry: registry
        )
        #expect((manager.store as? MemorySessionStore)?.configuration.maximumCount == 5)
        #expect(manager.configuration.cookie?.name == "__Host-app")
        #expect(try await SessionManager.open("memory:").configuration.cookie?.name == "__Host-session")
    }

    @Test("T1: lifetimes out of range and cookies that browsers refuse are errors, and no folder is made")
    func invalid() async throws {
        try await withTemporaryPath { path in
            for lifetime in [
                Duration.zero, .seconds(-1), .milliseconds(999), .seconds(34_560_001), .seconds(Int64.max),
            ] {
                let error = try await #require(throws: SessionError.self) {
                    _ = try await SessionManager.open("file", cookieName: "a", maxLifetime: lifetime, config: path)
                }
                #expect(error.message.contains("maxLifetime"))
            }
            for name in ["", "a b", "a=b", "a;b\r\n"] {
                let error = try await #require(throws: SessionError.self) {
                    _ = try await SessionManager.open("file", cookieName: name, maxLifetime: .seconds(9), config: path)
                }
                #expect(error.message.contains("name"))
            }
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test("D31: the original's JSON opens, sends a cookie, and what differs is logged")
    func json() async throws {
        let (logger, log) = makeLogger()
        try await withTemporaryPath { path in
            let manager = try await SessionManager.open(
                "file",
                json: #"{"cookieName":"gosessionid","gclifetime":3600,"ProviderConfig":"\#(path)"}"#,
                registry: registry,
                logger: logger
            )
            #expect(manager.store is FileSessionStore)
            #expect(manager.configuration.cookie?.name == "gosessionid")
            #expect(manager.configuration.lifetime.idle == .seconds(3600))
            #expect(log.messages.contains { $0.contains("enableSetCookie") })
        }
    }

    @Test("4e: a password in the provider's part of the JSON shows in no message")
    func jsonRedaction() async throws {
        let (logger, log) = makeLogger()
        for config in ["127.0.0.1:6379,100,5ecret", "app:5ecret@tcp(db)/app"] {
            let error = try await #require(throws: SessionStoreError.self) {
                _ = try await SessionManager.open(
                    "redis",
                    json: #"{"cookieName":"a","gclifetime":3600,"providerConfig":"\#(config)"}"#,
                    registry: registry,
                    logger: logger
                )
            }
            #expect(!String(reflecting: error).contains("5ecret"))
        }
        #expect(!log.messages.contains { $0.contains("5ecret") })
    }
}
