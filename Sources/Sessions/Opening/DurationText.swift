/// Lengths of time as operators write them: `250ms`, `1.5s`, `1h30m`. The syntax is that of Go's `time.ParseDuration`.
package enum DurationText {
    /// Reads a length of time.
    /// - Parameters:
    ///   - text: The text, such as `1h30m`. `0` needs no unit.
    ///   - allowsPlainSeconds: Whether a number without a unit is a number of seconds.
    /// - Returns: `nil` if it is none, or longer than 292 years.
    package static func duration(_ text: String, allowsPlainSeconds: Bool = false) -> Duration? {
        var rest = Substring(text).utf8
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            guard let number = Number(&rest) else { return nil }
            let name = rest.prefix { !HTTPSyntax.isDigit($0) && $0 != UInt8(ascii: ".") }
            rest = rest[name.endIndex...]
            let unit: Int64
            if name.isEmpty {
                // Only if it is all there is: "1m30" leaves open what the 30 are.
                guard rest.isEmpty, isOneNumber(text), allowsPlainSeconds || number.isZero else { return nil }
                unit = 1_000_000_000
            } else {
                guard let nanoseconds = units[String(Substring(name))] else { return nil }
                unit = nanoseconds
            }
            guard let part = number.times(unit) else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !overflow else { return nil }
            total = sum
        }
        return .nanoseconds(isNegative ? -total : total)
    }

    /// In nanoseconds. The micro sign has two code points.
    private static let units: [String: Int64] = [
        "ns": 1, "us": 1000, "\u{B5}s": 1000, "\u{3BC}s": 1000, "ms": 1_000_000, "s": 1_000_000_000,
        "m": 60_000_000_000, "h": 3_600_000_000_000,
    ]

    private static func isOneNumber(_ text: String) -> Bool {
        text.utf8.allSatisfy { HTTPSyntax.isDigit($0) || ".+-".utf8.contains($0) }
    }

    /// A decimal number, its fraction to the billionth.
    private struct Number {
        private var whole: Int64 = 0
        private var billionths: Int64 = 0

        /// Takes a number off the front of `text`.
        init?(_ text: inout Substring.UTF8View) {
            var digitCount = 0
            while let byte = text.first, HTTPSyntax.isDigit(byte) {
                let (tenfold, overflow) = whole.multipliedReportingOverflow(by: 10)
                let (next, overflowAgain) = tenfold.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
                guard !overflow, !overflowAgain else { return nil }
                whole = next
                digitCount += 1
                text.removeFirst()
            }
            if text.first == UInt8(ascii: ".") {
                text.removeFirst()
                var place: Int64 = 100_000_000
                while let byte = text.first, HTTPSyntax.isDigit(byte) {
                    billionths += Int64(byte - UInt8(ascii: "0")) * place
                    place /= 10
                    digitCount += 1
                    text.removeFirst()
                }
            }
            guard digitCount > 0 else { return nil }
        }

        var isZero: Bool { whole == 0 && billionths == 0 }

        func times(_ unit: Int64) -> Int64? {
            let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
            let fraction = Int64(Int128(billionths) * Int128(unit) / 1_000_000_000)
            let (sum, overflowAgain) = product.addingReportingOverflow(fraction)
            return overflow || overflowAgain ? nil : sum
        }
    }
}
