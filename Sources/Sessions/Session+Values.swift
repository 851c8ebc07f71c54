public import Synchronization

extension Session {
    /// The values as this request sees them now.
    public var values: SessionValues { state.withLock { $0.values } }

    /// Reads or sets a value.
    ///
    /// Reading gives `nil` for a value that is missing, past its lifetime, or stored as another type (an event and a log
    /// line tell the last; ``value(for:)`` throws it). Setting `nil` removes the value. What goes wrong in setting fails
    /// the commit; use ``set(_:for:lifetime:)`` to be told at once.
    public subscript<Value>(key: SessionKey<Value>) -> Value? {
        get { read(key) }
        set { assign(newValue, to: key) }
    }

    /// Reads or sets a value by a plain name; the type comes from the context: `let name: String? = session["name"]`.
    public subscript<Value: Codable & Sendable>(name: String) -> Value? {
        get { read(SessionKey(name)) }
        set { assign(newValue, to: SessionKey(name)) }
    }

    /// Reads a value by a plain name and a type.
    public subscript<Value: Codable & Sendable>(name: String, as type: Value.Type) -> Value? {
        read(SessionKey(name))
    }

    /// The value, or `nil` where there is none.
    /// - Throws: ``SessionError`` with the code `.undecodableValue` when what is stored is not a `Value`. The rest of the
    ///   session is not concerned.
    public func value<Value>(for key: SessionKey<Value>) throws(SessionError) -> Value? {
        // Decoding is the application's code: it runs outside the lock.
        let values = state.withLock { state in
            state.noteRead(key.name)
            return state.values
        }
        return try values.value(for: key)
    }

    /// Sets a value.
    ///
    /// A plain set replaces this key alone. If this request has read the key before and another request changes it in
    /// between, that change is lost; ``SessionPolicy/onLostUpdate`` says what happens then, and
    /// ``update(_:default:_:)`` is the way that loses nothing.
    /// - Parameters:
    ///   - value: The new value.
    ///   - key: The value's key.
    ///   - lifetime: How long the value lives; it ends with the session in any case. `nil`, the default, for as long as
    ///     the session.
    /// - Throws: ``SessionError``: `.valueTooLarge`, `.sessionTooLarge`, `.tooManyKeys`, `.invalidKey`,
    ///   `.unencodableValue`, or why the session takes no edits.
    public func set<Value>(
        _ value: Value,
        for key: SessionKey<Value>,
        lifetime: Duration? = nil
    ) throws(SessionError) {
        let json: [UInt8]
        do {
            json = try SessionValueCoding.encode(value)
        } catch {
            throw SessionError(
                .unencodableValue,
                "the new value of \"\(key.name)\" cannot be written as JSON: a \(Value.self)"
            )
        }
        let expiresAt = lifetime.map { manager.now + $0 }
        try state.withLock { state throws(SessionError) in
            try state.set(key.name, json: json, expiresAt: expiresAt)
        }
    }

    /// Removes a value; nothing happens where there is none.
    /// - Throws: ``SessionError`` if the session takes no edits.
    public func remove<Value>(_ key: SessionKey<Value>) throws(SessionError) { try remove(key.name) }

    /// Removes a value by its plain name; nothing happens where there is none.
    /// - Throws: ``SessionError`` if the session takes no edits.
    public func remove(_ name: String) throws(SessionError) {
        try state.withLock { state throws(SessionError) in try state.remove(name) }
    }

    /// Removes all values. The session itself lives on.
    /// - Throws: ``SessionError`` if the session takes no edits.
    public func removeAll() throws(SessionError) {
        try state.withLock { state throws(SessionError) in try state.removeAll() }
    }

    /// Changes a value by a closure that is run again on the newer value if another request commits in between.
    ///
    /// So of N parallel updates all N take effect. The closure may run several times and must do nothing but compute; what
    /// it sees before the commit is provisional.
    /// - Parameters:
    ///   - key: The value's key.
    ///   - defaultValue: What the closure gets where there is no value.
    ///   - body: Changes the value. What it throws is thrown here, and by the commit if it throws when run again.
    /// - Throws: ``SessionError`` as ``set(_:for:lifetime:)``, and `.undecodableValue` when what is stored is not a `Value`.
    public func update<Value>(
        _ key: SessionKey<Value>,
        default defaultValue: Value,
        _ body: @escaping @Sendable (inout Value) throws -> Void
    ) throws {
        try transform { values in
            var value = try values.value(for: key) ?? defaultValue
            try body(&value)
            let json: [UInt8]
            do {
                json = try SessionValueCoding.encode(value)
            } catch {
                throw SessionError(
                    .unencodableValue,
                    "the new value of \"\(key.name)\" cannot be written as JSON: a \(Value.self)"
                )
            }
            try values.setJSON(json, for: key.name, expiresAt: values.entry(key.name)?.expiresAt)
        }
    }

