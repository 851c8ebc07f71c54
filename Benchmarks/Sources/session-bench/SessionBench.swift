import Sessions

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Prints the in-process figures; ends with status 1 if one is over its limit.
///
/// Arguments: none for everything; `read N`, `update N`, `commit N` or `create N` run that many iterations on the memory store and
/// nothing else, for a profiler.
@main
struct SessionBench {
    static func main() async throws {
        let arguments = CommandLine.arguments
        if arguments.count == 3, let iterations = Int(arguments[2]) {
            try await profile(arguments[1], iterations: iterations)
            return
        }
        // Sizes first: what has been freed before would be used again and not show.
        var figures = try await sizeFigures(count: 1_000_000)
        var timed = try await tokenFigures()
        timed += try await storeFigures(
            "memory",
            MemorySessionStore(),
            .cpu,
            iterations: 200_000,
            limits: (read: 800, update: 1800)
        )
        // Times are compared after scaling to the machine that the limits were set on, where 32 bytes from the system's
        // random source take 270 ns: shared machines differ by a factor of two from one hour to the next.
        let random = await randomFigure()
        for index in timed.indices { timed[index].scaled = timed[index].value * 270 / random }
        figures.append(Figure(name: "the system's random source, 32 bytes", value: random, unit: "ns", scaled: 270))
        figures += timed
        figures += try await fileFigures()
        for figure in figures { print(figure.line) }
        if !figures.allSatisfy(\.holds) { exit(1) }
    }

    private static func profile(_ what: String, iterations: Int) async throws {
        let manager = try SessionManager(store: MemorySessionStore())
        let requests = try await makeRequests(manager, count: 64)
        for iteration in 0..<iterations {
            switch what {
            case "read": try await openReadClose(manager, requests[iteration & 63])
            case "update": try await openUpdateCommit(manager, requests[iteration & 63])
            case "commit": try await openCommitByClosure(manager, requests[iteration & 63])
            default: try await create(manager)
            }
        }
    }
}
