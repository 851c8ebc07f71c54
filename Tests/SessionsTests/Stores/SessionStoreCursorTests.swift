import Testing

@testable import Sessions

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Cursors of listings and sweeps")
struct SessionStoreCursorTests {
    @Test("A cursor travels as its text, in an address or in JSON")
    func text() throws {
        let cursor = SessionStoreCursor(rawValue: "node-1:18446744073709551615")
        #expect(SessionStoreCursor(rawValue: cursor.rawValue) == cursor)
        let data = try JSONEncoder().encode([cursor])
        #expect(String(decoding: data, as: UTF8.self) == #"["node-1:18446744073709551615"]"#)
        #expect(try JSONDecoder().decode([SessionStoreCursor].self, from: data) == [cursor])
    }

    @Test("A store that lists by id makes a cursor of an id, and reads nothing else")
    func ids() throws {
        let id = Sample.id()
        #expect(try SessionStoreCursor(after: id).id() == id)
        for text in Sample.foreignCursors {
            let error = #expect(throws: SessionStoreError.self) { try SessionStoreCursor(rawValue: text).id() }
            #expect(error?.code == .invalidCursor, "\(text)")
        }
    }
}
