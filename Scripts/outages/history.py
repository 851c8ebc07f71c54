"""What clients did and saw while servers failed, and what is wrong with it.

A history is complete when `violations` looks at it: the checks know what came later. Nothing here talks to a server, so
every check can be shown a history that it must object to; see self_test.py.

Times are seconds of `time.monotonic()`, taken by the client: `invoked` before the first byte was sent, `answered` after
the last one came. What a server did happened between the two.
"""
import bisect
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
LONGEST_PLAIN_ANSWER = 1.0
LONGEST_STALL = 0.5

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


class Fault:
    """Something done to the servers."""

    def __init__(self, kind, injected, healthy, loses=False, splits=False, silent=None, process=None, spreads=True):
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
        # The process of the demo that was killed or paused, if it was one, and whether the others may feel it.
        self.process = process
        self.spreads = spreads

    def __str__(self):
        return f"{self.kind} at {self.injected:.3f}, well again at {self.healthy:.3f}"


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

    def meet(self, start, end):
        index = bisect.bisect_right(self.starts, end) - 1
        return index >= 0 and self.merged[index][1] >= start


class Violation:
    def __init__(self, kind, text, *operations):
        self.kind = kind
        self.text = text
        self.operations = operations

    def __str__(self):
        return "\n        ".join([f"{self.kind}: {self.text}", *map(str, self.operations)])


class History:
    def __init__(self, near=()):
        # The processes with a near cache.
        self.near = frozenset(near)
        self.operations = []
        self.faults = []
        # When and for how long the clients themselves stood still, on a busy machine.
        self.stalls = []

    def add(self, operation):
        self.operations.append(operation)

    def length(self, operation):
        """How long the answer took, without the time that this program itself stood still."""
        index = bisect.bisect_left(self.stalls, (operation.invoked, 0.0))
        length = operation.answered - operation.invoked
        while index < len(self.stalls) and self.stalls[index][0] <= operation.answered + 0.1:
            length -= self.stalls[index][1]
            index += 1
        return length


class Verdict:
    def __init__(self):
        self.violations = []
        # By replication: operations of each kind.
        self.lost_appends = []
        self.lost_increments = []
        self.lost_sessions = []
        self.lost_ends = []
        self.stale_reads = []
        # Of those that may be stale, since they came from a near cache: by how many seconds the stalest was.
        self.stalest = 0.0

    def violate(self, kind, text, *operations):
        self.violations.append(Violation(kind, text, *operations))


