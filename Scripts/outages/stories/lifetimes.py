"""Limits: the sessions of process 2 live 2 seconds idle, and 6 in all."""
from outages.stories import Fault, story

SLEEP = Fault("pause a process", 10.0, 13.0, process=2)


@story()
def a_life_within_its_limits(s):
    s.append("a1", 1, process=2)
    for _ in range(3):
        s.tell("session", exists=True, process=2, after=1.6)
    s.tell("session", exists=False, process=2, after=2.1)


@story()
def an_end_that_is_a_tenth_early(s):
    s.append("a1", 1, process=2)
    s.tell("session", exists=False, process=2, after=1.9)


@story()
def a_look_at_what_is_gone_is_no_use(s):
    s.append("a1", 1, process=2)
    s.values(process=2, after=2.1)
    s.tell("renew", status=204, process=2)
    s.append("a2", 1, process=2, token=s.token, new_token="token 99", cookies=1, after=0.3)


@story("outlived")
def alive_after_the_idle_limit(s):
    s.append("a1", 1, process=2)
    s.values("a1", process=2, after=2.2)


@story("outlived")
def alive_after_the_absolute_limit(s):
    s.append("a1", 1, process=2)
    for _ in range(4):
        s.tell("session", exists=True, process=2, after=1.4)
    s.values("a1", process=2, after=0.6)


@story("outlived")
def a_renewal_that_starts_the_absolute_clock_again(s):
    s.append("a1", 1, process=2)
    for _ in range(4):
        s.tell("session", exists=True, process=2, after=1.3)
    s.renew(process=2, after=0.1)
    s.values("a1", process=2, after=1.2)


@story()
def a_sign_in_that_does(s):
    s.append("a1", 1, process=2)
    for _ in range(3):
        s.tell("session", exists=True, process=2, after=1.3)
    s.renew("login", process=2, after=0.1)
    for _ in range(3):
        s.values("a1", process=2, after=1.6)
    s.tell("session", exists=False, process=2, after=2.1)


@story()
def used_so_late_that_it_was_no_use(s):
    s.append("a1", 1, process=2)
    s.tell("session", exists=True, process=2, after=1.6, takes=0.5)
    s.tell("session", exists=False, process=2, after=1)


@story("expired early")
def gone_though_it_was_used(s):
    s.append("a1", 1, process=2)
    s.tell("session", exists=True, process=2, after=1.5)
    s.tell("session", exists=False, process=2, after=1.5)


@story("expired early")
def refused_though_it_was_used(s):
    s.append("a1", 1, process=2)
    s.append("a2", 2, process=2, after=1)
    s.append("a3", None, process=2, status=409, after=1)


@story("expired early", faults=[SLEEP])
def gone_though_it_was_written_to_during_an_outage(s):
    s.append("a1", 1, process=2, after=11)
    s.append("a2", 2, process=2, after=1)
    s.tell("session", exists=False, process=2, after=1.5)


@story(faults=[SLEEP])
def gone_though_it_was_read_during_an_outage(s):
    s.append("a1", 1, process=2, after=11)
    s.values("a1", process=2, after=1)
    s.tell("session", exists=False, process=2, after=1.5)


@story(faults=[SLEEP])
def used_by_a_process_that_slept(s):
    s.append("a1", 1, process=2, after=9.9)
    s.tell("session", exists=True, process=2, takes=3)
    s.tell("session", exists=True, process=2, after=4.5)


@story("outlived", faults=[SLEEP])
def alive_long_after_a_sleep(s):
    s.append("a1", 1, process=2, after=9.9)
    s.tell("session", exists=True, process=2, takes=3)
    s.tell("session", exists=True, process=2, after=5.2)
