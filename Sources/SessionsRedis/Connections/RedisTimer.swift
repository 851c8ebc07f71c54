#if Redis
import NIOCore

/// Something to do at the earliest of several moments. Belongs to its event loop.
final class RedisTimer {
    private var scheduled: Scheduled<Void>?
    private var due = NIODeadline.distantFuture

    /// Sees to it that `body` runs at `moment` at the latest. What is due later still, `body` has to arm the timer for.
    func arm(for moment: NIODeadline, on eventLoop: any EventLoop, _ body: @escaping () -> Void) {
        guard moment < due else { return }
        scheduled?.cancel()
        due = moment
        scheduled = eventLoop.assumeIsolated().scheduleTask(deadline: moment) {
            self.scheduled = nil
            self.due = .distantFuture
            body()
        }
    }

    func cancel() {
        scheduled?.cancel()
        scheduled = nil
        due = .distantFuture
    }
}
#endif
