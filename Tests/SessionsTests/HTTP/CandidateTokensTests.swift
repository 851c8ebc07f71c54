import HTTPTypes
import Testing

@testable import Sessions

private let name = "__Host-session"

private func token(_ seed: UInt8) -> SessionToken {
    SessionToken(bytes: Digest32(copying: [UInt8](repeating: seed, count: 32)))
}

extension Digest32 {
    fileprivate init(copying bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { Digest32(copying: $0) }
    }
}

private func request(_ cookies: [String], path: String = "/", fields: HTTPFields = [:]) -> HTTPRequest {
    var fields = fields
    for cookie in cookies { fields.append(HTTPField(name: .cookie, value: cookie)) }
    return HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: path, headerFields: fields)
}

private func candidates(_ cookies: String..., named name: String = name) -> CandidateTokens {
    .candidates(in: request(cookies), cookieName: name)
}

@Suite("Tokens from cookies")
struct CookieCandidateTests {
    private let valid = token(7)
    private var pair: String { "\(name)=\(valid.secret)" }

    @Test("the session's cookie is found alone and among others")
    func found() {
        #expect(candidates(pair).all == [valid])
        #expect(candidates("theme=dark; \(pair)").all == [valid])
        #expect(candidates("\(pair); theme=dark").all == [valid])
        #expect(!candidates(pair).sawMalformed)
        #expect(!candidates(pair).sawRepeatedName)
    }

    @Test(
        "C1: fields without a value for our name offer nothing",
        arguments: ["", ";;; ; =", "=v", name, "\(name)=", "\(name) ", " = ", "=", ";", "a", "a=b"]
    )
    func nothing(text: String) {
        let tokens = candidates(text)
        #expect(tokens.isEmpty)
        #expect(!tokens.sawMalformed)
        #expect(CandidateTokens.candidates(in: request([]), cookieName: name).isEmpty)
    }

    @Test("C2: junk beside a valid cookie is dropped, in either order")
    func junkBesideValid() {
        for text in ["\(name)=junk; \(pair)", "\(pair); \(name)=junk"] {
            let tokens = candidates(text)
            #expect(tokens.all == [valid])
            #expect(tokens.sawMalformed)
            #expect(tokens.sawRepeatedName)
        }
    }

    @Test("C2, C12, R53: two different tokens are both offered, in the order in which they came")
    func twoTokens() {
        let tokens = candidates("\(name)=\(token(1).secret); \(name)=\(token(2).secret)")
        #expect(tokens.all == [token(1), token(2)])
        #expect(tokens.sawRepeatedName)
        #expect(tokens.count == 2)
    }

    @Test("C2: at most four different tokens are offered, and the cut is reported")
    func fourAtMost() {
        let text = (1...6).map { "\(name)=\(token(UInt8($0)).secret)" }.joined(separator: "; ")
        let tokens = candidates(text)
        #expect(tokens.all == [token(1), token(2), token(3), token(4)])
        #expect(tokens.isTruncated)
        #expect(!candidates((1...4).map { "\(name)=\(token(UInt8($0)).secret)" }.joined(separator: "; ")).isTruncated)
    }

    @Test("C3: the same token twice counts once")
    func sameTwice() {
        let tokens = candidates("\(pair); \(pair); a=b; \(pair)")
        #expect(tokens.all == [valid])
        #expect(tokens.sawRepeatedName)
    }

    @Test("C4, CVE-2023-26049: a quoted value does not swallow separators")
    func quotesDoNotSwallow() {
        #expect(candidates("a=\"b; \(pair); c=d\"").all == [valid])
    }

    @Test("C5: quotes are part of the value, so a quoted token is none")
    func quotedToken() {
        let tokens = candidates("\(name)=\"\(valid.secret)\"")
        #expect(tokens.isEmpty)
        #expect(tokens.sawMalformed)
    }

