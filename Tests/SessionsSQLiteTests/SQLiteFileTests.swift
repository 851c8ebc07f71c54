#if SQLite
import Foundation
import HTTPTypes
import Sessions
import SessionsSQLite
import Testing

@Suite("The database's file")
struct SQLiteFileTests {
    private let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private func permissions(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    private func openingError(_ path: String) async -> SessionStoreError? {
        await failure { () async throws(SessionStoreError) in try await SQLiteSessionStore.open(.init(path: path)) }
    }

    @Test("Nobody but its owner may read it, nor what SQLite puts beside it")
    func isPrivate() async throws {
        let store = try await SQLiteSessionStore.open(.init(path: folder.database))
        _ = try await store.insert(makeRecord(), id: makeID())
        for ending in ["", "-wal", "-shm"] { #expect(try permissions(folder.database + ending) == 0o600) }
        await store.shutDown()
    }

    @Test(
        "A path that cannot be a database's is refused, and told why",
        arguments: [
            ("", "empty"), (":memory:", "memory:"), ("file:x.sqlite?mode=memory", "file:"),
            ("a\nb", "control character"),
            ("/", "folder"), ("/nowhere/at/all.sqlite", "cannot be made"),
        ]
    )
    func refusesPaths(_ path: String, _ reason: String) async {
        let error = await openingError(path)
        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains(reason) == true)
    }

    @Test("A folder is no database")
    func refusesFolders() async {
        #expect(await openingError(folder.path)?.code == .misconfigured)
    }

    @Test("A file that others may write to is refused: they could plant sessions")
    func refusesExposedFiles() async throws {
        try Data().write(to: URL(fileURLWithPath: folder.database))
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: folder.database)
        let error = await openingError(folder.database)
        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains("chmod 600") == true)
    }

    @Test("A file of another kind is refused, and stays as it is")
    func refusesOtherFiles() async throws {
        let content = Data(String(repeating: "not a database\n", count: 100).utf8)
        try content.write(to: URL(fileURLWithPath: folder.database))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder.database)
        #expect(await openingError(folder.database)?.code == .misconfigured)
        #expect(FileManager.default.contents(atPath: folder.database) == content)
    }

    @Test("A relative path keeps its meaning")
    func resolvesPaths() async throws {
        let current = FileManager.default.currentDirectoryPath
        let steps = current.split(separator: "/").map { _ in ".." }.joined(separator: "/")
        let store = try await SQLiteSessionStore.open(.init(path: steps + folder.database))
        #expect(store.path.hasPrefix(current + "/.."))
        await store.shutDown()
    }

    @Test("A file that was removed is an outage, not a place to write to; one that took its place is used")
    func noticesRemoval() async throws {
        let store = try await SQLiteSessionStore.open(.init(path: folder.database))
        let id = makeID()
        _ = try await store.insert(makeRecord(), id: id)
        for ending in ["", "-wal", "-shm"] { try FileManager.default.removeItem(atPath: folder.database + ending) }
        let lost = await failure { () async throws(SessionStoreError) in
            try await store.insert(makeRecord(), id: makeID())
        }
        #expect(lost?.code == .unavailable)
        let other = try await SQLiteSessionStore.open(.init(path: folder.database))
        let record = makeRecord("in the new file")
        _ = try await other.insert(record, id: id)
        #expect(try await store.load(id, now: now) == record)
        await store.shutDown()
        await other.shutDown()
    }

    @Test("What is stored is there when the database is opened again")
    func survivesRestart() async throws {
        let id = makeID()
        let record = makeRecord("kept")
        let first = try await SQLiteSessionStore.open(.init(path: folder.database))
        _ = try await first.insert(record, id: id)
        await first.shutDown()
        let second = try await SQLiteSessionStore.open(.init(path: folder.database))
        #expect(try await second.load(id, now: now) == record)
        await second.shutDown()
    }

    @Test("No token is in it, and no session id can be turned into one")
    func holdsNoToken() async throws {
        let store = try await SQLiteSessionStore.open(.init(path: folder.database))
        let sessions = try SessionManager(store: store)
        let request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
        let exchange = sessions.exchange(for: request)
        let session = try await exchange.session()
        session[text] = "marker-of-a-value"
        var fields = HTTPFields()
        try await exchange.finish(&fields)
        await store.shutDown()
        let cookie = try #require(fields[.setCookie])
        let token = try #require(cookie.split(separator: "=", maxSplits: 1).last?.prefix(43))
        #expect(token.count == 43)
        let content = try #require(FileManager.default.contents(atPath: folder.database))
        #expect(content.range(of: Data("marker-of-a-value".utf8)) != nil)
        #expect(content.range(of: Data(token.utf8)) == nil)
    }
}
#endif
