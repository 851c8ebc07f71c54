/// The values of one session: names, JSON, and for each an optional end of life.
///
/// You meet it as the argument of ``Session/commit(_:)``. It is a value: what you do to it counts when the commit that
/// gave it to you wins.
public struct SessionValues: Sendable {
    /// Where the encoded entries are. See ``SessionRecord`` for their format.
    private(set) var storage: ArraySlice<UInt8>

    /// The time against which the lifetimes of values are read.
    var now: SessionInstant

    /// The limits for what is set from here on.
    var limits: SessionLimits

    /// The first thing that went wrong in a subscript, which cannot throw; the commit throws it.
    var failure: SessionError?

    /// Creates an empty collection of values.
    public init(now: SessionInstant, limits: SessionLimits = .init()) {
        self.init(storage: [], now: now, limits: limits)
    }

    init(storage: ArraySlice<UInt8>, now: SessionInstant, limits: SessionLimits) {
        self.storage = storage
        self.now = now
        self.limits = limits
    }

    /// Reads or sets a value.
    ///
    /// A value that is missing, past its lifetime or no longer decodes reads as `nil` (``value(for:)`` tells the last
    /// apart). Setting `nil` removes it. What cannot be set (too large, not encodable) fails the commit.
    public subscript<Value>(key: SessionKey<Value>) -> Value? {
        get { try? value(for: key) }
        set { assign(newValue, to: key) }
    }

    /// Reads or sets a value, with a default where there is none.
    public subscript<Value>(key: SessionKey<Value>, default defaultValue: @autoclosure () -> Value) -> Value {
        get { self[key] ?? defaultValue() }
        set { assign(newValue, to: key) }
    }

    /// Reads or sets a value by a plain name; the type comes from the context.
    public subscript<Value: Codable & Sendable>(name: String) -> Value? {
        get { self[SessionKey<Value>(name)] }
        set { assign(newValue, to: SessionKey<Value>(name)) }
    }

    /// The value, or `nil` where there is none.
    /// - Throws: ``SessionError`` with the code `.undecodableValue` when the stored JSON is not a `Value`.
    public func value<Value>(for key: SessionKey<Value>) throws(SessionError) -> Value? {
        guard let entry = entry(key.name) else { return nil }
        return try decode(key, entry)
    }

    private func decode<Value>(_ key: SessionKey<Value>, _ entry: Entry) throws(SessionError) -> Value {
        do {
            return try SessionValueCoding.decode(Value.self, from: storage[entry.value])
        } catch {
            throw SessionError(
                .undecodableValue,
                "the value of \"\(key.name)\" is not a \(Value.self) any more; remove it or read it as what it was"
            )
        }
    }

    /// Sets a value.
    /// - Parameters:
    ///   - value: The new value.
    ///   - key: The value's key.
    ///   - lifetime: How long the value lives; it ends with the session in any case, and it is taken out by the next
    ///     commit after its end. `nil`, the default, for as long as the session.
    /// - Throws: ``SessionError``: `.valueTooLarge`, `.sessionTooLarge`, `.tooManyKeys`, `.invalidKey`,
    ///   `.unencodableValue`.
    public mutating func set<Value>(
        _ value: Value,
        for key: SessionKey<Value>,
        lifetime: Duration? = nil
    ) throws(SessionError) {
        let json: [UInt8]
        do {
            json = try SessionValueCoding.encode(value)
        } catch {
            throw SessionError(
                .unencodableValue,
                "the new value of \"\(key.name)\" cannot be written as JSON: a \(Value.self)"
            )
        }
        try setJSON(json, for: key.name, expiresAt: lifetime.map { now + $0 })
    }

    /// Removes a value; nothing happens where there is none.
    public mutating func remove<Value>(_ key: SessionKey<Value>) { remove(key.name) }

    /// Removes all values.
    public mutating func removeAll() { storage = [] }

