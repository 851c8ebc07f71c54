"""What the checks go by, and what they find."""
import collections

# "At the latest one second", and the round trip, for what one process committed and another has in its near cache.
STALE = 1.0
ROUND_TRIP = 0.1
# How long before a failover a write may have been acknowledged that asynchronous replication loses, and how long after
# the new primary is known a request may still have been answered by the old one. Little, or each failover would excuse
# what went wrong after the one before.
LOSS_BEFORE = 1.0
LOSS_AFTER = 1.0
RECOVERY = 2.0
LONGEST_ANSWER = 2.5
# What reads or ends several sessions, one after the other.
LONGEST_ANSWERS = {"end-others": 8.0, "sessions": 5.0}
LONGEST_PLAIN_ANSWER = 1.0
LONGEST_STALL = 0.5
# The share of a request's time, and of a moment before it, for which a busy machine had no room.
BUSY = 0.2
BEFORE_BUSY = 0.5
# After which a store gives up a connection that does not answer, about.
STORE_TIMEOUT = 1.2


class Violation:
    def __init__(self, kind, text, *operations):
        self.kind = kind
        self.text = text
        self.operations = operations

    def __str__(self):
        return "\n        ".join([f"{self.kind}: {self.text}", *map(str, self.operations)])


class Verdict:
    def __init__(self):
        self.violations = []
        # By replication: operations of each kind.
        self.lost_appends = []
        self.lost_increments = []
        self.lost_sessions = []
        self.lost_ends = []
        self.stale_reads = []
        # Sessions by what came of the search for an order: found, none, undecided, or left out since replication may have
        # lost something.
        self.orders = collections.Counter()
        # How often a limit was reached, and an end-all was followed by a look at another session.
        self.limits_reached = 0
        self.ends_by_others = 0
        self.races = 0
        # Of those that may be stale, since they came from a near cache: by how many seconds the stalest was.
        self.stalest = 0.0

    def violate(self, kind, text, *operations):
        self.violations.append(Violation(kind, text, *operations))
