#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What is counted: the process's CPU time, which other processes disturb least, or, where a call waits for a disk or
/// another thread, the time that passes.
enum Meter {
    case cpu
    case wall

    /// Nanoseconds since some moment.
    var now: Double {
        var time = timespec()
        clock_gettime(self == .cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }
}

/// The time one iteration takes: the median of several rounds, in nanoseconds.
func nanoseconds(
    _ meter: Meter = .cpu,
    rounds: Int = 9,
    iterations: Int,
    _ body: (Int) async throws -> Void
) async rethrows -> Double {
    // One round warms caches and branch predictors up and is not counted.
    for iteration in 0..<iterations { try await body(iteration) }
    var results: [Double] = []
    for _ in 0..<rounds {
        let start = meter.now
        for iteration in 0..<iterations { try await body(iteration) }
        results.append((meter.now - start) / Double(iterations))
    }
    return results.sorted()[rounds / 2]
}

/// Keeps the optimiser from dropping a result that nobody reads.
@inline(never)
func keep<Value>(_ value: Value) {}

/// One line of the report.
struct Figure {
    let name: String
    let value: Double
    let unit: String
    /// The most that is accepted, or `nil` where nothing is promised.
    var limit: Double?
    /// The value on the machine that the limits are meant for, where it differs.
    var scaled: Double?

    var holds: Bool { limit.map { (scaled ?? value) <= $0 } ?? true }

    var line: String {
        let demand = limit.map { "≤ \(Self.text($0)) \(unit)" } ?? ""
        let verdict = limit == nil ? "" : holds ? "pass" : "FAIL"
        return Self.pad(name, 48) + Self.pad(Self.text(value), 10, left: true) + " " + Self.pad(unit, 6)
            + Self.pad(scaled.map { Self.text($0) } ?? "", 8, left: true) + "  " + Self.pad(demand, 14) + verdict
    }

    private static func text(_ value: Double) -> String {
        let scaled = (value * 100).rounded() / 100
        return scaled >= 100 || scaled == scaled.rounded() ? "\(Int(scaled.rounded()))" : "\(scaled)"
    }

    private static func pad(_ text: String, _ width: Int, left: Bool = false) -> String {
        let padding = String(repeating: " ", count: max(0, width - text.count))
        return left ? padding + text : text + padding
    }
}
