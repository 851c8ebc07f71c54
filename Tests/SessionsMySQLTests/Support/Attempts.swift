#if MySQL
import Synchronization

/// Counts how often something is tried.
final class Attempts: Sendable {
    private let number = Atomic(0)
    var count: Int { number.load(ordering: .relaxed) }
    func next() -> Int { number.add(1, ordering: .relaxed).newValue }
}
#endif
