"""Whether what clients saw of one session can be put into one order: the search of Wing and Gong with Lowe's memory.

The session is a register: its token, a list, a counter. An operation takes effect at one point between its start and its
answer; one whose outcome is unknown at one point after its start, or never. A history is linearizable if there is an order
of such points in which every answer is the one that the register gives.

The search is exact within its bound; where that is reached, nothing is known, and the caller says so.
"""
import math

# How many states are looked at for one session, at the most. Hundreds are common.
BOUND = 100_000


class Step:
    """An operation, or the end that another session's request has brought."""

    __slots__ = ("operation", "kind", "token", "start", "end", "is_certain")

    def __init__(self, kind, start, end, is_certain, token=None, operation=None):
        self.kind = kind
        self.token = token
        self.start = start
        self.end = end
        # Whether it has happened for sure, between start and end.
        self.is_certain = is_certain
        self.operation = operation


def step(o):
    """The step of a request; None if its outcome shows nothing."""
    if o.kind not in ("append", "increment", "values", "session", "renew", "login", "logout"):
        return None
    if o.outcome != "unknown":
        return Step(o.kind, o.invoked, o.answered, True, o.token, o)
    if o.token is None or o.kind in ("values", "session"):
        return None
    return Step(o.kind, o.invoked, math.inf, False, o.token, o)


class Search:
    # Before it is made, after its end, and with a token that no client knows.
    NONE, UNKNOWN = "", "?"

    def __init__(self, steps, bound=BOUND, prunes=True):
        self.steps = sorted(steps, key=lambda s: s.start)
        self.bound = bound
        self.explored = 0
        self.certain = sum(1 << index for index, s in enumerate(self.steps) if s.is_certain)
        lists = {s.operation.items for s in self.steps if s.kind == "values" and s.operation.items}
        # What somebody has seen, and how it went on.
        self.following = {}
        for items in lists if prunes else ():
            for length in range(len(items)):
                self.following.setdefault(items[:length], set()).add(items[length])
        self.seen = {item for items in lists for item in items}

    def run(self):
        """True, False, or None where the bound was reached."""
        begin = (0, (self.NONE, (), 0))
        known = {begin}
        stack = [begin]
        while stack:
            done, state = stack.pop()
            if done & self.certain == self.certain:
                return True
            self.explored += 1
            if self.explored > self.bound:
                return None
            # The last one is looked at first: what is certain, in the order in which it was answered.
            for following in reversed(list(self.successors(done, state))):
                if following not in known:
                    known.add(following)
                    stack.append(following)
        return False

    def successors(self, done, state):
        first_end = math.inf
        open_steps = []
        for index, s in enumerate(self.steps):
            if s.start > first_end:
                break
            if done >> index & 1:
                continue
            open_steps.append((index, s))
            if s.is_certain:
                first_end = min(first_end, s.end)
        last_start = self.steps[done.bit_length() - 1].start if done else -math.inf
        candidates = [(i, s) for i, s in open_steps if s.start <= first_end and s.end >= last_start]
        candidates.sort(key=lambda one: (not one[1].is_certain, one[1].end, one[1].start))
        alike = set()
        for index, s in candidates:
            if not s.is_certain and s.kind in ("append", "increment"):
                # Of those that nobody can tell apart the first one will do.
                value = s.operation.value if s.operation.value in self.seen else None
                key = (s.kind, s.token, value)
                if key in alike:
                    continue
                alike.add(key)
            for following in self.apply(s, state):
                yield done | 1 << index, following

    def apply(self, s, state):
        """The states that it may lead to, if it can happen in this one."""
        token, items, number = state
        o = s.operation
        if s.kind == "end":
            return [(self.NONE, items, number)]
        is_there = s.token is not None and s.token == token
        if not s.is_certain:
            if not is_there:
                return []
            if s.kind == "append":
                return self.grown(token, items, number, o.value)
            if s.kind == "increment":
                return [(token, items, number + 1)]
            return [(self.NONE if s.kind == "logout" else self.UNKNOWN, items, number)]
        if o.outcome == "failed" or o.went_elsewhere:
            return [] if is_there else [state]
        if s.kind == "values":
            seen = (o.items or (), o.number or 0)
            return [state] if seen == ((items, number) if is_there else ((), 0)) else []
        if s.kind == "session":
            return [state] if bool(o.exists) == is_there else []
        if s.kind == "logout":
            return [(self.NONE, items, number)] if is_there else [state]
        if s.kind in ("renew", "login"):
            if is_there:
                return [(o.new_token, items, number)] if o.new_token else []
            if not o.new_token:
                return [state]
            # Whoever signs in with the token of a session that is gone gets one without a past.
            return [(o.new_token, (), 0)] if s.kind == "login" and token == self.NONE else []
        if s.token is None:
            # The first write makes the session.
            if token != self.NONE or not o.new_token:
                return []
            return [(o.new_token, (o.value,), 0) if s.kind == "append" else (o.new_token, (), 1)]
        if not is_there:
            return []
        if s.kind == "append":
            return [(token, (*items, o.value), number)] if o.number in (None, len(items) + 1) else []
        return [(token, items, number + 1)] if o.number in (None, number + 1) else []

    def grown(self, token, items, number, value):
        """The list with an item of which nobody knows whether it was appended: only if those who read it later saw it."""
        following = self.following.get(items)
        if following is not None and value not in following:
            return []
        return [(token, (*items, value if value in self.seen else None), number)]


def decide(steps, bound=BOUND):
    """Whether there is such an order: True, False, or None where the bound was reached."""
    result = Search(steps, bound).run()
    if result is False and sum(s.kind == "login" and s.token is not None for s in steps) > 0:
        # Where a token has brought a second session without a past, lists that others saw say nothing about this one.
        result = Search(steps, bound, prunes=False).run()
    return result


def shrink(steps, bound=BOUND):
    """The shortest beginning of a history for which there is no order, without the reads that do not matter."""
    ends = sorted({s.end for s in steps if s.is_certain})
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        if decide(until(steps, ends[middle]), bound) is False:
            high = middle
        else:
            low = middle + 1
    steps = until(steps, ends[low])
    for one in sorted((s for s in steps if s.kind in ("values", "session")), key=lambda s: s.start):
        without = [s for s in steps if s is not one]
        if decide(without, bound) is False:
            steps = without
    return steps


def until(steps, time):
    """What was known then: what was not answered yet may still happen."""
    known = []
    for s in steps:
        if s.start > time:
            continue
        if s.end <= time:
            known.append(s)
        elif s.kind not in ("values", "session") and s.token is not None or s.kind == "end":
            known.append(Step(s.kind, s.start, math.inf, False, s.token, s.operation))
    return known
