"""What is wrong with a history, and what replication lost of it.

A history is complete when it is looked at: the checks know what came later. Nothing here talks to a server, so every check
can be shown a history that it must object to; see self_test.py.
"""
import collections

from outages.history import READS, Operation, Spans
from outages.lifetimes import Lifetime
from outages.order_check import OrderCheck
from outages.session_check import SessionCheck
from outages.verdict import (
    BEFORE_BUSY, BUSY, LONGEST_ANSWER, LONGEST_ANSWERS, LONGEST_PLAIN_ANSWER, LONGEST_STALL, LOSS_AFTER, LOSS_BEFORE, RECOVERY,
    ROUND_TRIP, STALE, STORE_TIMEOUT, Verdict,
)


class Check:
    """All checks of one history."""

    def __init__(self, history):
        self.history = history
        self.verdict = Verdict()
        losing = [fault for fault in history.faults if fault.loses]
        self.losses = Spans((f.injected - LOSS_BEFORE, f.healthy + LOSS_AFTER) for f in losing)
        self.end_alls = collections.defaultdict(list)
        for o in history.operations:
            if o.kind == "end-others" and o.outcome != "failed":
                self.end_alls[o.user].append(o)
        self.emptied = [fault for fault in history.faults if fault.emptied]
        self.splits = Spans((f.injected, f.healthy + LOSS_AFTER) for f in history.faults if f.splits)
        # A near cache may vouch for what it holds for a second. After that an answer has come from nowhere.
        self.silences = [
            (f.silent[0] + STALE + ROUND_TRIP, f.silent[1], f.deaf) for f in history.faults if f.silent
        ]
        self.outages = Spans((f.injected, f.healthy + RECOVERY) for f in history.faults if f.spreads)
        self.delays = Spans((f.injected, f.healthy + RECOVERY) for f in history.faults)
        # When each process of the demo could not answer, or not in time.
        absences = collections.defaultdict(list)
        for fault in history.faults:
            if fault.process is not None:
                absences[fault.process].append((fault.injected, fault.healthy + ROUND_TRIP))
        self.absences = {process: Spans(spans) for process, spans in absences.items()}

    def lifetime(self, operations, process):
        """The limits of a session of that process, if they are to be reached."""
        if process not in self.history.limits:
            return None
        # A process that dies takes with it what it has put off; one that clients do not reach does not.
        outages = Spans(
            (f.injected, f.healthy + RECOVERY) for f in self.history.faults
            if f.spreads or (f.process == process and "kill" in f.kind)
        )
        return Lifetime(operations, *self.history.limits[process], self.delays, outages, self.losses)

    def run(self):
        self.check_answers()
        self.check_cross_talk()
        # Which session and token each id belongs to.
        self.ids = {}
        sessions = collections.defaultdict(list)
        for operation in self.history.operations:
            if operation.session is not None:
                sessions[operation.session].append(operation)
        # Who sent what, to tell one's own from somebody else's.
        self.senders = {o.value: o for o in self.history.operations if o.kind == "append"}
        for operations in sessions.values():
            session = SessionCheck(self, operations)
            session.run()
            self.ids.update({o.id: (session, o.token) for o in operations if o.id is not None})
            OrderCheck(self, session).run()
        self.check_lists()
        return self.verdict

    def is_excused(self, operation):
        """Whether the process that was asked was not there, or paused."""
        absences = self.absences.get(operation.process)
        return absences is not None and absences.meet(operation.invoked, operation.answered)

    def took_longer(self, operation, seconds):
        """Whether the answer took longer than it may: twice as long on a machine that had no room for a good part of it,
        where each hand that a request goes through is waited for, and only the longest wait is known."""
        span = operation.answered - operation.invoked + BEFORE_BUSY
        waited = self.history.stood_still(operation.invoked - BEFORE_BUSY, operation.answered)
        return self.history.length(operation) > seconds * (2 if waited > span * BUSY else 1)

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
                if self.took_longer(o, LONGEST_PLAIN_ANSWER) and not excused:
                    violate("plain", f"a route without a session took longer than {LONGEST_PLAIN_ANSWER} s", o)
                continue
            longest = LONGEST_ANSWERS.get(o.kind, LONGEST_ANSWER)
            if self.took_longer(o, longest) and not excused:
                violate("slow", f"an answer took longer than {longest} s", o)
            if o.cookies > 1:
                violate("cookie", "more than one Set-Cookie", o)
            if o.cookies and (o.outcome != "ok" or o.kind in READS):
                violate("cookie", "a Set-Cookie that nobody asked for", o)
            if o.outcome == "ok" and o.token is not None and any(
                begin < o.invoked and o.answered < end and process in (None, o.process)
                for begin, end, process in self.silences
            ):
                violate("silence", "an answer while no server could have vouched for it", o)
            if o.status == 503:
                if not o.retry_after:
                    violate("retry-after", "503 without Retry-After", o)
                # Where nothing moved for half a second, a server may not have answered in time; not this request, maybe,
                # but one before it on the same connection.
                stalled = self.history.stood_still(o.invoked - STORE_TIMEOUT, o.answered)
                if not excused and stalled < LONGEST_STALL and not self.outages.meet(o.invoked, o.answered):
                    violate("recovery", f"503 without an outage, or more than {RECOVERY:.0f} s after it", o)
            elif o.outcome == "unknown" and not (excused and o.status == 0):
                violate("status", "neither success nor refusal nor 503", o)
            elif o.outcome == "failed" and o.status not in ((401, 409) if o.kind in ("sessions", "end-others") else (409,)):
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


    def check_lists(self):
        """A list of a user's sessions has none that was surely ended before."""
        for o in self.history.operations:
            if o.kind != "sessions" or o.outcome != "ok":
                continue
            for id in o.ids:
                session, token = self.ids.get(id, (None, None))
                if session is None:
                    continue
                reader = Operation("sessions", o.user, token=token, process=o.process, invoked=o.invoked, answered=o.answered)
                end = session.ended_before(reader)
                if end and not self.may_be_lost(end):
                    self.verdict.violate("came back", f"a list with {id}, which was ended before", end, o)


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
