"""Whether the answers about one session can be put into one order."""
import math

from outages.history import READS
from outages.linearizability import BOUND, Step, decide, shrink, step

# What an order would have to break, too.
TOLD_BY_ORDER = {
    "missing", "twice", "refused", "stale", "came back", "survived", "logged out", "cross-talk", "two winners",
}


class OrderCheck:
    """Whether there is one order in which all answers about a session are right."""

    def __init__(self, check, session):
        self.check = check
        self.session = session
        self.verdict = check.verdict

    def run(self):
        session = self.session
        if session.lifetime:
            # It ends by itself as well: see Lifetime.
            return
        if any(self.check.may_be_lost(o) for o in [*session.operations, *session.ends_by_others]):
            self.verdict.orders["left out"] += 1
            return
        steps = self.steps()
        result = decide(steps)
        self.verdict.orders[{True: "found", False: "none", None: "undecided"}[result]] += 1
        if result is None:
            self.verdict.violate(
                "undecided", f"no order of {len(steps)} operations was found, nor that there is none, within {BOUND} states",
                *session.operations[-1:],
            )
        elif result is False and not self.is_told_already():
            story = [s.operation for s in sorted(shrink(steps), key=lambda s: s.start) if s.operation]
            self.verdict.violate("no order", "there is no order of these in which every answer is right", *story)

    def is_told_already(self):
        """Whether another check has found out what is wrong with this session, in plainer words."""
        operations = set(map(id, self.session.operations))
        return any(
            id(o) in operations and violation.kind in TOLD_BY_ORDER
            for violation in self.verdict.violations for o in violation.operations
        )

    def steps(self):
        session = self.session
        steps = []
        for o in session.operations:
            # What a near cache tells may be of a moment ago; how long ago is looked at above.
            if o.kind in READS and o.process in session.near:
                continue
            one = step(o)
            if one:
                steps.append(one)
        for o in session.ends_by_others:
            is_certain = o.outcome == "ok" and any(
                login.outcome == "ok" and login.answered < o.invoked for login in session.logins
            ) and not any(login.answered >= o.invoked and login.invoked <= o.answered for login in session.logins)
            end = o.answered if o.outcome == "ok" else math.inf
            steps.append(Step("end", o.invoked, end, is_certain, operation=o))
        for death in session.deaths:
            if any(o.invoked < death.answered and o.new_token is not None for o in session.operations):
                steps.append(Step("end", death.invoked, death.answered, True, operation=death))
        return steps
