#if Redis
/// A table of bounded size that forgets what was not used for long.
///
/// New and used entries are in the young half; when that is full it becomes the old one, and what the old one still held
/// is forgotten. So an entry that is used stays, and no operation takes more than constant time, but for the rare one
/// that drops half a table.
struct TwoGenerationTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let halfCount: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]

    /// - Parameter maximumCount: The most entries, at least 1.
    init(maximumCount: Int) {
        halfCount = max(1, maximumCount / 2)
    }

    var count: Int { young.count + old.count }

    subscript(key: Key) -> Value? {
        mutating get {
            if let value = young[key] { return value }
            guard let value = old.removeValue(forKey: key) else { return nil }
            insert(value, key)
            return value
        }
        set {
            old[key] = nil
            if let newValue { insert(newValue, key) } else { young[key] = nil }
        }
    }

    mutating func removeAll() {
        young = [:]
        old = [:]
    }

    private mutating func insert(_ value: Value, _ key: Key) {
        young[key] = value
        guard young.count >= halfCount else { return }
        old = young
        young = [:]
    }
}
#endif
