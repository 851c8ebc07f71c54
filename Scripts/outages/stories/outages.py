"""What every outage may break: writes, reads, ends, cookies, answers."""
from outages.stories import FAILOVER, HANG, OUTAGE, story


@story()
def a_good_life(s):
    s.append("a1", 1)
    s.append("a2", 2)
    s.renew("login")
    s.tell("session", exists=True, subject="ada", id="i1")
    s.tell("sessions", ids=("i1",))
    s.increment(1)
    s.values("a1", "a2", number=1)
    # Process 1 may be a second behind.
    s.append("a3", 3)
    s.values("a1", "a2", number=1, process=1)
    s.values("a1", "a2", "a3", number=1, process=1, after=1.2)
    old = s.token
    s.renew()
    s.values("a1", "a2", "a3", number=1, token=old, process=1)
    s.values(token=old)
    s.append("a4", 4, token=old, status=409)
    s.tell("logout", status=204, cookies=1)
    s.tell("session", exists=False)
    s.append("a5", 1, new_token="token 99", cookies=1, token=s.token)
    s.tell("plain", session=None)


@story(faults=[OUTAGE])
def a_good_outage(s):
    s.append("a1", 1)
    s.append("a2", None, after=9.5, status=503, takes=1)
    s.values(status=503, after=1)
    s.append("a3", 3, after=0.6)
    s.values("a1", "a2", "a3")
    # A renewal of which nobody knows: the session may be gone for its user.
    s.tell("renew", status=503)
    s.tell("session", exists=False)
    s.append("a4", None, status=409)


@story("missing")
def a_lost_append(s):
    s.append("a1", 1)
    s.append("a2", 2)
    s.values("a1")


@story("missing")
def a_lost_increment(s):
    s.append("a1", 1)
    s.increment(1)
    s.increment(2)
    s.values("a1", number=1)


@story("missing")
def a_number_given_out_twice(s):
    s.append("a1", 1)
    s.increment(1)
    s.increment(1)


@story("missing", faults=[FAILOVER])
def lost_long_before_a_failover(s):
    s.append("a1", 1)
    s.append("a2", 2, after=6)
    s.values("a1", after=6)


@story("missing", faults=[FAILOVER])
def lost_long_after_a_failover(s):
    s.append("a1", 1)
    s.append("a2", 2, after=13)
    s.values("a1", after=6)


@story(faults=[FAILOVER], lost=(1, 1, 0, 0))
def lost_by_a_failover(s):
    s.append("a1", 1)
    s.append("a2", 2, after=9.2)
    s.increment(1)
    s.values("a1", after=4)


@story("stale")
def a_stale_read(s):
    s.append("a1", 1)
    s.append("a2", 2)
    s.values("a1")
    s.values("a1", "a2")


@story()
def a_near_cache_that_knows_the_new_token_and_still_the_old(s):
    s.append("a1", 1)
    s.values("a1", process=1)
    old = s.token
    s.renew()
    s.append("a2", 2, process=1)
    s.increment(1, process=1)
    s.values("a1", token=old, process=1)
    s.values("a1", "a2", number=1, process=1)


@story("came back")
def a_near_cache_that_renews_and_keeps_the_old_token(s):
    s.append("a1", 1)
    old = s.token
    s.renew(process=1)
    s.append("a2", 2, process=1)
    s.values("a1", token=old, process=1)


@story("stale")
def a_near_cache_that_does_not_know_what_its_process_wrote(s):
    s.append("a1", 1)
    s.append("a2", 2, process=1)
    s.values("a1", process=1)
    s.values("a1", "a2", process=1)


@story("stale")
def a_near_cache_that_is_too_old(s):
    s.append("a1", 1)
    s.append("a2", 2)
    s.values("a1", after=1.2, process=1)
    s.values("a1", "a2", process=1)


@story("stale", faults=[FAILOVER])
def a_stale_read_long_after_a_failover(s):
    s.append("a1", 1)
    s.append("a2", 2)
    s.values("a1", after=15)
    s.values("a1", "a2")


