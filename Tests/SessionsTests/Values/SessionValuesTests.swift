import Foundation
import Testing

@testable import Sessions

@Suite struct SessionValuesTests {
    private let now = SessionInstant(millisecondsSince1970: 1_700_000_000_000)

    private func values(_ limits: SessionLimits = .init()) -> SessionValues { SessionValues(now: now, limits: limits) }

    /// The code that `body` throws, or `nil` if it does not.
    private func failure(_ body: () throws(SessionError) -> Void) -> SessionError.Code? {
        do throws(SessionError) {
            try body()
            return nil
        } catch {
            return error.code
        }
    }

    // MARK: Reading and writing

    @Test func aValueComesBackAsItWasSet() throws {
        var values = values()
        try values.set(42, for: "int")
        try values.set("text", for: "string")
        try values.set(true, for: "bool")
        try values.set([1.5, -2], for: "doubles")
        try values.set(["b": 1, "a": 2], for: "dictionary")
        try values.set(Date(timeIntervalSince1970: 1_700_000_000.25), for: "date")
        #expect(values["int"] == 42)
        #expect(values["string"] == "text")
        #expect(values["bool"] == true)
        #expect(values["doubles"] == [1.5, -2])
        #expect(values["dictionary"] == ["a": 2, "b": 1])
        #expect(values["date"] == Date(timeIntervalSince1970: 1_700_000_000.25))
        #expect(values[SessionKey<Int>("nothing")] == nil)
        #expect(values.count == 6)
    }

    @Test func keysKeepTheOrderOfTheirFirstSet() throws {
        var values = values()
        for name in ["c", "a", "b"] { try values.set(1, for: SessionKey<Int>(name)) }
        try values.set(22, for: "a")
        #expect(values.keys == ["c", "a", "b"])
        values.remove("c")
        try values.set(3, for: "c")
        #expect(values.keys == ["a", "b", "c"])
    }

    @Test func equalValuesHaveEqualBytesWhateverTheirPast() throws {
        var one = values()
        try one.set(["y": 1, "x": 2], for: "d")
        try one.set(1, for: "n")
        var other = values()
        try other.set(["x": 0], for: "d")
        try other.set(7, for: "n")
        #expect(one != other)
        #expect(!one.hasSameValue(as: other, for: "d"))
        try other.set(["x": 2, "y": 1], for: "d")
        try other.set(1, for: "n")
        #expect(one == other)
        #expect(one.hasSameValue(as: other, for: "d"))
        #expect(one.hasSameValue(as: other, for: "missing"))
        other.remove("n")
        #expect(!one.hasSameValue(as: other, for: "n"))
    }

    @Test func namesAreComparedAsBytes() throws {
        var values = values()
        let precomposed = SessionKey<Int>("\u{E9}")
        let decomposed = SessionKey<Int>("e\u{301}")
        try values.set(1, for: precomposed)
        try values.set(2, for: decomposed)
        #expect(values.count == 2)
        #expect(values[precomposed] == 1)
        #expect(values[decomposed] == 2)
        #expect(values[SessionKey<Int>("E")] == nil)
    }

    @Test func settingNilRemoves() throws {
        var values = values()
        values["a"] = 1
        values["b"] = 2
        values["a"] = Int?.none
        #expect(values.keys == ["b"])
        values.removeAll()
        #expect(values.isEmpty)
        values.remove("b")
        #expect(values == SessionValues(now: now))
    }

    @Test func incrementsCountFromNothingAndStopAtTheEnd() throws {
        var values = values()
        #expect(try values.increment("n") == 1)
        #expect(try values.increment("n", by: 41) == 42)
        #expect(try values.increment("n", by: -50) == -8)
        try values.set(Int.max, for: "n")
        #expect(failure { () throws(SessionError) in try values.increment("n") } == .valueTooLarge)
        #expect(values["n"] == Int.max)
        try values.set("text", for: "n")
        #expect(failure { () throws(SessionError) in try values.increment("n") } == .undecodableValue)
        #expect(values["n"] == "text")
    }

    // MARK: Lifetimes

    @Test func aValueEndsWithItsLifetimeAndAnIncrementKeepsIt() throws {
        var values = values()
        try values.set(1, for: "n", lifetime: .seconds(60))
        try values.set(1, for: "forever")
        try values.increment("n")
        values.now = now + .milliseconds(59_999)
        #expect(values["n"] == 2)
        values.now = now + .seconds(60)
        #expect(values[SessionKey<Int>("n")] == nil)
        #expect(values.keys == ["forever"])
        #expect(values.count == 1)
        #expect(try values.increment("n") == 1)
        values.removeExpired()
        #expect(values.keys.sorted() == ["forever", "n"])
    }

