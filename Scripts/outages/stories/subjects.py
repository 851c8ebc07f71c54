"""One session of a user ends all others."""
from outages.stories import CUT, DEAF, FAILOVER, OUTAGE, story


def sign_in(s, session, **more):
    """Gives the token."""
    token = s.fresh_token()
    s.tell("login", session=session, token=None, new_token=token, cookies=1, **more)
    return token


@story()
def all_others_end(s):
    first, second = sign_in(s, 1), sign_in(s, 2)
    s.tell("session", exists=True, subject="ada", id="i2", session=2, token=second)
    s.tell("end-others", status=204, session=1, token=first)
    s.tell("session", exists=False, session=2, token=second)
    s.tell("session", exists=True, subject="ada", id="i1", session=1, token=first)
    s.tell("sessions", ids=("i1",), session=1, token=first)
    # A second may pass until a near cache knows.
    third = sign_in(s, 3)
    s.tell("session", exists=True, subject="ada", id="i3", session=3, token=third, process=1)
    s.tell("end-others", status=204, session=1, token=first)
    s.tell("session", exists=True, subject="ada", id="i3", session=3, token=third, process=1)
    s.tell("session", exists=False, session=3, token=third, process=1, after=1.2)


@story()
def a_sign_in_meanwhile_may_win_or_lose(s):
    first = sign_in(s, 1)
    second, third = s.fresh_token(), s.fresh_token()
    s.tell("end-others", status=204, session=1, token=first, takes=0.5)
    s.tell("login", session=2, token=None, new_token=second, cookies=1, after=0.1, takes=0.1)
    s.tell("login", session=3, token=None, new_token=third, cookies=1, after=0.1, takes=0.1)
    s.tell("login", session=4, token=None, status=409, after=0.05, takes=0.1)
    s.tell("session", exists=True, subject="ada", session=2, token=second, after=1)
    s.tell("session", exists=False, session=3, token=third)


@story("no order")
def neither_won_nor_lost(s):
    first = sign_in(s, 1)
    second = s.fresh_token()
    s.tell("end-others", status=204, session=1, token=first, takes=0.5)
    s.tell("login", session=2, token=None, new_token=second, cookies=1, after=0.1, takes=0.1)
    s.tell("session", exists=False, session=2, token=second, after=1)
    s.tell("session", exists=True, subject="ada", session=2, token=second)


@story("survived")
def one_survives(s):
    first, second = sign_in(s, 1), sign_in(s, 2)
    s.tell("end-others", status=204, session=1, token=first)
    s.tell("session", exists=True, subject="ada", session=2, token=second)


@story("survived")
def one_survives_under_a_token_that_came_meanwhile(s):
    first, second = sign_in(s, 1), sign_in(s, 2)
    renewed = s.fresh_token()
    s.tell("end-others", status=204, session=1, token=first, takes=0.5)
    s.tell("renew", session=2, token=second, new_token=renewed, cookies=1, after=0.1, takes=0.1)
    s.tell("session", exists=True, subject="ada", session=2, token=renewed, after=1)


@story("survived")
def one_survives_for_too_long_in_a_near_cache(s):
    first, second = sign_in(s, 1), sign_in(s, 2)
    s.tell("end-others", status=204, session=1, token=first)
    s.tell("session", exists=True, subject="ada", session=2, token=second, process=1, after=1.2)


@story("logged out")
def the_one_that_asked_ends_too(s):
    first = sign_in(s, 1)
    s.tell("end-others", status=204, session=1, token=first)
    s.tell("session", exists=False, session=1, token=first)


@story("logged out")
def somebody_elses_ends_too(s):
    first = sign_in(s, 1)
    other = sign_in(s, 2, user="bob")
    s.tell("end-others", status=204, session=1, token=first)
    s.tell("session", exists=False, session=2, token=other, user="bob")


@story("logged out")
def one_that_was_signed_in_later_ends_too(s):
    first = sign_in(s, 1)
    s.tell("end-others", status=204, session=1, token=first)
    second = sign_in(s, 2)
    s.tell("session", exists=False, session=2, token=second)


@story("came back")
def a_list_with_one_that_was_ended(s):
    first, second = sign_in(s, 1), sign_in(s, 2)
    s.tell("session", exists=True, subject="ada", id="i2", session=2, token=second)
    s.tell("end-others", status=204, session=1, token=first)
    s.tell("sessions", ids=("i1", "i2"), session=1, token=first)


@story(faults=[OUTAGE])
def an_end_of_all_without_an_answer(s):
    first, second, third = sign_in(s, 1), sign_in(s, 2), sign_in(s, 3)
    s.tell("end-others", status=503, session=1, token=first, after=9.7)
    s.tell("session", exists=False, session=2, token=second)
    s.tell("session", exists=True, subject="ada", session=3, token=third)


@story(faults=[CUT])
def an_end_of_all_that_goes_on_after_its_connection_broke(s):
    first = sign_in(s, 1, after=10)
    s.tell("end-others", status=0, session=1, token=first)
    second = sign_in(s, 2)
    s.tell("session", exists=False, session=2, token=second)


@story("logged out", faults=[CUT])
def an_end_of_all_that_is_long_over(s):
    first = sign_in(s, 1, after=10)
    s.tell("end-others", status=0, session=1, token=first)
    second = sign_in(s, 2, after=9)
    s.tell("session", exists=False, session=2, token=second)


@story(faults=[FAILOVER], lost=(0, 0, 0, 1))
def an_end_of_all_that_replication_lost(s):
    first, second = sign_in(s, 1), sign_in(s, 2)
    s.tell("end-others", status=204, session=1, token=first, after=9.2)
    s.tell("session", exists=True, subject="ada", session=2, token=second, after=4)


@story(faults=[DEAF])
def one_process_answers_while_the_other_is_cut_off(s):
    s.append("a1", 1)
    s.values("a1", after=11.5)


@story("silence", faults=[DEAF])
def a_near_cache_that_is_cut_off_for_too_long(s):
    s.append("a1", 1)
    s.values("a1", after=11.5, process=1)
