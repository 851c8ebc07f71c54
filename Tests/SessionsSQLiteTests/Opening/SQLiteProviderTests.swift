#if SQLite
import Sessions
import SessionsSQLite
import Testing

@Suite("Opening SQLite by name")
struct SQLiteProviderTests {
    private func configuration(_ url: String) throws -> SQLiteSessionStore.Configuration {
        try .init(url: StoreURL(url))
    }

    @Test("An address has a path and parameters")
    func address() throws {
        let plain = try configuration("sqlite:sessions.sqlite")
        #expect(plain.path == "sessions.sqlite")
        #expect(plain.durability == .none && plain.table == "sessions" && plain.schema == .createIfNeeded)
        let full = try configuration(
            "sqlite:///var/lib/app/s.sqlite?durability=flushed&table=app&schema=expect&readers=2&waiting=7&timeout=500ms"
        )
        #expect(full.path == "/var/lib/app/s.sqlite")
        #expect(full.durability == .flushed && full.table == "app" && full.schema == .expect)
        #expect(full.maximumReaders == 2 && full.operationTimeout == .milliseconds(500))
        #expect(full.maximumWaitingCalls == 7)
    }

    @Test(
        "What an address may not have is named",
        arguments: [
            ("sqlite://host/x", "host"), ("sqlite:x?mode=memory", "mode"), ("sqlite:x?vfs=unix-none", "vfs"),
            ("sqlite:x?durability=full", "durability"), ("sqlite:x?schema=drop", "schema"),
            ("sqlite:x?readers=0", "readers"),
            ("sqlite:x?timeout=0", "timeout"), ("sqlite:x?timeout=soon", "timeout"), ("sqlite:x?Table=a", "Table"),
        ]
    )
    func faults(_ url: String, _ part: String) {
        let error = #expect(throws: SessionStoreError.self) { try configuration(url) }
        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains(part) == true)
    }

    @Test("A manager opens it by name and by address, and closes it when it ends")
    func opens() async throws {
        let folder = try TestFolder()
        let registry = SessionStoreRegistry()
        try registry.registerSQLite()
        try registry.registerSQLite()
        let byName = try await SessionManager.open("sqlite", config: " \(folder.database) ", registry: registry)
        let byAddress = try await SessionManager.open("sqlite:\(folder.database)", registry: registry)
        for sessions in [byName, byAddress] {
            let store = try #require(sessions.store as? SQLiteSessionStore)
            #expect(store.path == folder.database)
            await store.shutDown()
        }
    }

    @Test("A table's name with anything else than letters, digits and underscores is refused")
    func tables() async throws {
        let folder = try TestFolder()
        var configuration = SQLiteSessionStore.Configuration(path: folder.database)
        configuration.table = "sessions; DROP TABLE users"
        let error = await failure { () async throws(SessionStoreError) in
            try await SQLiteSessionStore.open(configuration)
        }
        #expect(error?.code == .misconfigured)
    }
}
#endif