    @Test func aPlainSetTakesTheLifetimeAway() throws {
        var values = values()
        try values.set(1, for: "n", lifetime: .seconds(60))
        try values.set(2, for: "n")
        values.now = .distantFuture
        #expect(values["n"] == 2)
    }

    @Test func lifetimesBeyondTheCalendarDoNotTrap() throws {
        var values = values()
        try values.set(1, for: "long", lifetime: .seconds(Int64.max))
        try values.set(1, for: "over", lifetime: .seconds(-1))
        #expect(values["long"] == 1)
        #expect(values[SessionKey<Int>("over")] == nil)
    }

    // MARK: Limits

    @Test("CVE-2018-11386: what goes over a limit is refused and changes nothing")
    func limits() throws {
        var values = values(SessionLimits(bytesPerValue: 10, bytesPerSession: 60, keysPerSession: 3))
        try values.set("12345678", for: "a")
        let before = values
        #expect(failure { () throws(SessionError) in try values.set("123456789", for: "a") } == .valueTooLarge)
        #expect(values == before)
        try values.set("12345678", for: "b")
        try values.set("12345678", for: "c")
        #expect(failure { () throws(SessionError) in try values.set(1, for: "d") } == .tooManyKeys)
        #expect(values.keys == ["a", "b", "c"])
        values.remove("c")
        let long = SessionKey<String>(String(repeating: "k", count: 20))
        #expect(failure { () throws(SessionError) in try values.set("12345678", for: long) } == .sessionTooLarge)
        try values.set("1234567", for: "b")
        #expect(values.keys == ["a", "b"])
    }

    @Test(arguments: [(0, SessionError.Code?.some(.invalidKey)), (1, nil), (255, nil), (256, .some(.invalidKey))])
    func namesHave1To255Bytes(count: Int, code: SessionError.Code?) {
        var values = values()
        let key = SessionKey<Int>(String(repeating: "k", count: count))
        #expect(failure { () throws(SessionError) in try values.set(1, for: key) } == code)
    }

    @Test func whatASubscriptCannotThrowIsKept() {
        var values = values(SessionLimits(bytesPerValue: 4))
        values["a"] = "too long"
        values[""] = 1
        #expect(values.failure?.code == .valueTooLarge)
        #expect(values.isEmpty)
    }

    @Test func whatIsNotJSONIsRefused() {
        var values = values()
        let key = SessionKey<Double>("d")
        #expect(failure { () throws(SessionError) in try values.set(.nan, for: key) } == .unencodableValue)
        #expect(failure { () throws(SessionError) in try values.set(.infinity, for: key) } == .unencodableValue)
        #expect(values.isEmpty)
    }

    // MARK: Values that do not decode