    @Test(
        "C6, R51, CVE-2020-8184, CVE-2020-7070, CVE-2020-1045, CVE-2022-36032, CVE-2022-31629, CVE-2023-23934: only the name itself matches",
        arguments: [
            "__host-session", "__HOST-SESSION", "%5F%5FHost-session", "__Host%2Dsession", "..Host-session",
            "._Host-session", ".[Host-session", "_.Host-session", "_[Host-session", "[.Host-session", "[_Host-session",
            "[[Host-session", "=__Host-session", "\"__Host-session\"", "__Host-session[0]", "__Host-session.x",
            "$Version=1, __Host-session", "__Host-sessio", "__Host-sessionn", "__Host session", "+__Host-session",
            "__Host-session=", "\u{FEFF}__Host-session",
        ]
    )
    func otherNames(other: String) {
        let tokens = candidates("\(other)=\(valid.secret)")
        #expect(tokens.isEmpty)
    }

    @Test("C6: spaces and tabs around name and value are trimmed, nothing else is")
    func trimming() {
        #expect(candidates(" \t\(name) \t= \t\(valid.secret)\t ;x=y").all == [valid])
        #expect(candidates("\u{A0}\(pair)").isEmpty)
        #expect(candidates("$Version=1; \(pair)").all == [valid])
    }

    @Test(
        "C7, I5: values are never decoded: escapes, UTF-8, high bytes and metacharacters make no token",
        arguments: [
            "%41", "+", "é", "\u{0}", "\r\n", "\u{7F}", "'", "\"", "*", "?", " ", "\t\t", "\\", "/", "=", "%00", "$",
            "~",
        ]
    )
    func noDecoding(part: String) {
        let secret = valid.secret
        // Once in the place of one character, so that the length in characters fits, and once behind a whole token.
        for value in [
            "\(part)\(secret.dropFirst(part.utf8.count))", "\(secret.prefix(20))\(part)\(secret.dropFirst(21))",
        ] {
            #expect(candidates("\(name)=\(value)").all.allSatisfy { $0 != valid })
        }
        let escaped = "%" + String(secret.utf8.first ?? 0, radix: 16) + secret.dropFirst()
        #expect(candidates("\(name)=\(escaped)").isEmpty)
    }

    @Test("C7: bytes that are not UTF-8 make no token and hide none")
    func notUTF8() {
        var fields = HTTPFields()
        fields.append(HTTPField(name: .cookie, value: Array("a=".utf8) + [0xFF, 0xC3, 0x80] + Array("; \(pair)".utf8)))
        #expect(CandidateTokens.candidates(in: request([], fields: fields), cookieName: name).all == [valid])
        fields = [:]
        fields.append(HTTPField(name: .cookie, value: Array("\(name)=".utf8) + [UInt8](repeating: 0xFF, count: 43)))
        #expect(CandidateTokens.candidates(in: request([], fields: fields), cookieName: name).isEmpty)
    }

    @Test("C8: semicolons separate with or without blanks, at both ends and in a row")
    func separators() {
        for text in [";\(pair);", "a=b;\(pair);c=d", "a=b ;\t\(pair)\t;", ";;\(pair);;", "a;\(pair)"] {
            #expect(candidates(text).all == [valid])
        }
    }

    @Test(
        "C8, CVE-2016-7401: nothing but a semicolon separates",
        arguments: [",", " ", "\t", "&", "|", "\u{1F}", "\n"]
    )
    func onlySemicolons(separator: String) {
        #expect(candidates("a=b\(separator)\(pair)").isEmpty)
        #expect(candidates("\(pair)\(separator)a=b").isEmpty)
    }

    @Test("C9, CVE-2025-58186: only the first 200 pairs are looked at")
    func pairLimit() {
        let within = String(repeating: "a=;", count: 199) + pair
        #expect(candidates(within).all == [valid])
        #expect(!candidates(within).isTruncated)
        let beyond = candidates(String(repeating: "a=;", count: 200) + pair)
        #expect(beyond.isEmpty)
        #expect(beyond.isTruncated)
        let flood = candidates(String(repeating: "a=;", count: 500_000) + pair)
        #expect(flood.isEmpty)
        #expect(flood.isTruncated)
    }

