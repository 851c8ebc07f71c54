#if Redis
import NIOCore
import NIOPosix

/// Waits until `condition` holds, and asks a few dozen times a second.
///
/// - Returns: Whether it came to that within the time.
func eventually(within time: Duration, _ condition: () async throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + time
    while true {
        if try await condition() { return true }
        guard ContinuousClock.now < deadline else { return false }
        await pause(.milliseconds(20))
    }
}

/// Gives a server time for something that nobody announces.
func pause(_ time: Duration) async {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    try? await eventLoop.scheduleTask(in: TimeAmount(time)) {}.futureResult.get()
}
#endif