    @Test(
        "P4: what does not decode is one key's trouble and not the session's",
        arguments: [
            "", "nul", "{", "[1,", "\"open", "\"a\u{0}b\"", "1 2", "NaN", "1e999999", "\"\\ud800\"",
        ]
    )
    func oddJSON(text: String) throws {
        var values = values()
        try values.set(1, for: "before")
        try values.setJSON(Array(text.utf8), for: "odd")
        try values.set("x", for: "after")
        #expect(
            failure { () throws(SessionError) in _ = try values.value(for: SessionKey<Int>("odd")) }
                == .undecodableValue
        )
        #expect(values[SessionKey<Int>("odd")] == nil)
        #expect(values["before"] == 1)
        #expect(values["after"] == "x")
        #expect(values.json(for: "odd") == Array(text.utf8))
    }

    @Test("P4: arrays in arrays, 100,000 deep, are refused and do not exhaust the stack")
    func deepNesting() throws {
        let depth = 100_000
        let json =
            [UInt8](repeating: UInt8(ascii: "["), count: depth) + [UInt8](repeating: UInt8(ascii: "]"), count: depth)
        var values = values(SessionLimits(bytesPerValue: json.count, bytesPerSession: json.count + 100))
        try values.setJSON(json, for: "deep")
        try values.set(1, for: "n")
        #expect(
            failure { () throws(SessionError) in _ = try values.value(for: SessionKey<Nested>("deep")) }
                == .undecodableValue
        )
        #expect(values["n"] == 1)
    }

    @Test("P4: a type that changed between two deployments is one key's trouble")
    func changedType() throws {
        var values = values()
        try values.set(5, for: "n")
        try values.set("five", for: "s")
        #expect(
            failure { () throws(SessionError) in _ = try values.value(for: SessionKey<String>("n")) }
                == .undecodableValue
        )
        #expect(
            failure { () throws(SessionError) in _ = try values.value(for: SessionKey<Int>("s")) } == .undecodableValue
        )
        #expect(values["n"] == 5)
        #expect(values["s"] == "five")
        try values.set("6", for: "n")
        #expect(values["n"] == "6")
    }

    @Test("P4: of two entries with one name the first counts, and a set leaves one value to read")
    func duplicateEntries() throws {
        let entry: (UInt8) -> [UInt8] = { [1, 1, 0, 0, 0, 0, 0, UInt8(ascii: "n"), $0] }
        var values = SessionValues(
            storage: (entry(UInt8(ascii: "1")) + entry(UInt8(ascii: "2")))[...],
            now: now,
            limits: .init()
        )
        #expect(values["n"] == 1)
        try values.set(3, for: "n")
        #expect(values["n"] == 3)
    }

    @Test("invalid UTF-8 in stored JSON is refused, not repaired")
    func invalidUTF8() throws {
        for bytes in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF5, 0x80, 0x80, 0x80]] as [[UInt8]] {
            var values = values()
            try values.setJSON([UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")], for: "s")
            #expect(
                failure { () throws(SessionError) in _ = try values.value(for: SessionKey<String>("s")) }
                    == .undecodableValue,
                "\(bytes)"
            )
        }
    }

    // MARK: The direct way and the encoder's

    private let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .secondsSince1970
        return encoder
    }()

    private func expectAgreement<Value: Codable & Equatable>(_ value: Value) throws {
        let direct = try SessionValueCoding.encode(value)
        #expect(direct == Array(try encoder.encode(value)), "\(value)")
        let decoded = try SessionValueCoding.decode(Value.self, from: direct[...])
        #expect(decoded == value)
    }

    @Test func integersAreWrittenAsTheEncoderWritesThem() throws {
        var integers = [0, 1, -1, .max, .min, .max - 1, .min + 1]
        var power = 1
        for _ in 0..<18 {
            power *= 10
            integers += [power - 1, power, power + 1, -power + 1, -power, -power - 1]
        }
        for shift in 0..<63 { integers += [1 << shift, -(1 << shift), (1 << shift) - 1] }
        for integer in integers {
            try expectAgreement(integer)
            #expect(SessionValueCoding.encodeInteger(integer) == Array("\(integer)".utf8))
        }
    }

    @Test func booleansAreWrittenAsTheEncoderWritesThem() throws {
        try expectAgreement(true)
        try expectAgreement(false)
    }

    @Test func stringsAreWrittenAsTheEncoderWritesThem() throws {
        var strings = [
            "", " ", "/", "</script>", "a\"b", "a\\b", "\r\n", "é", "e\u{301}", "日本語", "👩‍👩‍👧‍👦", "\u{2028}\u{2029}",
            "\u{FEFF}x",
        ]
        for value in (0..<0x180 as Range<UInt32>) {
            if let scalar = Unicode.Scalar(value) { strings += [String(scalar), "a\(scalar)b"] }
        }
        for value in [0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x10FFFF] as [UInt32] {
            if let scalar = Unicode.Scalar(value) { strings.append(String(scalar)) }
        }
        strings.append(String(repeating: "long ", count: 10_000))
        for string in strings { try expectAgreement(string) }
    }

    @Test(
        "texts that both ways can read give the same value, the others none",
        arguments: [
            "0", "-0", "00", "01", "-", "--1", "+1", " 1", "1 ", "1.0", "1.5", "1e2", "1E2", "0x1", "", "null", "true",
            "TRUE",
            "false", "999999999999999999", "-999999999999999999", "1000000000000000000", "9223372036854775807",
            "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "\"a\"", "\"\\u0041\"", "\"\\n\"",
            "\"a",
            "a\"", "\"", "\"\"", "\"a\tb\"", "\"a\"b\"", "\"\u{7F}\"", "\"\u{E9}\"", "[1]", "{}",
        ]
    )
    func readersAgree(text: String) {
        func expectAgreement<Value: Codable & Equatable>(_ type: Value.Type) {
            let direct = try? SessionValueCoding.decode(type, from: Array(text.utf8)[...])
            #expect(direct == (try? JSONDecoder().decode(type, from: Data(text.utf8))), "\(type)")
        }
        expectAgreement(Int.self)
        expectAgreement(Bool.self)
        expectAgreement(String.self)
    }
}

/// Arrays of arrays of arrays.
private struct Nested: Codable {
    var inner: [Nested]

    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        inner = []
        while !container.isAtEnd { inner.append(try container.decode(Nested.self)) }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        for nested in inner { try container.encode(nested) }
    }
}