    /// Adds `amount` to an integer that is 0 where there is none.
    /// - Returns: The sum.
    /// - Throws: ``SessionError`` with the code `.undecodableValue` if the value is no integer, `.valueTooLarge` if the
    ///   sum does not fit into an `Int`.
    @discardableResult
    public mutating func increment(_ key: SessionKey<Int>, by amount: Int = 1) throws(SessionError) -> Int {
        let entry = entry(key.name)
        let (sum, overflow) = (try entry.map { entry throws(SessionError) in try decode(key, entry) } ?? 0)
            .addingReportingOverflow(amount)
        guard !overflow else {
            throw SessionError(.valueTooLarge, "\"\(key.name)\" cannot grow further: the sum does not fit into an Int")
        }
        try setJSON(SessionValueCoding.encodeInteger(sum), for: key.name, expiresAt: entry?.expiresAt)
        return sum
    }

    /// The names of all values, in the order in which they were first set.
    public var keys: [String] {
        var keys: [String] = []
        forEachEntry { entry in
            if isLive(entry) { keys.append(String(decoding: storage[entry.key], as: UTF8.self)) }
        }
        return keys
    }

    /// Whether there are no values.
    public var isEmpty: Bool { count == 0 }

    /// The number of values.
    public var count: Int {
        var count = 0
        forEachEntry { if isLive($0) { count += 1 } }
        return count
    }

    /// A value's JSON, undecoded, or `nil` where there is none.
    public func json(for name: String) -> [UInt8]? {
        entry(name).map { Array(storage[$0.value]) }
    }

    private mutating func assign<Value>(_ value: Value?, to key: SessionKey<Value>) {
        guard let value else { return remove(key.name) }
        do throws(SessionError) {
            try set(value, for: key)
        } catch {
            failure = failure ?? error
        }
    }
}

// MARK: - Entries

extension SessionValues {
    /// Where the parts of one entry stand in `storage`.
    struct Entry {
        var whole: Range<Int>
        var key: Range<Int>
        var value: Range<Int>
        var expiresAt: SessionInstant?
    }

    /// Sets a value that is JSON already.
    mutating func setJSON(
        _ json: [UInt8],
        for name: String,
        expiresAt: SessionInstant? = nil
    ) throws(SessionError) {
        guard 1...SessionLimits.bytesPerKey ~= name.utf8.count else {
            throw SessionError(
                .invalidKey,
                "the name of a value has 1 to \(SessionLimits.bytesPerKey) bytes, this one has \(name.utf8.count)"
            )
        }
        guard json.count <= limits.bytesPerValue else {
            throw SessionError(
                .valueTooLarge,
                "the new value of \"\(name)\" has \(json.count) bytes of JSON; the limit is \(limits.bytesPerValue)"
            )
        }
        let old = rawEntry(name)
        if old == nil, count >= limits.keysPerSession {
            throw SessionError(
                .tooManyKeys,
                "the session holds \(limits.keysPerSession) values already, the most it may: \"\(name)\" was not set"
            )
        }
        let added = 7 + (expiresAt == nil ? 0 : 8) + name.utf8.count + json.count
        let total = storage.count - (old?.whole.count ?? 0) + added
        guard total <= limits.bytesPerSession else {
            throw SessionError(
                .sessionTooLarge,
                "with \"\(name)\" the session would have \(total) bytes; the limit is \(limits.bytesPerSession)"
            )
        }
        // In place of the old entry, so that the order of keys, and with it the bytes of equal sessions, is kept.
        var updated: [UInt8] = []
        updated.reserveCapacity(total)
        updated += storage[storage.startIndex..<(old?.whole.lowerBound ?? storage.endIndex)]
        Self.appendEntry(name, json, expiresAt, to: &updated)
        if let old { updated += storage[old.whole.upperBound...] }
        storage = updated[...]
    }

    mutating func remove(_ name: String) {
        guard let entry = rawEntry(name) else { return }
        var updated: [UInt8] = []
        updated.reserveCapacity(storage.count - entry.whole.count)
        updated += storage[..<entry.whole.lowerBound]
        updated += storage[entry.whole.upperBound...]
        storage = updated[...]
    }

    /// Drops what is past its lifetime.
    mutating func removeExpired() {
        var expired: [String] = []
        forEachEntry { entry in
            if !isLive(entry) { expired.append(String(decoding: storage[entry.key], as: UTF8.self)) }
        }
        for name in expired { remove(name) }
    }

    /// The live entry of a name.
    func entry(_ name: String) -> Entry? {
        guard let entry = rawEntry(name), isLive(entry) else { return nil }
        return entry
    }

