import Testing

@testable import Sessions

@Suite("Instants")
struct SessionInstantTests {
    private let now = SessionInstant(millisecondsSince1970: 1_700_000_000_000)

    @Test("adding, subtracting and measuring agree")
    func arithmetic() {
        #expect((now + .seconds(1)).millisecondsSince1970 == 1_700_000_001_000)
        #expect((now - .seconds(1)).millisecondsSince1970 == 1_699_999_999_000)
        #expect((now + .seconds(5)) - now == .seconds(5))
        #expect(now - (now + .seconds(5)) == .seconds(-5))
        #expect(now < now + .milliseconds(1))
        #expect(now.advanced(by: .zero) == now)
    }

    @Test("T1, T3, CVE-2017-18589: no duration, however large, traps")
    func saturation() {
        let huge: [Duration] = [
            .seconds(Int64.max), .seconds(Int64.min), .milliseconds(Int64.max), .milliseconds(Int64.min),
            Duration(secondsComponent: .max, attosecondsComponent: .max),
        ]
        for duration in huge {
            let isNegative = duration < .zero
            #expect(
                SessionInstant.distantFuture + duration == (isNegative ? .distantFuture + duration : .distantFuture)
            )
            #expect((now + duration < now) == isNegative)
            #expect((now - duration > now) == isNegative)
        }
        #expect(now + .seconds(Int64.max) == .distantFuture)
        #expect(now - .seconds(Int64.max) == .distantPast || now - .seconds(Int64.max) < now)
        #expect(SessionInstant.distantPast - .seconds(1) == .distantPast)
        #expect(SessionInstant.distantFuture - .seconds(-1) == .distantFuture)
        #expect(SessionInstant.distantPast + .seconds(-1) == .distantPast)
        #expect(SessionInstant.distantPast.duration(to: .distantFuture) == .milliseconds(Int64.max))
        #expect(SessionInstant.distantFuture.duration(to: .distantPast) == .milliseconds(Int64.min))
    }
}

@Suite("Labels")
struct SessionLabelsTests {
    @Test("texts are cut to 120 bytes between characters")
    func length() throws {
        let long = try #require(SessionLabels(client: String(repeating: "\u{E9}", count: 200)).client)
        #expect(long == String(repeating: "\u{E9}", count: 60))
        #expect(SessionLabels(client: String(repeating: "a", count: 121)).client?.utf8.count == 120)
        #expect(SessionLabels(client: "aa" + String(repeating: "\u{1F600}", count: 40)).client?.utf8.count == 118)
    }

    @Test("control characters, line ends and direction marks are left out")
    func cleaning() {
        let labels = SessionLabels(
            client: "Fire\r\nfox\u{0}\u{202E}\u{2028}\u{1B}[31m on Linux",
            addressClass: "\u{7}private"
        )
        #expect(labels.client == "Firefox[31m on Linux")
        #expect(labels.addressClass == "private")
    }

    @Test("nothing to show is no label")
    func empty() {
        #expect(SessionLabels().client == nil)
        #expect(SessionLabels(client: "", addressClass: "\n\n").addressClass == nil)
        #expect(SessionLabels(client: "").client == nil)
    }
}