    @Test("C9: only the first 16 KiB are looked at, over all fields together")
    func byteLimit() {
        let filler = "a=" + String(repeating: "x", count: 16 * 1024 - 3 - pair.utf8.count) + ";"
        #expect(candidates(filler + pair).all == [valid])
        #expect(!candidates(filler + pair).isTruncated)
        let beyond = candidates("y" + filler + pair)
        #expect(beyond.isEmpty)
        #expect(beyond.isTruncated)
        #expect(candidates(pair, filler + pair).all == [valid])
        #expect(candidates(String(repeating: "x", count: 16 * 1024), pair).isTruncated)
        #expect(candidates(String(repeating: "x", count: 16 * 1024), pair).isEmpty)
        #expect(candidates("\(name)=" + String(repeating: "A", count: 64 * 1024)).isEmpty)
    }

    @Test("C9: a value cut by the limit does not pass for a shorter one")
    func cutValue() {
        // The limit falls right behind the 43rd character of a longer value.
        let filler = "a=" + String(repeating: "x", count: 16 * 1024 - 3 - pair.utf8.count) + ";"
        let tokens = candidates(filler + pair + "A")
        #expect(tokens.isEmpty)
        #expect(tokens.isTruncated)
    }

    @Test("C10, R52: several Cookie fields count as one")
    func severalFields() {
        #expect(candidates("a=b", pair, "c=d").all == [valid])
        #expect(candidates("a=b; c", pair).all == [valid])
        let tokens = candidates("\(name)=\(token(1).secret)", "\(name)=\(token(2).secret)")
        #expect(tokens.all == [token(1), token(2)])
        #expect(tokens.sawRepeatedName)
        #expect(candidates("\(name)=", valid.secret).isEmpty)
    }

    @Test("C13, CVE-2022-46170: another manager's cookie is not looked at")
    func otherManager() {
        #expect(candidates("__Host-admin=\(valid.secret)").isEmpty)
        #expect(candidates("__Host-admin=\(token(1).secret); \(pair)").all == [valid])
    }

    @Test(
        "I1: values of other lengths are no tokens",
        arguments: [0, 1, 2, 42, 44, 255, 256, 4096, 16_000]
    )
    func lengths(count: Int) {
        let tokens = candidates("\(name)=" + String(repeating: "A", count: count))
        #expect(tokens.isEmpty)
        #expect(tokens.sawMalformed == (count > 0))
        #expect(SessionToken(String(repeating: "A", count: count)) == nil)
    }

    @Test("D4: a cookie of one character is an unknown session, not an error")
    func oneCharacter() {
        #expect(candidates("gosessionid=x", named: "gosessionid").isEmpty)
    }

    @Test(
        "I2, D1, D2, D3: paths are no tokens",
        arguments: [
            "../../etc/passwd", "..%2f", "a/b", "a\\b", ".", "..", "CON", "~", "*?[", "%00",
            "../../../../../../../../../../../etc/passwd", "-./AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ]
    )
    func paths(path: String) {
        #expect(candidates("\(name)=\(path)").isEmpty)
        #expect(SessionToken(path) == nil)
    }

    @Test("bytes changed, lost and added at random never crash the reader, and never make a token of another value")
    func mutations() {
        var random = SplitMix(state: 42)
        let original = Array("theme=dark; \(pair); a=\"b; c\"; \(name)=x;;=; \(pair)".utf8)
        for _ in 0..<5000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = .random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(.random(in: 0...255, using: &random), at: index)
                }
            }
            var fields = HTTPFields()
            let cut = Int.random(in: 0...bytes.count, using: &random)
            fields.append(HTTPField(name: .cookie, lenientValue: bytes[..<cut]))
            fields.append(HTTPField(name: .cookie, lenientValue: bytes[cut...]))
            let tokens = CandidateTokens.candidates(in: request([], fields: fields), cookieName: name)
            #expect(tokens.count <= CandidateTokens.maximumCount)
            for token in tokens.all {
                #expect(bytes.containsRun(Array(token.secret.utf8)))
            }
        }
    }
}