    /// Whether a value has the same bytes here and there, or is missing in both.
    func hasSameValue(as other: SessionValues, for name: String) -> Bool {
        switch (entry(name), other.entry(name)) {
        case (nil, nil): true
        case (let mine?, let theirs?): storage[mine.value].elementsEqual(other.storage[theirs.value])
        default: false
        }
    }

    private func isLive(_ entry: Entry) -> Bool {
        guard let expiresAt = entry.expiresAt else { return true }
        return expiresAt > now
    }

    private func rawEntry(_ name: String) -> Entry? {
        var name = name
        return name.withUTF8 { wanted in
            storage.withUnsafeBytes { bytes in
                var position = 0
                while let entry = Self.parseEntry(bytes, at: position) {
                    if entry.key.count == wanted.count,
                        UnsafeRawBufferPointer(rebasing: bytes[entry.key]).elementsEqual(wanted)
                    {
                        return shifted(entry)
                    }
                    position = entry.whole.upperBound
                }
                return nil
            }
        }
    }

    private func forEachEntry(_ body: (Entry) -> Void) {
        storage.withUnsafeBytes { bytes in
            var position = 0
            while let entry = Self.parseEntry(bytes, at: position) {
                body(shifted(entry))
                position = entry.whole.upperBound
            }
        }
    }

    /// From offsets in a buffer over `storage` to indices of `storage`.
    private func shifted(_ entry: Entry) -> Entry {
        let start = storage.startIndex
        func shift(_ range: Range<Int>) -> Range<Int> { range.lowerBound + start..<range.upperBound + start }
        return Entry(
            whole: shift(entry.whole),
            key: shift(entry.key),
            value: shift(entry.value),
            expiresAt: entry.expiresAt
        )
    }

    /// Reads the entry at `position`; `nil` at the end and where the bytes are no entry.
    ///
    /// An entry is: length of the name (1 byte), length of the JSON (4, little-endian), flags (1: bit 0, an end of life
    /// follows), format (1, zero), end of life in milliseconds since 1970 (8, only with the flag), name, JSON.
    static func parseEntry(_ bytes: UnsafeRawBufferPointer, at position: Int) -> Entry? {
        guard bytes.count - position >= 7 else { return nil }
        let keyLength = Int(bytes[position])
        let valueLength = Int(
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 1, as: UInt32.self))
        )
        let flags = bytes[position + 5]
        guard keyLength > 0, flags & ~1 == 0, bytes[position + 6] == 0 else { return nil }
        var cursor = position + 7
        var expiresAt: SessionInstant?
        if flags & 1 != 0 {
            guard bytes.count - cursor >= 8 else { return nil }
            let milliseconds = Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: cursor, as: Int64.self))
            expiresAt = SessionInstant(millisecondsSince1970: milliseconds)
            cursor += 8
        }
        guard bytes.count - cursor >= keyLength + valueLength else { return nil }
        let key = cursor..<cursor + keyLength
        let value = key.upperBound..<key.upperBound + valueLength
        return Entry(whole: position..<value.upperBound, key: key, value: value, expiresAt: expiresAt)
    }

    /// Whether `bytes` is a sequence of whole entries and nothing else.
    static func isWellFormed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        while let entry = parseEntry(bytes, at: position) { position = entry.whole.upperBound }
        return position == bytes.count
    }

    private static func appendEntry(
        _ name: String,
        _ json: [UInt8],
        _ expiresAt: SessionInstant?,
        to bytes: inout [UInt8]
    ) {
        bytes.append(UInt8(name.utf8.count))
        bytes.append(littleEndian: UInt32(json.count))
        bytes.append(expiresAt == nil ? 0 : 1)
        bytes.append(0)
        if let expiresAt { bytes.append(littleEndian: UInt64(bitPattern: expiresAt.millisecondsSince1970)) }
        bytes += name.utf8
        bytes += json
    }
}

extension SessionValues: Equatable {
    /// Whether both hold the same bytes.
    public static func == (left: Self, right: Self) -> Bool { left.storage == right.storage }
}

extension SessionValues: CustomStringConvertible {
    /// The number of values, and neither their names nor the values: those are nobody's business in a log.
    public var description: String { "SessionValues(\(count))" }
}

extension [UInt8] {
    mutating func append<Integer: FixedWidthInteger>(littleEndian value: Integer) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