@story("twice", faults=[OUTAGE])
def an_item_twice(s):
    s.append("a1", 1)
    s.append("a2", None, status=503, after=9.9)
    s.append("a3", 3)
    s.values("a1", "a2", "a2", "a3")


@story("twice")
def a_count_too_many(s):
    s.append("a1", 1)
    s.increment(1)
    s.values("a1", number=2)


@story("twice")
def a_count_too_many_in_the_answer(s):
    s.append("a1", 1)
    s.increment(2)


@story("refused")
def refused_but_done(s):
    s.append("a1", 1)
    old = s.token
    s.renew()
    s.append("a2", None, status=409, token=old)
    s.values("a1", "a2")


@story("cross-talk")
def the_items_of_somebody_else(s):
    s.append("a1", 1)
    s.append("b1", 1, user="bob", session=2, token=None, new_token="token 99", cookies=1)
    s.values("a1", "b1")


@story("cross-talk")
def the_subject_of_somebody_else(s):
    s.append("a1", 1)
    s.tell("session", exists=True, subject="bob", id="i1")


@story("cross-talk")
def the_id_of_somebody_else(s):
    s.append("a1", 1)
    s.tell("session", exists=True, id="i1")
    s.tell("session", exists=True, id="i1", user="bob", session=2, token="token 99")


@story("cross-talk")
def a_list_with_somebody_elses(s):
    s.append("a1", 1)
    s.renew("login")
    s.tell("session", exists=True, id="i1", subject="ada")
    s.tell("sessions", ids=("i1",), user="bob", session=2, token="token 99")


@story("cross-talk")
def one_token_for_two(s):
    s.append("a1", 1)
    s.append("b1", 1, user="bob", session=2, token=None, new_token=s.token, cookies=1)


@story("came back")
def back_after_logout(s):
    s.append("a1", 1)
    s.tell("logout", status=204)
    s.tell("session", exists=True)


@story("came back")
def back_after_logout_in_a_near_cache(s):
    s.append("a1", 1)
    s.tell("logout", status=204)
    s.tell("session", exists=True, process=1, after=1.2)


@story("came back")
def an_old_token_reads(s):
    s.append("a1", 1)
    old = s.token
    s.renew()
    s.values("a1", token=old)


@story("came back")
def an_old_token_writes(s):
    s.append("a1", 1)
    old = s.token
    s.renew()
    s.append("a2", 2, token=old)


@story(faults=[FAILOVER], lost=(0, 0, 0, 1))
def back_by_a_failover(s):
    s.append("a1", 1)
    s.tell("logout", status=204, after=9)
    s.tell("session", exists=True, after=3)


@story(faults=[FAILOVER], lost=(1, 0, 0, 1))
def a_lost_renewal_and_another_session(s):
    s.append("a1", 1, after=9)
    old = s.token
    # Both are lost; the token is one that nobody knows, and signing in makes a session without a past.
    s.renew()
    s.renew("login", after=3)
    s.append("a2", 1)
    s.values("a2")
    # The renewed one is as it was before.
    s.values("a1", token=old)


@story("logged out", faults=[OUTAGE])
def logged_out_by_an_outage(s):
    s.append("a1", 1)
    s.values(status=503, after=10)
    s.tell("session", exists=False, after=2)


@story("logged out", faults=[OUTAGE])
def nothing_left_after_an_outage(s):
    s.append("a1", 1)
    s.values(status=503, after=10)
    s.values(after=2)


@story("logged out", faults=[OUTAGE])
def another_session_instead(s):
    s.append("a1", 1)
    s.append("a2", 1, after=11, new_token="token 99", cookies=1, token=s.token)


@story("logged out")
def a_refusal_without_a_reason(s):
    s.append("a1", 1)
    s.append("a2", None, status=409)


@story("logged out")
def the_subject_is_gone(s):
    s.append("a1", 1)
    s.renew("login")
    s.tell("session", exists=True, id="i1")


@story("logged out", faults=[OUTAGE])
def an_unknown_end_that_was_none(s):
    s.append("a1", 1)
    s.tell("logout", status=503, after=10)
    s.append("a2", 2)
    s.values()


