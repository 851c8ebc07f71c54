#if Hummingbird
import Sessions

/// One line of a cart.
struct Item: Codable, Sendable {
    var name: String
    var count: Int
}

extension SessionKey where Value == [Item] {
    /// What is in the cart.
    static var cart: Self { .init("cart") }
}

extension SessionKey where Value == Int {
    /// How often the home page was seen with this session.
    static var visits: Self { .init("visits") }
}

extension SessionKey where Value == String {
    /// A notice that the next page shows once.
    static var notice: Self { .init("notice") }
}

extension [Item] {
    static let maximumCount = 20

    /// Puts one more of `name` into the cart.
    mutating func add(_ name: String) {
        if let index = firstIndex(where: { $0.name == name }) {
            self[index].count = Swift.min(self[index].count + 1, 99)
        } else if count < Self.maximumCount {
            append(Item(name: name, count: 1))
        }
    }

    /// Takes all of `name` out of the cart.
    mutating func remove(_ name: String) {
        removeAll { $0.name == name }
    }
}
#endif
