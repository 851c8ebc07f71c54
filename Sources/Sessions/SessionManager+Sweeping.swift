public import ServiceLifecycle

extension SessionManager: Service {
    /// Sweeps expired sessions out of the store every ``Configuration/sweepInterval`` until the service group shuts down
    /// gracefully or the task is cancelled.
    ///
    /// Expired sessions are dead without it; sweeping only frees their space. A failed sweep is logged, and the next one
    /// tries again. In the end a store that `open` has made for this manager is closed.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await self.clock.sleepUntil(self.now + self.configuration.sweepInterval)
                    try await self.sweep()
                } catch {
                    // Logged by the sweep itself, and a cancelled sleep ends the loop.
                }
            }
        }
        await ownedStore?.shutDown()
    }

    /// Sweeps the store once, in small steps between which others get their turn.
    /// - Returns: How many expired sessions were removed.
    /// - Throws: ``SessionError`` with the code `.unavailable`. A store that needs no sweeping is no error.
    @discardableResult
    public func sweep() async throws(SessionError) -> Int {
        guard let store = store as? any SweepingSessionStore else { return 0 }
        var count = 0
        var cursor: SessionStoreCursor?
        repeat {
            let now = now
            let step = try await reporting("sweep") { () async throws(SessionStoreError) in
                try await store.sweep(from: cursor, limit: 256, now: now)
            }
            count += step.expired.count
            telemetry.expired(step.expired, at: now)
            cursor = step.next
            await Task.yield()
        } while cursor != nil && !Task.isCancelled
        return count
    }
}
