"""What clients did and saw while servers failed.

Times are seconds of `time.monotonic()`, taken by the client: `invoked` before the first byte was sent, `answered` after
the last one came. What a server did happened between the two; where the outcome is unknown, between the two or later.
"""
import bisect
import json

READS = {"values", "session", "sessions"}
WRITES = {"append", "increment"}
# What gives the session another token, or ends it: from then on the token of the request is of no use.
TERMINAL = {"login", "renew", "logout"}


class Operation:
    """One request and its answer."""

    __slots__ = (
        "kind", "user", "session", "token", "process", "invoked", "answered", "status", "code", "value", "items", "number",
        "exists", "subject", "id", "ids", "new_token", "cookies", "retry_after",
    )

    def __init__(self, kind, user=None, session=None, token=None, process=0, invoked=0.0, answered=0.0, status=0, **more):
        self.kind = kind
        self.user = user
        # The session as its user counts it: it stays the same when it is renewed.
        self.session = session
        # None for a request without a cookie.
        self.token = token
        self.process = process
        self.invoked = invoked
        self.answered = answered
        # 0 where the connection broke.
        self.status = status
        self.code = more.pop("code", None)
        # What an append appends.
        self.value = more.pop("value", None)
        # What a read saw: the list, and the counter. For an append and an increment: what it committed.
        self.items = more.pop("items", None)
        self.number = more.pop("number", None)
        self.exists = more.pop("exists", None)
        self.subject = more.pop("subject", None)
        self.id = more.pop("id", None)
        self.ids = more.pop("ids", ())
        self.new_token = more.pop("new_token", None)
        self.cookies = more.pop("cookies", 0)
        self.retry_after = more.pop("retry_after", False)
        assert not more, more

    @property
    def outcome(self):
        """ok, failed (nothing was done) or unknown (it may have been, and may still be)."""
        if 200 <= self.status < 300:
            return "ok"
        return "failed" if 400 <= self.status < 500 else "unknown"

    @property
    def went_elsewhere(self):
        """Whether the session of the token was not there, and a new one was made."""
        return self.kind in WRITES and self.token is not None and self.new_token is not None

    @property
    def committed(self):
        return self.kind in WRITES and self.outcome == "ok" and not self.went_elsewhere

    def __str__(self):
        what = f"{self.kind} of {self.user}, session {self.session}, token {self.token}, process {self.process}"
        return f"{what}, at {self.invoked:.3f} for {self.answered - self.invoked:.3f} s: {self.status} {self.code or ''}".rstrip()

    def detailed(self):
        """With what it brought, but for the items, which are counted."""
        told = [
            ("value", self.value), ("number", self.number), ("exists", self.exists), ("subject", self.subject),
            ("items", len(self.items) if self.items is not None else None), ("new", self.new_token),
        ]
        return " ".join([str(self), *(f"{name}={value}" for name, value in told if value is not None)])

    def events(self, number, zero):
        """The two lines of a log: what was asked, and what came of it."""
        asked = {"at": round(self.invoked - zero, 6), "type": "invoke", "operation": number, "kind": self.kind}
        for name in ("user", "session", "token", "process", "value"):
            if getattr(self, name) is not None:
                asked[name] = getattr(self, name)
        outcome = "fail" if self.outcome == "failed" else self.outcome
        told = {"at": round(self.answered - zero, 6), "type": outcome, "operation": number, "status": self.status}
        for name in ("code", "items", "number", "exists", "subject", "id", "ids", "new_token"):
            if getattr(self, name) not in (None, ()) or (name == "items" and self.items is not None):
                told[name] = getattr(self, name)
        return asked, told


class Fault:
    """Something done to the servers, or to the way to them."""

    def __init__(
        self, kind, injected, healthy, loses=False, splits=False, silent=None, process=None, spreads=True, deaf=None,
        emptied=None,
    ):
        self.kind = kind
        self.injected = injected
        # When the server, or the new primary, was known to be there.
        self.healthy = healthy
        # Whether asynchronous replication may lose writes.
        self.loses = loses
        # Whether two servers may have taken themselves for the primary for a while.
        self.splits = splits
        # From when to when no server could have answered, if there is such a span.
        self.silent = silent
        # The one process of the demo to which no server could have answered, where it was not all of them.
        self.deaf = deaf
        # The process of the demo that was killed, paused or cut off from clients, if it was one, and whether the others
        # may feel it.
        self.process = process
        self.spreads = spreads
        # When that process was surely gone, if it had all of its sessions in memory, so that they ended with it.
        self.emptied = emptied

    def __str__(self):
        return f"{self.kind} at {self.injected:.3f}, well again at {self.healthy:.3f}"

    def event(self, zero):
        return {
            "at": round(self.injected - zero, 6), "type": "fault", "kind": self.kind, "process": self.process,
            "until": round(self.healthy - zero, 6),
        }


class Spans:
    """Spans of time, asked often whether they meet another one."""

    def __init__(self, spans):
        self.merged = []
        for start, end in sorted(spans):
            if self.merged and start <= self.merged[-1][1]:
                self.merged[-1][1] = max(self.merged[-1][1], end)
            else:
                self.merged.append([start, end])
        self.starts = [start for start, _ in self.merged]

    def find(self, start, end):
        """The last span that meets it."""
        index = bisect.bisect_right(self.starts, end) - 1
        return self.merged[index] if index >= 0 and self.merged[index][1] >= start else None

    def meet(self, start, end):
        return self.find(start, end) is not None


class History:
    def __init__(self, near=(), limits=None):
        # The processes with a near cache.
        self.near = frozenset(near)
        # The idle and the absolute limit of the processes whose sessions are to reach them.
        self.limits = limits or {}
        self.operations = []
        self.faults = []
        # When and for how long the clients or a server stood still, on a busy machine.
        self.stalls = []

    def add(self, operation):
        self.operations.append(operation)

    def length(self, operation):
        """How long the answer took, without the time for which the machine had no room."""
        return operation.answered - operation.invoked - self.stood_still(operation.invoked, operation.answered)

    def stood_still(self, start, end):
        """How long the clients or a server stood still, as far as was noticed at most a moment after the end."""
        index = bisect.bisect_left(self.stalls, (start, 0.0))
        total = 0.0
        while index < len(self.stalls) and self.stalls[index][0] <= end + 0.1:
            total += self.stalls[index][1]
            index += 1
        return total

    def write(self, path, zero):
        """All of it, one JSON document a line, in the order of time."""
        events = [fault.event(zero) for fault in self.faults]
        for number, operation in enumerate(self.operations, 1):
            events.extend(operation.events(number, zero))
        events.sort(key=lambda event: event["at"])
        with open(path, "w") as log:
            for event in events:
                log.write(json.dumps(event, separators=(",", ":")) + "\n")
