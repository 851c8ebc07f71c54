import Testing

@testable import Sessions

@Suite("Tokens")
struct SessionTokenTests {
    @Test("a token's text reads back as the same token")
    func roundTrip() throws {
        for _ in 0..<1000 {
            let token = SessionToken(from: SystemSessionRandom())
            #expect(token.secret.utf8.count == SessionToken.characterCount)
            #expect(SessionToken(token.secret) == token)
            #expect(try #require(SessionToken(token.secret)).secret == token.secret)
            #expect(SessionToken("x\(token.secret)x".dropFirst().dropLast()) == token)
        }
    }

    @Test("the text form is unpadded base64url")
    func knownText() {
        let zeros = SessionToken(bytes: Digest32())
        #expect(zeros.secret == String(repeating: "A", count: 43))
        let ones = [UInt8](repeating: 255, count: 32).withUnsafeBytes { SessionToken(bytes: Digest32(copying: $0)) }
        #expect(ones.secret == String(repeating: "_", count: 42) + "8")
        let counted = Array(0..<32).map(UInt8.init).withUnsafeBytes { SessionToken(bytes: Digest32(copying: $0)) }
        #expect(counted.secret == "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
    }

    @Test("I4: only the canonical text is a token: no padding, no other alphabet, no stray last bits")
    func canonical() {
        let text = SessionToken(bytes: Digest32()).secret
        #expect(SessionToken(text) != nil)
        for last in "BCDFGHJK" { #expect(SessionToken(text.dropLast() + String(last)) == nil) }
        for last in "AEIMQUYcgkosw048" { #expect(SessionToken(text.dropLast() + String(last)) != nil) }
        #expect(SessionToken(text + "=") == nil)
        #expect(SessionToken(text.dropLast() + "=") == nil)
        for character in ["+", "/", "=", " ", "%", "\u{0}", "\"", ".", "~", "\n", "\u{E9}"] {
            #expect(SessionToken(character + text.dropFirst(character.utf8.count)) == nil)
            #expect(SessionToken(text.prefix(21) + character + text.dropFirst(21 + character.utf8.count)) == nil)
        }
    }

    @Test("every byte outside the alphabet is refused at every place")
    func alphabet() {
        let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        for byte in UInt8.min...UInt8.max {
            for place in [0, 1, 20, 41] {
                var bytes = [UInt8](repeating: UInt8(ascii: "A"), count: 43)
                bytes[place] = byte
                #expect((bytes.withUnsafeBytes { SessionToken(utf8: $0) } != nil) == alphabet.contains(byte))
            }
        }
    }

    @Test("R21, R37, CVE-2023-20866: nothing that prints a value prints a token")
    func redaction() {
        struct Holder { let token: SessionToken }
        let token = SessionToken(from: SystemSessionRandom())
        var dumped = ""
        dump(token, to: &dumped)
        dump(Holder(token: token), to: &dumped)
        dump([token], to: &dumped)
        let texts = [
            "\(token)", String(describing: token), String(reflecting: token), token.description, token.debugDescription,
            "\(Holder(token: token))", String(reflecting: Holder(token: token)), "\([token])",
            String(reflecting: Optional(token)), dumped,
        ]
        for text in texts {
            #expect(!text.contains(token.secret))
            #expect(!text.contains(String(token.bytes.w0)) && !text.contains(token.bytes.hex))
            #expect(text.contains("redacted"))
        }
        #expect(Mirror(reflecting: token).children.isEmpty)
    }

    @Test("R6: 100,000 tokens are all different, and every byte value is as frequent as the others in every place")
    func randomness() {
        let count = 100_000
        var seen = Set<Digest32>(minimumCapacity: count)
        var histogram = [Int](repeating: 0, count: 32 * 256)
        let random = SystemSessionRandom()
        for _ in 0..<count {
            let token = SessionToken(from: random)
            seen.insert(token.bytes)
            token.bytes.withUnsafeBytes { bytes in
                for (place, byte) in bytes.enumerated() { histogram[place * 256 + Int(byte)] += 1 }
            }
        }
        #expect(seen.count == count)
        let expected = Double(count) / 256
        for place in 0..<32 {
            let deviation = histogram[(place * 256)..<(place * 256 + 256)].reduce(0.0) { sum, observed in
                sum + (Double(observed) - expected) * (Double(observed) - expected) / expected
            }
            // Chi-square with 255 degrees of freedom: mean 255, standard deviation 22.6. Ten of them are never chance.
            #expect(deviation < 255 + 226)
        }
    }

    @Test("a successor is derived from the token and the nonce together, and is no other's")
    func successor() {
        let random = SystemSessionRandom()
        let (first, second) = (SessionToken(from: random), SessionToken(from: random))
        let (nonce, other) = (RotationNonce(from: random), RotationNonce(from: random))
        #expect(first.successor(nonce: nonce) == first.successor(nonce: nonce))
        #expect(first.successor(nonce: nonce) != first)
        #expect(first.successor(nonce: nonce) != first.successor(nonce: other))
        #expect(first.successor(nonce: nonce) != second.successor(nonce: nonce))
    }

    @Test("tokens that differ in one bit are different")
    func equality() {
        for bit in 0..<256 {
            var bytes = [UInt8](repeating: 0, count: 32)
            bytes[bit / 8] = 1 << UInt8(bit % 8)
            #expect(
                bytes.withUnsafeBytes { SessionToken(bytes: Digest32(copying: $0)) } != SessionToken(bytes: Digest32())
            )
        }
    }
}
