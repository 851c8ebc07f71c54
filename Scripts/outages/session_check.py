"""The checks of one session: is it there when it must be, and gone when it must be; is all of it there, and no more."""
import collections

from outages.history import READS, TERMINAL, WRITES, Operation
from outages.verdict import LONGEST_ANSWERS, ROUND_TRIP, STALE


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
        # Which request has brought each token.
        self.sources = {}
        for o in self.operations:
            if o.new_token is not None:
                self.sources.setdefault(o.new_token, o)
        self.user = self.operations[0].user
        self.logins = [o for o in self.operations if o.kind == "login" and o.outcome != "failed"]
        self.find_ends_by_others()
        self.find_ends_by_deaths()
        self.lifetime = check.lifetime(self.operations, self.operations[0].process)

    def find_ends_by_others(self):
        """Another session of the same subject may have ended this one, or must have."""
        self.ends_by_others = []
        numbers = {o.session for o in self.operations}
        for o in self.check.end_alls.get(self.user, ()):
            # A request whose connection broke goes on in the process.
            latest = o.answered if o.outcome == "ok" else o.answered + LONGEST_ANSWERS[o.kind]
            if o.session in numbers or not any(login.invoked < latest for login in self.logins):
                continue
            self.ends_by_others.append(o)
            for token, source in self.sources.items():
                if source.invoked <= latest:
                    self.ends[token].append(o)

    def is_surely_ended_by(self, o, token):
        """Whether the end-all must have ended the token's session: it was signed in before, and nobody has lost that."""
        source = self.sources.get(token)
        while source is not None:
            if self.check.may_be_lost(source):
                return False
            if source.kind == "login" and source.outcome == "ok" and source.answered < o.invoked:
                return True
            if source.kind == "login" and source.answered >= o.invoked:
                # It signed in again meanwhile, which may have been after it.
                return False
            source = self.sources.get(source.token)
        return False

    def find_ends_by_deaths(self):
        """What a process had in memory alone ended with it."""
        self.deaths = []
        for fault in self.check.emptied:
            if all(o.process != fault.process for o in self.operations):
                continue
            death = Operation(
                "death", self.user, self.operations[0].session, process=fault.process, invoked=fault.injected,
                answered=fault.emptied, status=204,
            )
            self.deaths.append(death)
            for token, source in self.sources.items():
                if source.invoked < fault.emptied:
                    self.ends[token].append(death)

    def has_an_end(self, o):
        """Whether the request has ended its token, or may have."""
        if o.outcome == "ok":
            # Renewing what is not there does nothing.
            return o.kind == "logout" or o.new_token is not None
        if o.outcome == "failed":
            return False
        # It was not carried out, and never will be, if the token wrote later: the store compares before it sets. Unless the
        # connection broke: then the process may still have been at it, and have tried again.
        end = o.answered
        if o.status == 0:
            span = self.check.delays.find(o.invoked, o.answered)
            end = max(end, span[1]) if span else end
        return not any(
            w.committed and w.token == o.token and w.invoked > end and not self.check.may_be_lost(w)
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
        return next(
            (
                o for o in self.ends[reader.token]
                if o.outcome == "ok" and self.precedes(o, reader)
                and (o.kind != "end-others" or self.is_surely_ended_by(o, reader.token))
            ),
            None,
        )

    def may_have_ended(self, reader):
        return any(o.invoked < reader.answered for o in self.ends[reader.token])

    def is_out_of_sight(self, write, reader):
        """Whether the write was made with another token, and the reader need not know yet that its own was replaced.

        That it knows when it must has been looked at before: see `ended_before`. Nor does it matter what was written to a
        session of which the reader's is no successor.
        """
        if write.token != reader.token and self.may_have_ended(reader):
            return True
        return not self.belongs_to(write, reader.token)

    def belongs_to(self, write, token):
        """Whether the write is part of the past of the token's session."""
        if token not in self.pasts:
            past = self.pasts[token] = {token}
            source = self.sources.get(token)
            while source is not None and source.token is not None and source.token not in past:
                # Whoever signs in with the token of a session that is gone gets one without a past.
                if source.kind == "login" and any(
                    end is not source and end.invoked < source.answered for end in self.ends[source.token]
                ):
                    break
                past.add(source.token)
                source = self.sources.get(source.token)
        return (write.token or write.new_token) in self.pasts[token]

    def are_of_one_session(self, first, second):
        return self.belongs_to(first, second.token or second.new_token) or self.belongs_to(second, first.token or first.new_token)

    def run(self):
        self.is_gone = False
        # The tokens that came before each one, and the token itself.
        self.pasts = {}
        self.missed = collections.defaultdict(list)
        # What a near cache need not know yet.
        self.late = collections.defaultdict(list)
        for o in self.operations:
            if o.token is None or o.outcome == "unknown":
                continue
            limit = self.lifetime and self.lifetime.must_be_over(o)
            if self.shows_nothing(o):
                if limit:
                    self.verdict.limits_reached += 1
                self.check_absence(o)
            elif self.shows_something(o):
                self.check_items(o)
                if limit:
                    self.verdict.violate("outlived", f"a session past its {limit} limit", o)
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
        self.check_successors()
        self.judge_missed()

    # MARK: Is there one successor?

    def check_successors(self):
        successors = collections.defaultdict(list)
        for o in self.operations:
            if o.kind in ("renew", "login") and o.token is not None:
                successors[o.token].append(o)
        for token, attempts in successors.items():
            attempts.sort(key=lambda o: o.invoked)
            if any(second.invoked < first.answered for first, second in zip(attempts, attempts[1:])):
                self.verdict.races += 1
            winners = [o for o in attempts if o.new_token is not None]
            if len(winners) < 2 or any(self.check.may_be_lost(o) for o in [*winners, *self.births]):
                continue
            # Whoever signs in with the token of a session that is gone gets another one.
            others = [o for o in self.ends[token] if o not in winners and o.invoked < winners[-1].answered]
            if not others and not (self.lifetime and self.lifetime.may_be_over(winners[-1])):
                self.verdict.violate("two winners", f"{len(winners)} successors of one token", *winners)

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
        if self.may_have_ended(o) or (self.lifetime and self.lifetime.may_be_over(o)):
            return
        if o.kind == "values" and not any(
            self.precedes(w, o) and self.belongs_to(w, o.token) for kind in ("append", "increment") for w in self.acknowledged[kind]
        ):
            return
        lost = [birth for birth in self.births if birth.invoked < o.answered and self.check.may_be_lost(birth)]
        if not lost:
            # Once will do.
            if not self.is_gone:
                if self.lifetime:
                    self.verdict.violate("expired early", "a session is gone that was used within its limits", o)
                else:
                    self.verdict.violate("logged out", "a session that nobody ended is gone", o)
            self.is_gone = True
        elif not any(lost[-1] is other for other in self.verdict.lost_sessions):
            self.verdict.lost_sessions.append(lost[-1])

    def came_back(self, o, end):
        if not self.check.may_be_lost(end):
            if end.kind == "end-others":
                self.verdict.violate("survived", "a session that had signed in before all of its user's were ended", end, o)
            else:
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
                if earlier.number is None or earlier.number < w.number or not self.are_of_one_session(earlier, w):
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