    /// Adds to an integer, 0 where there is none; parallel increments all count.
    /// - Returns: The sum as this request sees it: provisional until the commit. `try await commit { try $0.increment(key) }`
    ///   gives the committed one.
    /// - Throws: ``SessionError``: `.undecodableValue` if the value is no integer, `.valueTooLarge` if the sum does not fit
    ///   into an `Int`, or why the session takes no edits.
    @discardableResult
    public func increment(_ key: SessionKey<Int>, by amount: Int = 1) throws -> Int {
        try transform { try $0.increment(key, by: amount) }
    }

    /// Reads a one-time value, such as a notice for the next page, and removes it.
    ///
    /// It is shown at least once: two parallel requests may both show it. A newer value that another request has set
    /// meanwhile is not removed. ``take(_:)`` gives a value to exactly one caller.
    public func flash<Value>(_ key: SessionKey<Value>) -> Value? {
        let seen = state.withLock { $0.values.json(for: key.name) }
        guard let seen, let value: Value = read(key) else { return nil }
        do {
            try transform { values in
                if values.json(for: key.name) == seen { values.remove(key.name) }
            }
        } catch {
            // Reading is still fine where editing is not, such as in a response's body: then it is shown once more.
            manager.telemetry.flashNotRemoved(key.name, id: id)
        }
        return value
    }

    /// Takes a value out of the session and commits: of all parallel callers exactly one gets it.
    /// - Throws: as ``commit(_:)``.
    public func take<Value>(_ key: SessionKey<Value>) async throws -> Value? {
        try await commit { values in
            let value = try values.value(for: key)
            values.remove(key)
            return value
        }
    }

    /// Runs a closure on the newest values and commits, together with the edits made so far.
    ///
    /// The closure is run again whenever another request commits in between; the result is that of the run that won:
    /// ```swift
    /// let ticket = try await session.commit { try $0.increment(.tickets) }   // 1, 2, 3 …: each once
    /// ```
    /// It may also be called while a response's body is written, for a session that exists.
    /// - Throws: what the closure throws, in which case nothing is written, and as ``save()``.
    @inlinable
    public func commit<Result: Sendable>(
        _ body: @escaping @Sendable (inout SessionValues) throws -> Result
    ) async throws -> Result {
        // Inlinable for the caller to know the type: looking up what is generic took a seventh of the whole request.
        let result = LastResult<Result>()
        try transformAlsoLate { values in
            let value = try body(&values)
            result.value.withLock { $0 = value }
        }
        try await save()
        guard let value = result.value.withLock({ $0 }) else { throw Self.closureWasNotRun }
        return value
    }

    // MARK: -

    private func read<Value>(_ key: SessionKey<Value>) -> Value? {
        do throws(SessionError) {
            return try value(for: key)
        } catch {
            manager.telemetry.undecodableValue(key.name, id: id, at: manager.now)
            return nil
        }
    }

    private func assign<Value>(_ value: Value?, to key: SessionKey<Value>) {
        do throws(SessionError) {
            if let value { try set(value, for: key) } else { try remove(key.name) }
        } catch {
            manager.telemetry.failedAssignment(key.name, error, id: id)
            state.withLock { $0.noteFailure(error) }
        }
    }

    @usableFromInline
    static var closureWasNotRun: SessionError { SessionError(.conflict, "the commit's closure was not run") }

    @usableFromInline
    func transformAlsoLate(_ body: @escaping @Sendable (inout SessionValues) throws -> Void) throws {
        try transform(mayBeLate: true, body)
    }

    /// Runs an update now, for this request to read, and keeps it for the commit.
    ///
    /// The closure is the application's code, so it runs outside the lock, again if another task of this request has
    /// changed something meanwhile.
    @discardableResult
    private func transform<Result>(
        mayBeLate: Bool = false,
        _ body: @escaping @Sendable (inout SessionValues) throws -> Result
    ) throws -> Result {
        while true {
            let before = try state.withLock { state throws(SessionError) in
                try state.checkWritable(mayBeLate: mayBeLate)
                return state.values
            }
            var updated = before
            let result = try body(&updated)
            if let failure = updated.failure { throw failure }
            let edit = SessionEdit.transform { _ = try body(&$0) }
            let isTaken = try state.withLock { state throws(SessionError) in
                try state.edit(edit, giving: updated, ifStill: before, mayBeLate: mayBeLate)
            }
            if isTaken { return result }
        }
    }
}

/// Holds the result of the last run of a commit's closure.
@usableFromInline
final class LastResult<Value: Sendable>: Sendable {
    @usableFromInline let value: Mutex<Value?>

    @inlinable
    init() { value = Mutex(nil) }
}
