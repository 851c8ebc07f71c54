import Sessions
import Synchronization

extension SessionStoreConformance {
    /// What one check works with: the store, the time, material for records, and a place for complaints.
    final class Context: Sendable {
        /// Thrown when going on makes no sense after a complaint.
        struct Abort: Error {}

        let store: any SessionStore
        let clock: ManualSessionClock
        private let makeSecondStore: (@Sendable () async throws -> any SessionStore)?
        private let found = Mutex<[String]>([])

        init(
            store: any SessionStore,
            makeSecondStore: (@Sendable () async throws -> any SessionStore)?,
            clock: ManualSessionClock
        ) {
            self.store = store
            self.makeSecondStore = makeSecondStore
            self.clock = clock
        }

        var now: SessionInstant { clock.now }

        /// What was complained about.
        var messages: [String] { found.withLock { $0 } }

        /// Notes a complaint: each once, and no more than a person wants to read.
        func fail(_ message: String) {
            found.withLock { found in
                if found.count < Self.maximumMessageCount, !found.contains(message) { found.append(message) }
            }
        }

        private static let maximumMessageCount = 10

        func expect(_ condition: Bool, _ message: @autoclosure () -> String) {
            if !condition { fail(message()) }
        }

        /// Complains unless both are equal, and shows both.
        func expect<Value: Equatable>(_ value: Value, is expected: Value, _ rule: @autoclosure () -> String) {
            if value != expected { fail("\(rule()): it was \(value) instead of \(expected)") }
        }

        func require<Value>(_ value: Value?, _ rule: @autoclosure () -> String) throws -> Value {
            if let value { return value }
            fail(rule())
            throw Abort()
        }

        /// A second store over the same data, or `nil` if the store is not shared.
        func secondStore() async throws -> (any SessionStore)? { try await makeSecondStore?() }

        // MARK: Material

        func makeID() -> SessionID {
            let text = Self.hexadecimal(digits: 64)
            guard let id = SessionID(text) else { preconditionFailure("64 hexadecimal digits are an id") }
            return id
        }

        func makeSubject() -> SubjectID {
            guard let subject = SubjectID(Self.hexadecimal(digits: 64)) else {
                preconditionFailure("64 hexadecimal digits are a subject's id")
            }
            return subject
        }

        private static func hexadecimal(digits: Int) -> String {
            let alphabet = Array("0123456789abcdef")
            return String((0..<digits).map { _ in alphabet[Int.random(in: 0..<16)] })
        }

        func makeStamp() -> SessionStamp { SessionStamp(rawValue: .random(in: 0 ... .max)) }

        func makeRecord(
            text: String = "",
            stamp: SessionStamp? = nil,
            livesFor idle: Duration = .seconds(3600),
            absolute: Duration = .seconds(24 * 3600),
            kind: SessionRecord.Kind = .session(predecessor: nil),
            subject: String? = nil,
            labels: SessionLabels = .init()
        ) -> SessionRecord {
            SessionRecord(
                stamp: stamp ?? makeStamp(),
                revision: 1,
                createdAt: now,
                absoluteDeadline: now + absolute,
                idleTimeout: idle,
                expiresAt: now + idle,
                kind: kind,
                subject: subject,
                labels: labels,
                values: values(text)
            )
        }

        func makeForwarder(to successor: SessionID, livesFor idle: Duration = .seconds(60)) -> SessionRecord {
            makeRecord(livesFor: idle, kind: .forwarder(successor: successor, nonce: nil))
        }

        /// What a commit makes of a record: other values and another stamp.
        func makeUpdate(of record: SessionRecord, text: String, livesFor idle: Duration? = nil) -> SessionRecord {
            SessionRecord(
                stamp: makeStamp(),
                revision: record.revision &+ 1,
                createdAt: record.createdAt,
                absoluteDeadline: record.absoluteDeadline,
                idleTimeout: record.idleTimeout,
                expiresAt: idle.map { now + $0 } ?? record.expiresAt,
                kind: record.kind,
                subject: record.subject,
                labels: record.labels,
                values: values(text)
            )
        }

