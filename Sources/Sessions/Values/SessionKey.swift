/// The name of a value in a session, together with its type.
///
/// Declare keys where the type lives, so that a spelling mistake does not compile:
/// ```swift
/// extension SessionKey where Value == [Item] {
///     static var cart: Self { .init("cart") }
/// }
/// session[.cart]
/// ```
public struct SessionKey<Value: Codable & Sendable>: Hashable, Sendable {
    /// The name under which the value is stored.
    public let name: String

    /// Creates a key.
    /// - Parameter name: 1 to 255 bytes of UTF-8. Names are compared as bytes.
    public init(_ name: String) {
        self.name = name
    }
}

extension SessionKey: ExpressibleByStringLiteral {
    /// Creates a key from its name.
    public init(stringLiteral name: String) {
        self.init(name)
    }
}