class Check:
    """All checks of one history."""

    def __init__(self, history):
        self.history = history
        self.verdict = Verdict()
        losing = [fault for fault in history.faults if fault.loses]
        self.losses = Spans((f.injected - LOSS_BEFORE, f.healthy + LOSS_AFTER) for f in losing)
        self.splits = Spans((f.injected, f.healthy + LOSS_AFTER) for f in history.faults if f.splits)
        # A near cache may vouch for what it holds for a second. After that an answer has come from nowhere.
        self.silences = [
            (f.silent[0] + STALE + ROUND_TRIP, f.silent[1]) for f in history.faults if f.silent
        ]
        self.outages = Spans((f.injected, f.healthy + RECOVERY) for f in history.faults if f.spreads)
        # When each process of the demo could not answer, or not in time.
        absences = collections.defaultdict(list)
        for fault in history.faults:
            if fault.process is not None:
                absences[fault.process].append((fault.injected, fault.healthy + ROUND_TRIP))
        self.absences = {process: Spans(spans) for process, spans in absences.items()}

    def run(self):
        self.check_answers()
        self.check_cross_talk()
        sessions = collections.defaultdict(list)
        for operation in self.history.operations:
            if operation.session is not None:
                sessions[operation.session].append(operation)
        # Who sent what, to tell one's own from somebody else's.
        self.senders = {o.value: o for o in self.history.operations if o.kind == "append"}
        for operations in sessions.values():
            SessionCheck(self, operations).run()
        return self.verdict

    def is_excused(self, operation):
        """Whether the process that was asked was not there, or paused."""
        absences = self.absences.get(operation.process)
        return absences is not None and absences.meet(operation.invoked, operation.answered)

    def may_be_lost(self, operation):
        return self.losses.meet(operation.invoked, operation.answered)

    # MARK: Each answer by itself

    def check_answers(self):
        violate = self.verdict.violate
        for o in self.history.operations:
            excused = self.is_excused(o)
            if o.kind == "plain":
                if excused and o.status == 0:
                    continue
                if o.status != 200 or o.cookies:
                    violate("plain", "a route without a session is to answer always", o)
                if self.history.length(o) > LONGEST_PLAIN_ANSWER and not excused:
                    violate("plain", f"a route without a session took longer than {LONGEST_PLAIN_ANSWER} s", o)
                continue
            if self.history.length(o) > LONGEST_ANSWER and not excused:
                violate("slow", f"an answer took longer than {LONGEST_ANSWER} s", o)
            if o.cookies > 1:
                violate("cookie", "more than one Set-Cookie", o)
            if o.cookies and (o.outcome != "ok" or o.kind in READS):
                violate("cookie", "a Set-Cookie that nobody asked for", o)
            if o.outcome == "ok" and o.token is not None and any(a < o.invoked and o.answered < b for a, b in self.silences):
                violate("silence", "an answer while no server could have vouched for it", o)
            if o.status == 503:
                if not o.retry_after:
                    violate("retry-after", "503 without Retry-After", o)
                # Where nothing moved for half a second, a connection may not have been opened in time.
                stalled = o.answered - o.invoked - self.history.length(o)
                if not excused and stalled < LONGEST_STALL and not self.outages.meet(o.invoked, o.answered):
                    violate("recovery", f"503 without an outage, or more than {RECOVERY:.0f} s after it", o)
            elif o.outcome == "unknown" and not (excused and o.status == 0):
                violate("status", "neither success nor refusal nor 503", o)
            elif o.outcome == "failed" and o.status not in ((401, 409) if o.kind == "sessions" else (409,)):
                violate("status", "a refusal that does not belong to this request", o)

    # MARK: Whose is what

    def check_cross_talk(self):
        violate = self.verdict.violate
        ids, tokens = {}, {}
        for o in self.history.operations:
            if o.subject is not None and o.subject != o.user:
                violate("cross-talk", f"the subject {o.subject}", o)
            for id in [o.id, *o.ids]:
                if id is not None and ids.setdefault(id, o).user != o.user:
                    violate("cross-talk", "one session id for two users", ids[id], o)
            if o.new_token is not None and tokens.setdefault(o.new_token, o) is not o:
                violate("cross-talk", "one token for two requests", tokens[o.new_token], o)


