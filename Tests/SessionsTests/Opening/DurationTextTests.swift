import Testing

@testable import Sessions

@Suite("Lengths of time in settings")
struct DurationTextTests {
    @Test(
        "D12: Go's duration strings are read",
        arguments: [
            ("30s", Duration.seconds(30)), ("1m", .seconds(60)), ("1h30m", .seconds(5400)),
            ("300ms", .milliseconds(300)), ("1.5s", .milliseconds(1500)), (".5s", .milliseconds(500)),
            ("5.s", .seconds(5)), ("-1s", .seconds(-1)), ("+2s", .seconds(2)), ("0", .zero), ("0s", .zero),
            ("1us", .microseconds(1)), ("1\u{B5}s", .microseconds(1)), ("1\u{3BC}s", .microseconds(1)),
            ("7ns", .nanoseconds(7)), ("1h1m1s1ms", .milliseconds(3_661_001)),
            ("0.1234567891s", .nanoseconds(123_456_789)), ("1.000000001h", .nanoseconds(3_600_000_003_600)),
            ("2562047h", .seconds(2_562_047 * 3600)),
        ]
    )
    func readable(text: String, duration: Duration) {
        #expect(DurationText.duration(text) == duration)
        #expect(DurationText.duration(text, allowsPlainSeconds: true) == duration)
    }

    @Test(
        "seconds without a unit are read where that is allowed",
        arguments: [("2", 2000), ("1.5", 1500), (".25", 250)]
    )
    func plainSeconds(text: String, milliseconds: Int) {
        #expect(DurationText.duration(text, allowsPlainSeconds: true) == .milliseconds(milliseconds))
        #expect(DurationText.duration(text) == nil)
    }

    @Test(
        "what is no length of time is none",
        arguments: [
            "", " ", "-", "+", ".", "s", ".s", "1x", "1 s", "1s ", " 1s", "1m30", "0m30", "30 1s", "--1s", "1-2s",
            "1.2.3s",
            "1.2.3", "1e3", "1e3s", "1d", "1S", "NaN", "inf", "9223372036854775808ns", "2562048h",
            "99999999999999999999s",
            "2562047h99999m", "1s\r\n", "\u{661}s", "1\u{301}s",
        ]
    )
    func malformed(text: String) {
        #expect(DurationText.duration(text) == nil)
        #expect(DurationText.duration(text, allowsPlainSeconds: true) == nil)
    }
}
