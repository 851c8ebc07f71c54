/// Where a listing or a round of sweeping has got to.
///
/// What it means is the store's business: the last id, say, or a node and a place on it. It is good for the store that
/// gave it, and for as long as that store promises; there is no order among cursors, and two that differ may mean the
/// same place.
///
/// A store makes its cursors of 1 to 256 letters, digits and `-._~:` of ASCII, so that an operator's page may put them
/// into an address as they are. They hold no secret.
public struct SessionStoreCursor: RawRepresentable, Hashable, Codable, Sendable {
    /// The text that the store knows the place by.
    public let rawValue: String

    /// Takes any text, such as one from a request; the store will say whether it is a cursor.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }
}

extension SessionStoreCursor {
    /// The cursor of a store that lists by ascending id.
    package init(after id: SessionID) {
        self.init(rawValue: id.description)
    }

    /// The id after which to go on, in a store that lists by ascending id.
    /// - Throws: `.invalidCursor` if ``init(after:)`` did not make this.
    package func id() throws(SessionStoreError) -> SessionID {
        guard let id = SessionID(rawValue) else {
            throw SessionStoreError(.invalidCursor, "this is no cursor of this store; begin the listing again")
        }
        return id
    }
}
