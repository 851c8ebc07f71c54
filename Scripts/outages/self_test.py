"""Shows every check the histories that it must object to, and some that it must not."""
from outages.checks import check, longest_answer, recovery
from outages.linearizability import decide, step
from outages.stories import OUTAGE, Story, lifetimes, orders, outages, processes, stories, subjects

assert all((lifetimes, orders, outages, processes, subjects)), "each has told its stories by being read"


def run():
    """Gives what is wrong with the checks: nothing, it is to be hoped."""
    wrong = []
    for function, kinds, lost, faults in stories:
        telling = Story(*faults)
        function(telling)
        verdict = check(telling.history)
        found = sorted({violation.kind for violation in verdict.violations})
        if found != kinds:
            texts = "".join(f"\n        {violation}" for violation in verdict.violations)
            wrong.append(f"{function.__name__}: expected {kinds}, found {found}{texts}")
        counted = tuple(map(len, (verdict.lost_appends, verdict.lost_increments, verdict.lost_sessions, verdict.lost_ends)))
        if counted != lost:
            wrong.append(f"{function.__name__}: expected to be lost {lost}, found {counted}")
    telling = Story(OUTAGE)
    telling.append("a1", 1)
    telling.values(status=503, after=10, takes=0.5)
    telling.values(status=503, after=0.9, takes=0.7)
    seconds, failed = recovery(telling.history.operations, OUTAGE)
    longest = longest_answer(telling.history.operations, [OUTAGE])
    if (round(seconds, 3), failed, round(longest, 3)) != (0.7, 2, 0.7):
        wrong.append(f"recovery: {seconds}, {failed}; longest answer: {longest}")
    # A bound that is reached is no answer.
    telling = Story(OUTAGE)
    telling.append("a1", 1)
    for number in range(2, 9):
        telling.append(f"a{number}", None, takes=2, after=0)
    telling.values("a1", "a1")
    steps = [step(o) for o in telling.history.operations]
    if decide(steps, bound=20) is not None or decide(steps) is not False:
        wrong.append("the bound of the search for an order: it is taken for an answer")
    return wrong


def wrong_count():
    return sum(bool(kinds) for _, kinds, _, _ in stories)


def right_count():
    return len(stories) - wrong_count()
