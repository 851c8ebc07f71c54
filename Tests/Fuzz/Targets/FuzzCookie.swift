import HTTPTypes

@testable import Sessions

/// Whatever a client sends in its Cookie fields: the tokens that are looked up are those that a plain reading of the
/// rules finds, in their order, four at the most.
///
/// A line feed begins another field.
@Sendable
func fuzzCookie(_ input: UnsafeRawBufferPointer) {
    let name = "sid"
    var request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
    for line in input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
        request.headerFields.append(HTTPField(name: .cookie, value: Array(line)))
    }
    let found = CandidateTokens.candidates(in: request, cookieName: name)
    let expected = PlainCookies(request.headerFields, name: name)
    precondition(found.count == found.all.count && found.count <= 4, "more tokens than are looked up")
    precondition(found.all.map(\.secret) == expected.tokens, "other tokens, or in another order")
    precondition(
        found.sawMalformed == expected.sawMalformed,
        "what is no token is not noticed, or a token is taken for it"
    )
    precondition(found.sawRepeatedName == (expected.count > 1), "a repeated name is not noticed")
    precondition(found.isTruncated == expected.isTruncated, "what was left out is not noticed")
    for token in found.all {
        precondition(!"\(token)\(String(reflecting: token))".contains(token.secret), "a token that can be printed")
    }
}

/// The rules for cookies, without any thought of speed.
private struct PlainCookies {
    var tokens: [String] = []
    var sawMalformed = false
    var isTruncated = false
    /// How many cookies had the name.
    var count = 0

    init(_ fields: HTTPFields, name: String) {
        var pairsLeft = 200
        var bytesLeft = 16 * 1024
        for field in fields {
            guard pairsLeft > 0, bytesLeft > 0 else {
                isTruncated = true
                return
            }
            let value = field.withUnsafeBytesOfValue { Array($0) }
            let visible = value.prefix(bytesLeft)
            bytesLeft -= visible.count
            var pairs = visible.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
            if visible.count < value.count {
                // The last pair may go on where nothing is read any more.
                isTruncated = true
                pairs.removeLast()
            } else if pairs.last?.isEmpty == true {
                pairs.removeLast()
            }
            if pairs.count > pairsLeft { isTruncated = true }
            for pair in pairs.prefix(pairsLeft) { take(pair, name: name) }
            pairsLeft -= min(pairs.count, pairsLeft)
        }
    }

    private mutating func take(_ pair: ArraySlice<UInt8>, name: String) {
        let pair = Self.trimmed(pair)
        guard pair.starts(with: name.utf8) else { return }
        let rest = pair.dropFirst(name.utf8.count).drop(while: Self.isBlank)
        guard rest.first == UInt8(ascii: "=") else { return }
        count += 1
        let value = Self.trimmed(rest.dropFirst())
        guard !value.isEmpty else { return }
        guard Self.isToken(value) else {
            sawMalformed = true
            return
        }
        let text = String(decoding: value, as: UTF8.self)
        guard !tokens.contains(text) else { return }
        if tokens.count < 4 { tokens.append(text) } else { isTruncated = true }
    }

    /// 43 characters of base64url, of which the last one has its two lowest bits zero.
    private static func isToken(_ text: ArraySlice<UInt8>) -> Bool {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
        return text.count == 43 && text.allSatisfy { alphabet.contains($0) }
            && text.last.map { "AEIMQUYcgkosw048".utf8.contains($0) } == true
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }
}
