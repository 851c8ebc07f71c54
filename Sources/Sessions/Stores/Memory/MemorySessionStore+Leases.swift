import Synchronization

extension MemorySessionStore: LeasingSessionStore {
    /// Takes the lease of a session, if nobody else has it.
    public func acquireLease(
        on id: SessionID,
        holder: UInt64,
        expiresAt: SessionInstant,
        now: SessionInstant
    ) async throws(SessionStoreError) -> Bool {
        shards[Self.shardIndex(of: id.digest)].leases.withLock { leases in
            guard let slot = leases.find(id.digest) else {
                leases.add(holder, key: id.digest, deadline: expiresAt)
                return true
            }
            let current = leases.slots[slot]
            guard current.value == holder || current.deadline <= now else { return false }
            leases.setValue(holder, at: slot)
            leases.setDeadline(expiresAt, at: slot)
            return true
        }
    }

    /// Gives a lease back.
    public func releaseLease(on id: SessionID, holder: UInt64) async throws(SessionStoreError) {
        shards[Self.shardIndex(of: id.digest)].leases.withLock { leases in
            guard let slot = leases.find(id.digest), leases.slots[slot].value == holder else { return }
            leases.remove(at: slot)
        }
    }
}
