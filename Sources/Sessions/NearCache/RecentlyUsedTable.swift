/// A table of bounded size that forgets what was not used for longest.
///
/// The entries form a list by their last use. Every operation but ``removeAll()`` takes constant time, whatever the bound:
/// it runs with a lock held, and perhaps on an event loop, where nothing else goes on meanwhile. It is open to inlining, since
/// it is used by other modules than this one, each with its own entries.
@usableFromInline
package struct RecentlyUsedTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    @usableFromInline
    struct Place: Sendable {
        @usableFromInline var key: Key
        @usableFromInline var value: Value
        /// The place whose entry was used next after this one's, and the one before; ``none`` at the ends.
        @usableFromInline var newer: Int32
        @usableFromInline var older: Int32

        @inlinable
        init(key: Key, value: Value, newer: Int32, older: Int32) {
            self.key = key
            self.value = value
            self.newer = newer
            self.older = older
        }
    }

    /// The most entries.
    @usableFromInline package let maximumCount: Int
    @usableFromInline var indices: [Key: Int32] = [:]
    /// Without gaps: the last entry moves to where one was removed.
    @usableFromInline var places: [Place] = []
    @usableFromInline var newest = Self.none
    @usableFromInline var oldest = Self.none

    @inlinable static var none: Int32 { -1 }

    /// - Parameter maximumCount: The most entries, at least 1.
    @inlinable
    package init(maximumCount: Int) {
        self.maximumCount = min(max(1, maximumCount), Int(Int32.max))
    }

    @inlinable package var count: Int { places.count }

    /// The value under a key. Reading and writing count as use.
    @inlinable
    package subscript(key: Key) -> Value? {
        mutating get {
            guard let index = indices[key] else { return nil }
            use(index)
            return places[Int(index)].value
        }
        set {
            switch (indices[key], newValue) {
            case (let index?, let value?):
                places[Int(index)].value = value
                use(index)
            case (let index?, nil):
                remove(at: index)
            case (nil, let value?):
                if places.count >= maximumCount { remove(at: oldest) }
                let index = Int32(places.count)
                places.append(Place(key: key, value: value, newer: Self.none, older: Self.none))
                indices[key] = index
                linkAsNewest(index)
            case (nil, nil):
                break
            }
        }
    }

    @inlinable
    package mutating func removeAll() { self = Self(maximumCount: maximumCount) }

    // MARK: The list

    @inlinable
    mutating func use(_ index: Int32) {
        guard index != newest else { return }
        unlink(index)
        linkAsNewest(index)
    }

    @inlinable
    mutating func linkAsNewest(_ index: Int32) {
        places[Int(index)].newer = Self.none
        places[Int(index)].older = newest
        if newest != Self.none { places[Int(newest)].newer = index } else { oldest = index }
        newest = index
    }

    @inlinable
    mutating func unlink(_ index: Int32) {
        let (newer, older) = (places[Int(index)].newer, places[Int(index)].older)
        if newer != Self.none { places[Int(newer)].older = older } else { newest = older }
        if older != Self.none { places[Int(older)].newer = newer } else { oldest = newer }
    }

    @inlinable
    mutating func remove(at index: Int32) {
        unlink(index)
        indices[places[Int(index)].key] = nil
        let last = Int32(places.count - 1)
        if index != last {
            let moved = places[Int(last)]
            places[Int(index)] = moved
            indices[moved.key] = index
            if moved.newer != Self.none { places[Int(moved.newer)].older = index } else { newest = index }
            if moved.older != Self.none { places[Int(moved.older)].newer = index } else { oldest = index }
        }
        places.removeLast()
    }
}
