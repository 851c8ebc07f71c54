"""The two clocks of a session: when it may be gone, and when it must be.

A server takes the time of a use somewhere between its start and its answer. It moves the idle deadline at most once per
tenth of the idle time, so a session may end up to a tenth early; never later. A use of which nobody knows what became of it
may have moved the deadline as late as its process, or its store, was well again.
"""

from outages.history import READS

# What this program may be off, looking at its own clock.
SLACK = 0.05


class Lifetime:
    """Of one session."""

    def __init__(self, operations, idle, absolute, delays, outages, losses):
        """`delays`: spans in which a request may have been worked on later than its answer tells. `outages`: in which a
        read may have been answered without moving the deadline. `losses`: in which nothing is certain."""
        self.idle = idle
        self.absolute = absolute
        self.delays = delays
        self.outages = outages
        self.losses = losses
        # What may have moved the idle deadline, and what surely has: the instants that a server may have taken.
        self.uses = [
            (o.invoked, self.latest(o)) for o in operations
            if o.outcome != "failed" and not o.went_elsewhere and o.exists is not False
        ]
        self.certain_uses = []
        # One that is not done before the deadline finds the session, and may come too late to move it.
        deadline = None
        for o in operations:
            if o.outcome != "ok" or o.went_elsewhere or self.saw_nothing(o) or self.is_uncertain(o):
                continue
            if o.token is None or (deadline is not None and o.answered < deadline):
                self.certain_uses.append(o.invoked)
                deadline = o.invoked + idle * 0.9 - SLACK
        # The absolute clock starts with the session, and anew with each sign-in.
        self.beginnings = [
            (o.invoked, self.latest(o)) for o in operations
            if o.outcome != "failed" and (o.kind == "login" or o.token is None)
        ]

    @staticmethod
    def saw_nothing(o):
        """Whether the session may not have been there."""
        if o.kind == "values":
            return not o.items and o.number is None
        return o.exists is False or (o.kind == "renew" and o.new_token is None)

    def is_uncertain(self, o):
        """A write moves the deadline in the same step; that it was not moved for a read is no reason to fail it."""
        spans = self.outages if o.kind in READS else self.losses
        return spans.meet(o.invoked, o.answered)

    def latest(self, o):
        span = self.delays.find(o.invoked, o.answered)
        return max(o.answered, span[1]) if span and o.outcome == "unknown" else o.answered

    def must_be_over(self, o):
        """Which limit has surely been passed before this request, if one has."""
        earlier = [latest for invoked, latest in self.uses if invoked < o.invoked]
        if earlier and o.invoked > max(earlier) + self.idle + SLACK:
            return "idle"
        begun = [latest for invoked, latest in self.beginnings if invoked < o.invoked]
        if begun and o.invoked > max(begun) + self.absolute + SLACK:
            return "absolute"
        return None

    def may_be_over(self, o):
        """Whether a limit may have been passed before this request was answered."""
        latest = self.latest(o)
        last_use = max((use for use in self.certain_uses if use < o.invoked), default=None)
        if last_use is None or latest > last_use + self.idle * 0.9 - SLACK:
            return True
        # Of the absolute clock the last start that is certain is of no help: an earlier one may have been the last.
        begun = [invoked for invoked, _ in self.beginnings if invoked < o.invoked]
        return not begun or latest > min(begun) + self.absolute - SLACK
