"""Processes of the demo that die or sleep."""
from outages.stories import DEATH, SLEEP, story


@story(faults=[DEATH])
def a_good_death(s):
    s.append("a1", 1)
    s.append("a2", None, status=0, after=9.9, process=1)
    s.tell("plain", status=0, session=None, process=1)
    s.append("a3", 2)
    s.values("a1", "a3")
    # A renewal whose answer nobody heard.
    s.tell("renew", status=0, process=1)
    # The append had been on its way to the store.
    s.values("a1", "a2", "a3", after=2, process=1)
    s.values()


@story(faults=[DEATH])
def an_end_that_came_after_the_next_write(s):
    s.append("a1", 1)
    # The process goes on with it when the connection is gone.
    s.tell("logout", status=0, process=1, after=9.9)
    s.append("a2", 2)
    s.tell("session", exists=False)


@story("logged out", faults=[DEATH])
def an_end_that_cannot_have_come_so_late(s):
    s.append("a1", 1)
    s.tell("logout", status=0, process=1, after=9.9)
    s.append("a2", 2, after=4)
    s.tell("session", exists=False)


@story("missing", faults=[DEATH])
def lost_by_a_death(s):
    s.append("a1", 1)
    s.append("a2", 2, after=9.85, process=1)
    s.values("a1", after=2)


@story("twice", faults=[DEATH])
def done_twice_by_a_death(s):
    s.append("a1", 1)
    s.append("a2", None, status=0, after=9.9, process=1)
    s.values("a1", "a2", "a2", after=2)


@story("came back", faults=[DEATH])
def back_by_a_death(s):
    s.append("a1", 1)
    s.tell("logout", status=204, cookies=1, after=9.8, process=1)
    s.tell("session", exists=True, after=2)


@story("cross-talk", faults=[DEATH])
def somebody_elses_item_after_a_death(s):
    s.append("a1", 1)
    s.append("b1", None, status=0, user="bob", session=2, token="token 99", after=9.9, process=1)
    s.values("a1", "b1", after=2)


@story("logged out", faults=[DEATH])
def logged_out_by_a_death(s):
    s.append("a1", 1)
    s.append("a2", None, status=0, after=9.9, process=1)
    s.tell("session", exists=False, after=2)


@story("status", "plain", faults=[DEATH])
def a_death_breaks_connections_of_the_other(s):
    s.append("a1", 1)
    s.append("a2", None, status=0, after=9.9)
    s.tell("plain", status=0, session=None)


@story("recovery", faults=[DEATH])
def a_death_holds_up_the_other(s):
    s.append("a1", 1)
    s.append("a2", None, status=503, after=9.9)


@story("status", faults=[DEATH])
def a_connection_that_breaks_after_the_death(s):
    s.append("a1", 1)
    s.append("a2", None, status=0, after=11.5, process=1)


@story("status", faults=[DEATH])
def an_error_of_a_dying_process(s):
    s.append("a1", 1)
    s.append("a2", None, status=500, after=10.2, process=1)


@story(faults=[SLEEP])
def a_good_sleep(s):
    s.append("a1", 1)
    s.append("a2", 2, after=9.8, takes=3, process=1)
    s.tell("plain", takes=2.9, session=None, process=1)
    s.append("a3", None, after=0, takes=1, status=503)
    s.values("a1", "a2", after=3)


@story("slow", "plain", faults=[SLEEP])
def a_sleep_that_makes_the_other_slow(s):
    s.append("a1", 1)
    s.values("a1", after=9.9, takes=3)
    s.tell("plain", takes=1.1, after=0, session=None)