@story("logged out", faults=[FAILOVER])
def a_session_from_long_ago_lost(s):
    s.append("a1", 1)
    s.tell("session", exists=False, after=12)


@story(faults=[FAILOVER], lost=(0, 0, 1, 0))
def a_session_lost_by_a_failover(s):
    s.append("a1", 1)
    s.renew(after=9)
    s.tell("session", exists=False, after=3)


@story("cookie", faults=[OUTAGE])
def a_cookie_on_503(s):
    s.append("a1", 1)
    s.values(status=503, after=10, cookies=1)


@story("cookie")
def a_cookie_on_a_read(s):
    s.append("a1", 1)
    s.values("a1", cookies=1)


@story("cookie")
def two_cookies(s):
    s.append("a1", 1)
    s.tell("logout", status=204, cookies=2)


@story("retry-after", faults=[OUTAGE])
def no_retry_after(s):
    s.append("a1", 1)
    s.values(status=503, after=10, retry_after=False)


@story(faults=[HANG])
def a_near_cache_for_a_second(s):
    s.append("a1", 1)
    s.values("a1", after=10, process=1)
    s.values(status=503, after=1, process=1)
    s.values("a1", after=2, process=1)


@story("silence", faults=[HANG])
def a_near_cache_for_too_long(s):
    s.append("a1", 1)
    s.values("a1", after=11.5, process=1)


@story("slow", faults=[OUTAGE])
def an_answer_that_takes_too_long(s):
    s.append("a1", 1)
    s.values(status=503, after=10, takes=2.6)


@story(faults=[OUTAGE])
def an_answer_while_the_clients_stood_still(s):
    s.append("a1", 1)
    s.values(status=503, after=10, takes=2.6)
    s.history.stalls = [(11.0, 0.2)]


@story("plain", faults=[OUTAGE])
def a_plain_route_fails(s):
    s.tell("plain", status=503, after=10, session=None)


@story()
def a_plain_route_on_a_machine_without_room(s):
    s.tell("plain", takes=1.9, after=10, session=None)
    s.history.stalls = [(9.9, 0.2), (10.5, 0.2), (11.0, 0.2)]


@story("plain")
def a_plain_route_that_is_slow_even_for_a_machine_without_room(s):
    s.tell("plain", takes=3.5, after=10, session=None)
    s.history.stalls = [(9.9, 0.3), (10.5, 0.3), (11.0, 0.3), (12.0, 0.3)]


@story("plain")
def a_plain_route_that_is_slow_on_a_machine_that_had_room(s):
    s.tell("plain", takes=1.4, after=10, session=None)
    s.history.stalls = [(10.5, 0.2)]


@story("plain", faults=[OUTAGE])
def a_plain_route_is_slow(s):
    s.tell("plain", takes=1.1, after=10, session=None)


@story("recovery", faults=[OUTAGE])
def no_recovery(s):
    s.append("a1", 1)
    s.values(status=503, after=13.1)


@story("recovery")
def unavailable_without_an_outage(s):
    s.append("a1", 1)
    s.values(status=503)


@story()
def unavailable_on_a_machine_that_stood_still(s):
    s.append("a1", 1)
    s.values(status=503, after=1, takes=1.2)
    s.history.stalls = [(1.5, 0.6)]


@story()
def unavailable_since_an_earlier_request_was_not_answered_in_time(s):
    s.append("a1", 1)
    s.values(status=503, after=1.5, takes=0.1)
    s.history.stalls = [(0.9, 0.6)]


@story("recovery")
def unavailable_long_after_the_machine_stood_still(s):
    s.append("a1", 1)
    s.values(status=503, after=3.5, takes=0.1)
    s.history.stalls = [(0.9, 0.6)]


@story("recovery")
def unavailable_on_a_machine_that_hardly_stood_still(s):
    s.append("a1", 1)
    s.values(status=503, after=1, takes=1.2)
    s.history.stalls = [(1.5, 0.2)]


@story("status")
def another_status(s):
    s.append("a1", 1)
    s.values(status=500)


@story("status", faults=[OUTAGE])
def a_connection_that_breaks(s):
    s.append("a1", 1)
    s.append("a2", None, status=0, after=10)