        func text(of record: SessionRecord?) -> String? { record?.values(at: now)[Self.textKey] }

        private static let textKey = SessionKey<String>("text")

        private func values(_ text: String) -> SessionValues {
            var values = SessionValues(now: now, limits: .init(bytesPerValue: 1 << 20, bytesPerSession: 1 << 20))
            values[Self.textKey] = text
            return values
        }

        // MARK: Steps

        func load(_ id: SessionID) async throws -> SessionRecord? { try await store.load(id, now: now) }

        /// Inserts a record under a new id.
        func insert(_ record: SessionRecord) async throws -> SessionID {
            let id = makeID()
            expect(try await store.insert(record, id: id), is: .inserted, "a record under a new id is inserted")
            return id
        }

        /// Removes whatever is there under an id that every run uses.
        func clear(_ id: SessionID) async throws {
            guard let record = try await load(id) else { return }
            expect(
                try await store.delete(id, ifStamp: record.stamp, now: now),
                is: .deleted,
                "a record that was loaded can be deleted with its stamp"
            )
        }

        /// Sweeps a whole round.
        @discardableResult
        func sweep(
            _ store: any SweepingSessionStore,
            limit: Int = 256,
            at time: SessionInstant? = nil
        ) async throws -> [SessionID] {
            var expired: [SessionID] = []
            var cursor: SessionStoreCursor?
            for _ in 0..<100_000 {
                let step = try await store.sweep(from: cursor, limit: limit, now: time ?? now)
                expired += step.expired
                guard let next = step.next else { return expired }
                expectForm(of: next)
                cursor = next
            }
            fail("a round of sweeping ends: it did not within 100,000 steps")
            throw Abort()
        }

        /// Lists a whole store, page by page, and complains of each page that is not as a page must be.
        /// - Parameter afterEach: What happens after each page.
        /// - Returns: What was listed; the same record may come on several pages.
        @discardableResult
        func list(
            _ store: any EnumerableSessionStore,
            limit: Int = 1000,
            afterEach: (SessionPage) async throws -> Void = { _ in }
        ) async throws -> [SessionPage.Entry] {
            var entries: [SessionPage.Entry] = []
            var cursor: SessionStoreCursor?
            for _ in 0..<10_000 {
                let page = try await store.page(after: cursor, limit: limit, now: now)
                expect(
                    page.entries.count <= limit + Self.pageTolerance,
                    "a page has about as many entries as it was asked for: of \(limit) it made \(page.entries.count)"
                )
                expect(
                    Set(page.entries.map(\.id)).count,
                    is: page.entries.count,
                    "no record is twice in one page: the number of different ids"
                )
                entries += page.entries
                try await afterEach(page)
                guard let next = page.next else { return entries }
                expectForm(of: next)
                cursor = next
            }
            fail("a listing ends: it did not within 10,000 pages")
            throw Abort()
        }

        /// How many entries more than it was asked for a store may give that cannot cut its own steps.
        static let pageTolerance = 128

        /// Complains of a cursor that could not stand in an address.
        private func expectForm(of cursor: SessionStoreCursor) {
            let hasForm =
                (1...256).contains(cursor.rawValue.utf8.count)
                && cursor.rawValue.allSatisfy { character in
                    character.isASCII && (character.isLetter || character.isNumber || "-._~:".contains(character))
                }
            expect(hasForm, "a cursor has 1 to 256 letters, digits and -._~: of ASCII")
        }
    }

    /// Runs `count` tasks at once and gives their results in order.
    static func concurrently<Value: Sendable>(
        _ count: Int,
        _ body: @escaping @Sendable (Int) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            for index in 0..<count { group.addTask { (index, try await body(index)) } }
            var results: [(Int, Value)] = []
            for try await result in group { results.append(result) }
            return results.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}