class SessionCheck:
    """The checks of one session."""

    def __init__(self, check, operations):
        self.check = check
        self.near = check.history.near
        self.verdict = check.verdict
        self.operations = sorted(operations, key=lambda o: o.invoked)
        self.appends = {o.value: o for o in self.operations if o.kind == "append"}
        self.acknowledged = {
            kind: [o for o in self.operations if o.kind == kind and o.committed] for kind in ("append", "increment")
        }
        # What may have taken effect.
        self.possible = {
            kind: [o for o in self.operations if o.kind == kind and (o.committed or o.outcome == "unknown")]
            for kind in ("append", "increment")
        }
        # Creating, signing in and renewing: where one of these is lost, the session is.
        self.births = [
            o for o in self.operations
            if o.outcome == "ok" and o.new_token is not None and not o.went_elsewhere
        ]
        self.ends = collections.defaultdict(list)
        for o in self.operations:
            if o.kind in TERMINAL and o.token is not None and self.has_an_end(o):
                self.ends[o.token].append(o)

    def has_an_end(self, o):
        """Whether the request has ended its token, or may have."""
        if o.outcome == "ok":
            # Renewing what is not there does nothing.
            return o.kind == "logout" or o.new_token is not None
        if o.outcome == "failed":
            return False
        # It was not carried out, and never will be, if the token wrote later: it compares before it sets.
        return not any(
            w.committed and w.token == o.token and w.invoked > o.answered and not self.check.may_be_lost(w)
            for w in self.operations
        )

    def delay(self, writer, reader):
        """How long the reader may not know what the writer did."""
        if reader.process in self.near and writer.process != reader.process:
            return STALE + ROUND_TRIP
        return 0.0

    def precedes(self, writer, reader):
        return writer.answered + self.delay(writer, reader) < reader.invoked

    def ended_before(self, reader):
        """The request that surely has ended the reader's token, if there is one."""
        return next((o for o in self.ends[reader.token] if o.outcome == "ok" and self.precedes(o, reader)), None)

    def may_have_ended(self, reader):
        return any(o.invoked < reader.answered for o in self.ends[reader.token])

    def is_out_of_sight(self, write, reader):
        """Whether the write was made with another token, and the reader need not know yet that its own was replaced.

        That it knows when it must has been looked at before: see `ended_before`.
        """
        return write.token != reader.token and self.may_have_ended(reader)

    def run(self):
        self.is_gone = False
        self.missed = collections.defaultdict(list)
        # What a near cache need not know yet.
        self.late = collections.defaultdict(list)
        for o in self.operations:
            if o.token is None or o.outcome == "unknown":
                continue
            if self.shows_nothing(o):
                self.check_absence(o)
            elif self.shows_something(o):
                self.check_items(o)
                end = self.ended_before(o)
                if end:
                    # What was written with its successor is not there, of course.
                    self.came_back(o, end)
                    continue
                self.find_missing(o)
                self.check_counter(o)
                if o.kind == "session" and o.subject is None:
                    self.check_subject(o)
        for kind in ("append", "increment"):
            self.check_answers_of_writes(kind)
        self.judge_missed()

    # MARK: Is it there?

    def shows_nothing(self, o):
        """Whether the answer shows that the session is not there."""
        if o.kind == "session":
            return o.exists is False
        if o.kind == "values":
            return not o.items and o.number is None
        if o.kind == "renew" and o.outcome == "ok":
            return o.new_token is None
        return o.outcome == "failed" or o.went_elsewhere

    def shows_something(self, o):
        return o.outcome == "ok" and (o.kind in READS or o.kind in WRITES or o.kind == "renew")

    def check_absence(self, o):
        if self.may_have_ended(o):
            return
        if o.kind == "values" and not any(
            self.precedes(w, o) for kind in ("append", "increment") for w in self.acknowledged[kind]
        ):
            return
        lost = [birth for birth in self.births if birth.invoked < o.answered and self.check.may_be_lost(birth)]
        if not lost:
            # Once will do.
            if not self.is_gone:
                self.verdict.violate("logged out", "a session that nobody ended is gone", o)
            self.is_gone = True
        elif not any(lost[-1] is other for other in self.verdict.lost_sessions):
            self.verdict.lost_sessions.append(lost[-1])

    def came_back(self, o, end):
        if not self.check.may_be_lost(end):
            self.verdict.violate("came back", "a token that was ended or replaced is in use again", end, o)
        elif not any(end is other for other in self.verdict.lost_ends):
            self.verdict.lost_ends.append(end)

    def check_subject(self, o):
        logins = [l for l in self.operations if l.kind == "login" and l.outcome == "ok" and self.precedes(l, o)]
        if logins and not any(self.check.may_be_lost(birth) for birth in self.births):
            self.verdict.violate("logged out", "a session without the subject that signed in", logins[-1], o)

    # MARK: Is it complete, and no more than that?

    def check_items(self, o):
        if o.kind != "values" or o.items is None:
            return
        if len(set(o.items)) < len(o.items):
            twice = sorted({item for item in o.items if o.items.count(item) > 1})
            self.verdict.violate("twice", f"{', '.join(map(str, twice))} more than once", o)
        for item in o.items:
            append = self.appends.get(item)
            if append is None:
                sender = self.check.senders.get(item)
                self.verdict.violate("cross-talk", f"{item}, which this session was never given", o, *filter(None, [sender]))
            elif append.outcome == "failed" or append.went_elsewhere:
                self.verdict.violate("refused", f"{item}, which was refused, took effect", append, o)

    def find_missing(self, o):
        if o.kind != "values" or o.items is None:
            return
        present = set(o.items)
        for append in self.acknowledged["append"]:
            if append.answered >= o.invoked or self.is_out_of_sight(append, o):
                continue
            if append.value not in present:
                (self.missed if self.precedes(append, o) else self.late)[append].append(o)

    def check_counter(self, o):
        """What is acknowledged with a higher number than a later reader sees is not there, or not there yet."""
        if o.kind != "values":
            return
        number = o.number or 0
        if number > sum(1 for w in self.possible["increment"] if w.invoked < o.answered):
            self.verdict.violate("twice", f"counted to {number}, more than there were requests", o)
        for w in self.acknowledged["increment"]:
            if w.number > number and self.precedes(w, o) and not self.is_out_of_sight(w, o):
                self.missed[w].append(o)

    def check_answers_of_writes(self, kind):
        """Each number is given out once, and a later request gets a higher one."""
        numbered = self.acknowledged[kind]
        for index, w in enumerate(numbered):
            if w.number is None:
                continue
            if w.number > sum(1 for p in self.possible[kind] if p.invoked < w.answered):
                self.verdict.violate("twice", f"counted to {w.number}, more than there were requests", w)
            for earlier in numbered[:index]:
                if earlier.number is None or earlier.number < w.number:
                    continue
                if earlier.number == w.number or earlier.answered < w.invoked:
                    first, second = sorted([earlier, w], key=lambda x: x.answered)
                    if not (self.check.may_be_lost(first) or self.check.may_be_lost(second) or self.born_in_a_loss(w)):
                        self.verdict.violate("missing", f"{kind}: a number that was given out before", first, second)
                    elif kind == "increment" and not any(first is other for other in self.verdict.lost_increments):
                        self.verdict.lost_increments.append(first)

    def born_in_a_loss(self, reader):
        return any(birth.invoked < reader.answered and self.check.may_be_lost(birth) for birth in self.births)

    def is_seen_after(self, reader, write):
        """Whether what the reader missed was there nevertheless.

        A token that came back because its end was lost shows what was there before: that is not what the reader's shows.
        """
        return write.kind == "append" and any(
            o.items and write.value in o.items and o.invoked > reader.invoked and not self.ended_before(o)
            for o in self.operations
        )

    def judge_missed(self):
        for write, readers in self.late.items():
            for reader in readers:
                if self.is_seen_after(reader, write):
                    self.verdict.stalest = max(self.verdict.stalest, reader.invoked - write.answered)
        for write, readers in self.missed.items():
            last = readers[-1]
            if self.is_seen_after(last, write):
                for reader in readers:
                    if self.check.splits.meet(reader.invoked, reader.answered):
                        self.verdict.stale_reads.append(reader)
                    else:
                        self.verdict.violate("stale", "a read without what was acknowledged before it", write, reader)
            elif self.check.may_be_lost(write) or self.born_in_a_loss(last):
                lost = self.verdict.lost_appends if write.kind == "append" else self.verdict.lost_increments
                if not any(write is other for other in lost):
                    lost.append(write)
            elif write.kind == "increment" and self.check.splits.meet(last.invoked, last.answered):
                self.verdict.stale_reads.append(last)
            else:
                self.verdict.violate("missing", "an acknowledged write is not there", write, readers[0])


