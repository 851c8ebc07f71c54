import Sessions

extension SessionStoreConformance.Check {
    static let cancellation: [Self] = [writes, neighbours]

    private static let writes = Self("A cancelled write happened wholly or not at all, as it says") { context in
        for delay in 0..<60 {
            let first = context.makeRecord(text: "first")
            let inserted = context.makeRecord(text: "inserted")
            let updatedID = try await context.insert(first)
            let deletedID = try await context.insert(first)
            let insertedID = context.makeID()
            let update = context.makeUpdate(of: first, text: "update")

            let updating = await SessionStoreConformance.cancelled(after: delay) {
                try await context.store.update(update, id: updatedID, ifStamp: first.stamp, now: context.now)
            }
            let inserting = await SessionStoreConformance.cancelled(after: delay) {
                try await context.store.insert(inserted, id: insertedID)
            }
            let deleting = await SessionStoreConformance.cancelled(after: delay) {
                try await context.store.delete(deletedID, ifStamp: first.stamp, now: context.now)
            }
            context.check(
                updating,
                done: .updated,
                isDone: try await context.load(updatedID) == update,
                isUndone: try await context.load(updatedID) == first,
                "update"
            )
            context.check(
                inserting,
                done: .inserted,
                isDone: try await context.load(insertedID) == inserted,
                isUndone: try await context.load(insertedID) == nil,
                "insert"
            )
            context.check(
                deleting,
                done: .deleted,
                isDone: try await context.load(deletedID) == nil,
                isUndone: try await context.load(deletedID) == first,
                "delete"
            )
        }
    }

    private static let neighbours = Self("Cancelled calls leave no answer behind for others") { context in
        let records = (0..<4).map { context.makeRecord(text: "\($0)") }
        var ids: [SessionID] = []
        for record in records { ids.append(try await context.insert(record)) }
        let stored = ids
        _ = try await SessionStoreConformance.concurrently(4) { index in
            for round in 0..<60 {
                // A call that is given up, and right after it one that is not, while the others do the same.
                _ = await SessionStoreConformance.cancelled(after: round % 8) {
                    try await context.store.load(stored[(index + 1) % 4], now: context.now)
                }
                let loaded = try await context.store.load(stored[index], now: context.now)
                context.expect(
                    loaded,
                    is: records[index],
                    "a call after a cancelled one gets its own answer"
                )
            }
        }
    }
}

extension SessionStoreConformance {
    /// Runs a call in a task that is cancelled after a number of steps: at once with 0.
    static func cancelled<Value: Sendable>(
        after steps: Int,
        _ body: @escaping @Sendable () async throws -> Value
    ) async -> Result<Value, any Error> {
        await withTaskGroup(of: Result<Value, any Error>?.self) { group in
            // Before the task is made, so that it surely begins cancelled.
            if steps == 0 { group.cancelAll() }
            group.addTask {
                do { return .success(try await body()) } catch { return .failure(error) }
            }
            for _ in 0..<steps { await Task.yield() }
            group.cancelAll()
            for await result in group {
                if let result { return result }
            }
            return .failure(CancellationError())
        }
    }
}

extension SessionStoreConformance.Context {
    /// Complains if the outcome of a write that was cancelled and what is stored do not fit.
    fileprivate func check<Outcome: Equatable>(
        _ result: Result<Outcome, any Error>,
        done: Outcome,
        isDone: Bool,
        isUndone: Bool,
        _ operation: String
    ) {
        switch result {
        case .success(let outcome):
            expect(outcome, is: done, "a cancelled \(operation) that returns has done its work")
            expect(isDone, "what a cancelled \(operation) says it wrote is there")
        case .failure(let error):
            switch (error as? SessionStoreError)?.code {
            case .outcomeUnknown?: expect(isDone || isUndone, "a cancelled \(operation) left something half done")
            case .cancelled?, .unavailable?:
                expect(isUndone, "a cancelled \(operation) that says so has written nothing")
            default: fail("a cancelled \(operation) must not throw \(error)")
            }
        }
    }
}
