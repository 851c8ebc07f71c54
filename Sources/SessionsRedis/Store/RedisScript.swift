#if Redis
import Crypto

/// A program that the server runs in one step, on keys of one slot.
struct RedisScript: Sendable {
    let source: String
    /// The name under which the server knows it once it has run: SHA-1 of the source, as the protocol has it.
    let digest: String
    /// The kinds of replies that it has.
    let replies: RESPValue.Kinds

    init(_ source: String, replies: RESPValue.Kinds = .any) {
        self.source = source
        self.replies = replies
        digest = Insecure.SHA1.hash(data: Array(source.utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0\(digits)" : digits
        }.joined()
    }
}

// The first 36 bytes of a record's value: the deadline (16 digits), and of the body 12 bytes and the stamp (8 bytes).
// Moments are 16 digits each, so that comparing them as text compares them as times.

extension RedisScript {
    /// KEYS: record. ARGV: stamp, now, new value, when the server may drop it. Gives 1; the record now, if its stamp is
    /// another; null, if there is none or it has expired.
    static let update = RedisScript(
        """
        local head = redis.call('GETRANGE', KEYS[1], 0, 35)
        if head == '' or string.sub(head, 1, 16) <= ARGV[2] then return false end
        if string.sub(head, 29, 36) ~= ARGV[1] then return redis.call('GET', KEYS[1]) end
        redis.call('SET', KEYS[1], ARGV[3], 'PXAT', ARGV[4])
        return 1
        """,
        replies: recordReplies
    )

    private static let recordReplies: RESPValue.Kinds = [.integer, .bulk, .null]

    /// KEYS: record. ARGV: stamp, now, new deadline, when the server may drop it. Gives 1 if the record was there with that
    /// stamp, 0 otherwise.
    static let touch = RedisScript(
        """
        local head = redis.call('GETRANGE', KEYS[1], 0, 35)
        if head == '' or string.sub(head, 1, 16) <= ARGV[2] or string.sub(head, 29, 36) ~= ARGV[1] then return 0 end
        if ARGV[3] > string.sub(head, 1, 16) then
            redis.call('SETRANGE', KEYS[1], 0, ARGV[3])
            redis.call('PEXPIREAT', KEYS[1], ARGV[4])
        end
        return 1
        """,
        replies: .integer
    )

    /// KEYS: record. ARGV: stamp, now. Gives as `update` does.
    static let delete = RedisScript(
        """
        local head = redis.call('GETRANGE', KEYS[1], 0, 35)
        if head == '' or string.sub(head, 1, 16) <= ARGV[2] then return false end
        if string.sub(head, 29, 36) ~= ARGV[1] then return redis.call('GET', KEYS[1]) end
        redis.call('DEL', KEYS[1])
        return 1
        """,
        replies: recordReplies
    )

    // MARK: Subjects

    /// Drops up to a hundred entries whose absolute deadline has passed: a sign-in need not clear up everything.
    private static let pruneSome = """
        local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)
        if #gone > 0 then
            redis.call('ZREM', KEYS[1], unpack(gone))
            redis.call('HDEL', KEYS[2], unpack(gone))
        end

        """

    /// Drops all entries whose absolute deadline has passed; what follows reads all the others in any case. A thousand in
    /// one command, for there is no room for more arguments than some thousand.
    private static let pruneAll = """
        while true do
            local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1000)
            if #gone == 0 then break end
            redis.call('ZREM', KEYS[1], unpack(gone))
            redis.call('HDEL', KEYS[2], unpack(gone))
        end

        """

    /// Lets both keys live a minute longer than the last entry, and a day at least: as long as a sign-in may take to ask
    /// for the epoch again.
    private static let keep = """
        local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
        local keptUntil = now + 86400000
        if last then
            keptUntil = math.max(keptUntil, last + 60000)
            redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', keptUntil))
        end
        redis.call('PEXPIREAT', KEYS[2], string.format('%.0f', keptUntil))

        """

    /// KEYS: the subject's sessions, its additions. ARGV: now, id, absolute deadline. Gives the epoch.
    static let addToIndex = RedisScript(
        """
        local now = tonumber(ARGV[1])
        \(pruneSome)if redis.call('ZADD', KEYS[1], 'NX', ARGV[3], ARGV[2]) == 1 then
            redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
        end
        \(keep)return redis.call('HGET', KEYS[2], 'epoch') or '0'
        """,
        replies: .bulk
    )

    /// KEYS: the subject's sessions, its additions. ARGV: id.
    static let removeFromIndex = RedisScript(
        """
        redis.call('HDEL', KEYS[2], ARGV[1])
        return redis.call('ZREM', KEYS[1], ARGV[1])
        """,
        replies: .integer
    )

    /// KEYS: the subject's sessions, its additions. ARGV: now. Gives the ids, and the additions by id.
    static let index = RedisScript(
        """
        local now = tonumber(ARGV[1])
        \(pruneAll)return {redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf'), redis.call('HGETALL', KEYS[2])}
        """,
        replies: .array
    )

    /// KEYS: the subject's sessions, its additions. ARGV: now. Gives the same after raising the epoch: to the time, or by
    /// one, so that it never comes back.
    static let raiseEpoch = RedisScript(
        """
        local now = tonumber(ARGV[1])
        \(pruneAll)local epoch = tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0')
        redis.call('HSET', KEYS[2], 'epoch', string.format('%.0f', math.max(epoch + 1, now)))
        \(keep)return {redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf'), redis.call('HGETALL', KEYS[2])}
        """,
        replies: .array
    )

    // MARK: Leases

    /// KEYS: lease. ARGV: holder, now, end of the lease, when the server may drop it. Gives 1 if the holder has it.
    static let acquireLease = RedisScript(
        """
        local lease = redis.call('GET', KEYS[1])
        if lease and string.sub(lease, 17) ~= ARGV[1] and string.sub(lease, 1, 16) > ARGV[2] then return 0 end
        redis.call('SET', KEYS[1], ARGV[3] .. ARGV[1], 'PXAT', ARGV[4])
        return 1
        """,
        replies: .integer
    )

    /// KEYS: lease. ARGV: holder.
    static let releaseLease = RedisScript(
        """
        local lease = redis.call('GET', KEYS[1])
        if lease and string.sub(lease, 17) == ARGV[1] then redis.call('DEL', KEYS[1]) end
        return 1
        """,
        replies: .integer
    )

    /// Does nothing: whether scripts may be run.
    static let probe = RedisScript("return 1", replies: .integer)
}
#endif