def check(history):
    """Everything that is wrong with a history, and what replication lost."""
    history.stalls.sort()
    return Check(history).run()


def last_loss(history, verdict):
    """How long after the new primary was known the old one still acknowledged what is lost."""
    longest = 0.0
    losing = [fault for fault in history.faults if fault.loses]
    for o in [*verdict.lost_appends, *verdict.lost_increments]:
        before = [fault.healthy for fault in losing if fault.injected < o.answered]
        # What the next failover may have lost tells nothing.
        if before and not any(0 <= fault.injected - o.answered <= LOSS_BEFORE for fault in losing):
            longest = max(longest, o.answered - max(before))
    return longest


def recovery(operations, fault):
    """How long after the servers were well again requests still failed, and how many failed in all.

    The operations are those from the fault on until the next.
    """
    failed = [o for o in operations if o.kind != "plain" and o.outcome == "unknown" and o.answered >= fault.injected]
    last = max((o.answered for o in failed), default=fault.healthy)
    return max(0.0, last - fault.healthy), len(failed)


def longest_answer(operations, faults):
    """The longest answer of a route with a session during an outage."""
    outages = Spans((fault.injected, fault.healthy + RECOVERY) for fault in faults)
    return max(
        (o.answered - o.invoked for o in operations if o.kind != "plain" and outages.meet(o.invoked, o.answered)),
        default=0.0,
    )
