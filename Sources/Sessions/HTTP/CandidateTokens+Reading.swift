import HTTPTypes

extension CandidateTokens {
    /// The most pairs that are looked at in all of a request's Cookie fields, or in its query.
    static let maximumPairCount = 200
    /// The most bytes that are looked at in all of a request's Cookie fields, or in its query.
    static let maximumByteCount = 16 * 1024

    /// Reads the cookies called `name` from all Cookie fields, which count as one (RFC 9113, 8.2.3).
    ///
    /// Names are compared byte for byte as they stand: decoding them would let `%5F%5FHost-session`, `..Host-session`
    /// and their like pass for the real one (CVE-2020-8184, CVE-2022-36032). Only `;` separates pairs, and quotes are
    /// part of the value, so neither a comma nor a quoted value can hide or smuggle a pair (CVE-2016-7401,
    /// CVE-2023-26049). Time and memory are bounded, however many pairs come (CVE-2025-58186).
    mutating func readCookies(named name: String, in fields: HTTPFields) {
        var name = name
        name.withUTF8 { name in
            let name = UnsafeRawBufferPointer(name)
            var budget = Budget()
            // By index: an iterator would copy each field, the others too.
            for index in fields.indices where fields[index].name == .cookie {
                guard !budget.isSpent else { return truncate() }
                fields[index].withUnsafeBytesOfValue { value in
                    readPairs(
                        UnsafeRawBufferPointer(value),
                        separator: UInt8(ascii: ";"),
                        name: name,
                        budget: &budget
                    ) { tokens, text in tokens.takeCookie(text) }
                }
            }
        }
    }

    /// Reads the header fields called `name`, each of which holds one token and nothing else.
    mutating func readHeader(_ name: HTTPField.Name, in fields: HTTPFields) {
        for field in fields where field.name == name {
            field.withUnsafeBytesOfValue { value in
                let bytes = UnsafeRawBufferPointer(value)
                take(Self.trimmed(bytes, 0, bytes.count))
            }
        }
    }

    /// Reads the query's parameters called `name`. Neither names nor values are decoded: a token needs no escapes.
    mutating func readQuery(parameter name: String, in path: String) {
        guard path.utf8.contains(UInt8(ascii: "?")) else { return }
        var name = name
        var path = path
        name.withUTF8 { name in
            path.withUTF8 { path in
                let path = UnsafeRawBufferPointer(path)
                guard let mark = path.firstIndex(of: UInt8(ascii: "?")) else { return }
                let end = path.firstIndex(of: UInt8(ascii: "#")) ?? path.endIndex
                guard mark < end else { return }
                var budget = Budget()
                readPairs(
                    UnsafeRawBufferPointer(rebasing: path[(mark + 1)..<end]),
                    separator: UInt8(ascii: "&"),
                    name: UnsafeRawBufferPointer(name),
                    budget: &budget
                ) { tokens, text in tokens.take(text) }
            }
        }
    }

    /// What one request may make the reader look at.
    private struct Budget {
        var pairs = CandidateTokens.maximumPairCount
        var bytes = CandidateTokens.maximumByteCount

        var isSpent: Bool { pairs <= 0 || bytes <= 0 }
    }

    /// One pass over `text`: finds the ends of pairs, and hands the values of those called `name` to `take`.
    @inline(__always)
    private mutating func readPairs(
        _ text: UnsafeRawBufferPointer,
        separator: UInt8,
        name: UnsafeRawBufferPointer,
        budget: inout Budget,
        take: (inout CandidateTokens, UnsafeRawBufferPointer) -> Void
    ) {
        let limit = Swift.min(text.count, budget.bytes)
        budget.bytes -= limit
        var start = 0
        while start < limit {
            guard budget.pairs > 0 else { return truncate() }
            budget.pairs -= 1
            while start < limit, Self.isBlank(text[start]) { start += 1 }
            let end = Platform.firstIndex(of: separator, in: text, from: start, to: limit)
            if end == limit, limit < text.count {
                // The pair goes on beyond the limit. A part of a value must not pass for one.
                return truncate()
            }
            if let value = Self.value(in: text, start, end, name: name) { take(&self, value) }
            start = end + 1
        }
        if limit < text.count { truncate() }
    }

    /// The value of the pair between `start` and `end` if its name is `name`, without blanks around it.
    @inline(__always)
    private static func value(
        in text: UnsafeRawBufferPointer,
        _ start: Int,
        _ end: Int,
        name: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        var position = start + name.count
        guard position < end else { return nil }
        for offset in 0..<name.count where text[start + offset] != name[offset] { return nil }
        while position < end, isBlank(text[position]) { position += 1 }
        guard position < end, text[position] == UInt8(ascii: "=") else { return nil }
        return trimmed(text, position + 1, end)
    }

    @inline(__always)
    private static func trimmed(_ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
        var (start, end) = (start, end)
        while start < end, isBlank(text[start]) { start += 1 }
        while start < end, isBlank(text[end - 1]) { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: text[start..<end])
    }

    @inline(__always)
    private static func isBlank(_ byte: UInt8) -> Bool { HTTPSyntax.isBlank(byte) }
}
