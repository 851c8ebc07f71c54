import Synchronization

extension MemorySessionStore {
    /// What the index knows of one subject.
    struct Subject: Sendable {
        struct Entry: Sendable {
            var absoluteDeadline: SessionInstant
            var addedAt: SessionInstant
        }

        var epoch = SubjectEpoch.initial
        /// Until when the epoch must be remembered: whoever read the one before is done by then.
        var epochDeadline = SessionInstant.distantPast
        var entries: [SessionID: Entry] = [:]
        /// At how many entries those whose deadline has passed are looked for: twice as many as there were the last time,
        /// so that a subject who signs in often costs little, and never keeps more than twice what lives.
        var pruneThreshold = Self.minimumPruneThreshold

        static let minimumPruneThreshold = 16

        mutating func prune(at now: SessionInstant) {
            if entries.contains(where: { $0.value.absoluteDeadline <= now }) {
                entries = entries.filter { $0.value.absoluteDeadline > now }
            }
            pruneThreshold = max(entries.count * 2, Self.minimumPruneThreshold)
        }
    }

    /// How long a raised epoch is remembered when its subject has no entries.
    static let epochMemory: Duration = .seconds(3600)

    private func shard(of subject: SubjectID) -> Shard { shards[Self.shardIndex(of: subject.digest)] }
}

extension MemorySessionStore: SubjectIndexingSessionStore {
    /// Adds an entry to a subject's index and reads the epoch, in one step.
    public func addToIndex(
        _ id: SessionID,
        subject: SubjectID,
        absoluteDeadline: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> SubjectEpoch {
        shard(of: subject).subjects.withLock { subjects in
            let slot =
                subjects.find(subject.digest)
                ?? subjects.add(Subject(), key: subject.digest, deadline: absoluteDeadline)
            subjects.withValue(at: slot) { subject in
                if let entry = subject.entries[id] {
                    subject.entries[id]?.absoluteDeadline = max(entry.absoluteDeadline, absoluteDeadline)
                } else {
                    subject.entries[id] = .init(absoluteDeadline: absoluteDeadline, addedAt: now)
                    if subject.entries.count >= subject.pruneThreshold { subject.prune(at: now) }
                }
            }
            // The subject may be dropped once its last entry may.
            subjects.setDeadline(max(subjects.slots[slot].deadline, absoluteDeadline), at: slot)
            return subjects.slots[slot].value.epoch
        }
    }

    /// Removes an entry of a subject's index.
    public func removeFromIndex(_ id: SessionID, subject: SubjectID) async throws(SessionStoreError) {
        shard(of: subject).subjects.withLock { subjects in
            guard let slot = subjects.find(subject.digest) else { return }
            subjects.withValue(at: slot) { $0.entries[id] = nil }
            subjects.settle(slot)
        }
    }

    /// The subject's epoch.
    public func epoch(of subject: SubjectID) async throws(SessionStoreError) -> SubjectEpoch {
        shard(of: subject).subjects.withLock { subjects in
            subjects.find(subject.digest).map { subjects.slots[$0].value.epoch } ?? .initial
        }
    }

    /// Raises the subject's epoch and reads its entries, in one step.
    public func raiseEpoch(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        let epoch = SubjectEpoch(rawValue: lastEpoch.add(1, ordering: .relaxed).newValue)
        let epochDeadline = now + Self.epochMemory
        return shard(of: subject).subjects.withLock { subjects in
            let slot =
                subjects.find(subject.digest)
                ?? subjects.add(Subject(), key: subject.digest, deadline: epochDeadline)
            subjects.withValue(at: slot) { subject in
                subject.epoch = epoch
                subject.epochDeadline = epochDeadline
                subject.prune(at: now)
            }
            subjects.setDeadline(max(subjects.slots[slot].deadline, epochDeadline), at: slot)
            return subjects.entries(at: slot)
        }
    }

    /// The subject's entries.
    public func index(
        of subject: SubjectID,
        now: SessionInstant
    ) async throws(SessionStoreError) -> [SubjectIndexEntry] {
        shard(of: subject).subjects.withLock { subjects in
            guard let slot = subjects.find(subject.digest) else { return [] }
            subjects.withValue(at: slot) { $0.prune(at: now) }
            let entries = subjects.entries(at: slot)
            subjects.settle(slot)
            return entries
        }
    }
}

extension ExpiringTable<MemorySessionStore.Subject> {
    fileprivate func entries(at slot: Int) -> [SubjectIndexEntry] {
        slots[slot].value.entries.map { SubjectIndexEntry(id: $0.key, addedAt: $0.value.addedAt) }
    }

    /// Drops a subject that nothing is known of, and hastens the end of one that only has an epoch left.
    fileprivate mutating func settle(_ slot: Int) {
        let subject = slots[slot].value
        guard subject.entries.isEmpty else { return }
        if subject.epoch == .initial {
            remove(at: slot)
        } else {
            setDeadline(subject.epochDeadline, at: slot)
        }
    }
}
