import HTTPTypes
import Sessions

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The memory that the process occupies, in bytes, where the system tells it in `/proc`.
func residentBytes() -> Int? {
    guard let file = fopen("/proc/self/statm", "r") else { return nil }
    defer { fclose(file) }
    var total = 0
    var resident = 0
    guard
        withUnsafeMutablePointer(
            to: &total,
            { total in
                withUnsafeMutablePointer(to: &resident) { resident in
                    withVaList([total, resident]) { vfscanf(file, "%ld %ld", $0) }
                }
            }
        ) == 2
    else { return nil }
    return resident * Int(sysconf(Int32(_SC_PAGESIZE)))
}

/// What `count` sessions with one value each take in memory, and how long a sweep of them all stops others.
func sizeFigures(count: Int) async throws -> [Figure] {
    let key = SessionKey<String>("user")
    let value = "user-0123456789"
    let valueBytes = key.name.utf8.count + value.utf8.count + 2
    let store = MemorySessionStore()
    let manager = try SessionManager(store: store)
    let request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")

    let before = residentBytes()
    // In CPU time: what the process waited for a processor is no pause of ours.
    var longestInsert = 0.0
    for _ in 0..<count {
        let exchange = manager.exchange(for: request)
        try await exchange.session().set(value, for: key)
        var fields = HTTPFields()
        let start = Meter.cpu.now
        try await exchange.finish(&fields)
        longestInsert = max(longestInsert, Meter.cpu.now - start)
    }
    let after = residentBytes()

    // All have expired a day later. A step of 256 entries takes one lock once, so its time is the longest that a request
    // can wait for a sweep.
    let later = SteppedClock(offset: .seconds(24 * 3600)).now
    var longestStep = 0.0
    var removed = 0
    var cursor: SessionStoreCursor?
    repeat {
        let start = Meter.cpu.now
        let step = try await store.sweep(from: cursor, limit: 256, now: later)
        longestStep = max(longestStep, Meter.cpu.now - start)
        removed += step.expired.count
        cursor = step.next
    } while cursor != nil
    guard removed == count else { throw BenchmarkError.sweptTooFew(removed) }

    var figures: [Figure] = []
    if let before, let after {
        let each = Double(after - before) / Double(count)
        figures.append(Figure(name: "memory: one-value session, all in all", value: each, unit: "bytes"))
        figures.append(
            Figure(
                name: "memory: the same, without its name and value",
                value: each - Double(valueBytes),
                unit: "bytes",
                limit: 350
            )
        )
    }
    figures.append(
        Figure(name: "memory: longest commit among \(count) inserts", value: longestInsert / 1000, unit: "µs")
    )
    figures.append(
        Figure(name: "memory: longest sweep step of 256, \(count) expired", value: longestStep / 1000, unit: "µs")
    )
    return figures
}

enum BenchmarkError: Error {
    case sweptTooFew(Int)
}
