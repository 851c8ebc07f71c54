import Testing

@testable import Sessions

@Suite("Which file is at a path")
struct FileIdentityTests {
    private let folder = TemporaryFolder()

    @Test("Files, folders and what is missing are told apart; a link is what it leads to")
    func kinds() throws {
        Disk.write([1], to: folder("file"))
        Disk.makeLink(folder("link"), to: folder("file"))
        let file = try #require(FileIdentity(path: folder("file")))
        let link = try #require(FileIdentity(path: folder("link")))
        let itself = try #require(FileIdentity(path: folder.path))
        #expect(file.isFile && !file.isFolder)
        #expect(itself.isFolder && !itself.isFile)
        #expect(file.isSame(as: link))
        #expect(!file.isSame(as: itself))
        #expect(file.owner == FileIdentity.user)
        #expect(FileIdentity(path: folder("missing")) == nil)
    }

    @Test("A file put in the place of another is another")
    func replaced() throws {
        Disk.write([1], to: folder("a"))
        Disk.write([1], to: folder("b"))
        let before = try #require(FileIdentity(path: folder("a")))
        Disk.move(folder("b"), to: folder("a"))
        let after = try #require(FileIdentity(path: folder("a")))
        #expect(!before.isSame(as: after))
    }

    @Test("A private file is made once, and readable by its owner alone")
    func privateFile() throws {
        #expect(FileIdentity.makePrivateFile(path: folder("private")) == 0)
        #expect(FileIdentity(path: folder("private"))?.permissions == 0o600)
        Disk.write([1, 2], to: folder("private"))
        #expect(FileIdentity.makePrivateFile(path: folder("private")) == 0)
        #expect(Disk.read(folder("private")) == [1, 2], "what is there stays")
        let failure = FileIdentity.makePrivateFile(path: folder("missing/private"))
        #expect(failure != 0)
        #expect(!FileIdentity.text(ofError: failure).isEmpty)
    }

    @Test("Relative paths begin at the current folder")
    func currentFolder() throws {
        let current = try #require(FileIdentity.currentFolder)
        #expect(try #require(FileIdentity(path: ".")).isSame(as: try #require(FileIdentity(path: current))))
    }
}
