#if MySQL
import Sessions
import Synchronization

/// A way to a server that can be slow, fall silent and be cut. Two threads for each connection.
final class UnreliableProxy: Sendable {
    private struct State {
        var pairs: [Int: (client: CInt, server: CInt)] = [:]
        var accepted = 0
        var silenced: Set<Int> = []
        var isStopped = false
    }

    private let listener: CInt
    private let target: Int
    let port: Int
    private let state = Mutex(State())

    /// Runs `body` with a proxy in front of `127.0.0.1:port`, and stops it afterwards.
    static func run<Value>(to port: Int, _ body: (UnreliableProxy) async throws -> Value) async throws -> Value {
        let proxy = try UnreliableProxy(to: port)
        defer { proxy.stop() }
        return try await body(proxy)
    }

    private init(to target: Int) throws {
        self.target = target
        (listener, port) = try LoopbackSocket.listen()
        _ = SystemThread.start { self.accept() }
    }

    var acceptedCount: Int { state.withLock { $0.accepted } }

    private func accept() {
        while let client = LoopbackSocket.accept(listener) {
            guard let server = LoopbackSocket.connect(port: target) else {
                LoopbackSocket.release(client)
                continue
            }
            let number: Int? = state.withLock { state in
                guard !state.isStopped else { return nil }
                state.accepted += 1
                state.pairs[state.accepted] = (client, server)
                return state.accepted
            }
            guard let number else {
                LoopbackSocket.release(client)
                LoopbackSocket.release(server)
                return
            }
            let ends = Atomic(0)
            for (source, target) in [(client, server), (server, client)] {
                _ = SystemThread.start {
                    self.forward(source, target, number)
                    // The last of the two.
                    guard ends.add(1, ordering: .acquiringAndReleasing).newValue == 2 else { return }
                    self.state.withLock { state in
                        state.pairs[number] = nil
                        LoopbackSocket.release(client)
                        LoopbackSocket.release(server)
                    }
                }
            }
        }
        LoopbackSocket.release(listener)
    }

    private func forward(_ source: CInt, _ target: CInt, _ number: Int) {
        while let bytes = LoopbackSocket.read(source) {
            // What is silenced is read and thrown away.
            if state.withLock({ $0.silenced.contains(number) }) { continue }
            guard LoopbackSocket.write(bytes, to: target) else { break }
        }
        LoopbackSocket.end(source)
        LoopbackSocket.end(target)
    }

    /// Cuts one connection.
    func cutOne() { state.withLock { if let pair = $0.pairs.randomElement()?.value { Self.cut(pair) } } }

    /// Lets nothing through on one connection from now on, without a word.
    func silenceOne() {
        state.withLock { if let number = $0.pairs.randomElement()?.key { $0.silenced.insert(number) } }
    }

    private static func cut(_ pair: (client: CInt, server: CInt)) {
        LoopbackSocket.end(pair.client)
        LoopbackSocket.end(pair.server)
    }

    private func stop() {
        state.withLock { state in
            state.isStopped = true
            for pair in state.pairs.values { Self.cut(pair) }
        }
        LoopbackSocket.end(listener)
    }
}
#endif