@Suite("Tokens from headers and queries")
struct OtherTransportTests {
    private let valid = token(9)
    private let header = HTTPField.Name("X-Session")

    @Test("R27: with the default configuration only the cookie is read")
    func cookieOnly() throws {
        let fields: HTTPFields = [
            .authorization: "Bearer \(valid.secret)", try #require(header): valid.secret,
        ]
        let request = request(
            [],
            path: "/;\(name)=\(valid.secret)?\(name)=\(valid.secret)&sid=\(valid.secret)",
            fields: fields
        )
        #expect(CandidateTokens.candidates(in: request, cookieName: name).isEmpty)
    }

    @Test("D33: a header carries the token when it is configured")
    func headerTransport() throws {
        let header = try #require(header)
        func read(_ value: String) -> CandidateTokens {
            .candidates(in: request([], fields: [header: value]), cookieName: nil, headerName: header)
        }
        #expect(read(valid.secret).all == [valid])
        #expect(read("Bearer \(valid.secret)").isEmpty)
        #expect(read("\(valid.secret), \(valid.secret)").isEmpty)
        #expect(read("\(valid.secret)x").sawMalformed)
        #expect(!read("").sawMalformed)
    }

    @Test(
        "a query parameter carries the token when it is configured, undecoded",
        arguments: [
            ("/?sid=TOKEN", true), ("/a?b=c&sid=TOKEN&d", true), ("/?sid=TOKEN#sid", true),
            ("/?sid=TOKEN&sid=TOKEN", true),
            ("/?Sid=TOKEN", false), ("/?s%69d=TOKEN", false), ("/?sid=%41TOKEN", false), ("/sid=TOKEN", false),
            ("/?a;sid=TOKEN", false), ("/#?sid=TOKEN", false), ("/?xsid=TOKEN", false), ("/?sid=TOKEN;a", false),
            ("/?", false), ("?", false), ("", false), ("/?&&=&sid", false),
        ]
    )
    func query(path: String, isFound: Bool) {
        var full = ""
        for part in path.split(separator: "TOKEN", omittingEmptySubsequences: false) {
            full += full.isEmpty && !path.hasPrefix("TOKEN") ? String(part) : valid.secret + part
        }
        let tokens = CandidateTokens.candidates(in: request([], path: full), cookieName: nil, queryParameter: "sid")
        #expect(tokens.all == (isFound ? [valid] : []))
    }

    @Test("all places together offer four tokens at most, the cookie's first")
    func order() throws {
        let header = try #require(header)
        let request = request(
            ["\(name)=\(token(1).secret); \(name)=\(token(2).secret)"],
            path: "/?sid=\(token(4).secret)&sid=\(token(5).secret)",
            fields: [header: token(3).secret]
        )
        let tokens = CandidateTokens.candidates(
            in: request,
            cookieName: name,
            headerName: header,
            queryParameter: "sid"
        )
        #expect(tokens.all == [token(1), token(2), token(3), token(4)])
        #expect(tokens.isTruncated)
    }

    @Test("one token by cookie and header is one candidate, and no repeated cookie")
    func sameByTwoWays() throws {
        let header = try #require(header)
        let request = request(["\(name)=\(valid.secret)"], fields: [header: valid.secret])
        let tokens = CandidateTokens.candidates(in: request, cookieName: name, headerName: header)
        #expect(tokens.all == [valid])
        #expect(!tokens.sawRepeatedName)
    }

    @Test("a query of half a million parameters is read to the limit only")
    func queryLimit() {
        let path = "/?" + String(repeating: "a&", count: 500_000) + "sid=\(valid.secret)"
        let tokens = CandidateTokens.candidates(in: request([], path: path), cookieName: nil, queryParameter: "sid")
        #expect(tokens.isEmpty)
        #expect(tokens.isTruncated)
    }
}

extension [UInt8] {
    fileprivate func containsRun(_ run: [UInt8]) -> Bool {
        count >= run.count && (0...(count - run.count)).contains { self[$0..<($0 + run.count)].elementsEqual(run) }
    }
}
