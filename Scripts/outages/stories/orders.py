"""What only shows when all answers about a session are put into one order."""
from outages.stories import EMPTIED, FAILOVER, OUTAGE, story


@story()
def side_by_side_in_another_order(s):
    s.append("a1", 1)
    s.append("a2", 3, takes=0.5)
    s.append("a3", 2, takes=0.3)
    s.values("a1", "a3", "a2", after=1)


@story("no order")
def a_list_in_an_order_that_the_counts_deny(s):
    s.append("a1", 1)
    s.append("a2", 2, takes=0.5)
    s.append("a3", 3, takes=0.3)
    s.values("a1", "a3", "a2", after=1)


@story("no order")
def two_reads_that_saw_two_orders(s):
    s.append("a1", 1)
    s.append("a2", None, takes=0.5)
    s.append("a3", None, takes=0.3)
    s.values("a1", "a3", after=0.1, takes=0.05)
    s.values("a1", "a2", after=0.01, takes=0.05)


@story("no order")
def a_read_during_a_write_then_one_without_it(s):
    s.append("a1", 1)
    s.append("a2", 2, takes=0.9)
    s.values("a1", "a2", takes=0.05)
    s.values("a1", takes=0.05)
    s.values("a1", "a2", after=1)


@story("no order", faults=[OUTAGE])
def a_write_without_an_answer_seen_and_unseen(s):
    s.append("a1", 1)
    s.append("a2", None, status=503, after=9.9)
    s.values("a1", "a2")
    s.values("a1")


@story(faults=[OUTAGE])
def a_write_without_an_answer_much_later(s):
    s.append("a1", 1)
    for number in range(2, 30):
        s.append(f"a{number}", None, status=503, after=0.1 if number > 2 else 9.9, takes=0.05)
    s.values("a1")
    s.append("b1", 2)
    s.values("a1", "b1", after=0.5)
    s.values("a1", "b1", "a7", after=0.5)
    s.append("b2", 4)


@story("no order", faults=[OUTAGE])
def more_counted_than_the_list_shows(s):
    s.append("a1", 1)
    s.append("a2", None, status=503, after=9.9)
    s.append("a3", 3)
    s.values("a1", "a3")


@story("no order")
def a_write_before_the_session_ends_and_a_sign_of_life_after(s):
    s.append("a1", 1)
    s.tell("logout", status=204, takes=0.9)
    s.tell("session", exists=False, takes=0.05)
    s.values("a1", takes=0.05)


@story("no order")
def a_refusal_while_the_token_was_in_use(s):
    s.append("a1", 1)
    old = s.token
    s.renew(takes=0.9, after=0.1)
    s.append("a2", None, status=409, token=old, after=0.1, takes=0.05)
    s.append("a3", 2, token=old, after=0.1, takes=0.05)


@story("no order")
def an_increment_between_two_reads_that_deny_it(s):
    s.append("a1", 1)
    s.increment(1, takes=0.9)
    s.values("a1", number=1, takes=0.05)
    s.values("a1", takes=0.05)


@story(lost=(1, 0, 0, 0), faults=[FAILOVER])
def left_out_where_replication_may_have_lost_something(s):
    s.append("a1", 1)
    s.append("a2", 2, after=9.2)
    s.values("a1", after=4)


@story("two winners")
def two_successors_of_one_token(s):
    s.append("a1", 1)
    old = s.token
    s.renew(takes=0.5)
    s.renew(token=old, takes=0.5, after=0.01)


@story("two winners")
def a_sign_in_and_a_renewal_of_one_token(s):
    s.append("a1", 1)
    old = s.token
    s.renew("login", takes=0.5)
    s.renew(token=old, takes=0.5, after=0.01, process=1)


@story()
def one_winner_of_two(s):
    s.append("a1", 1)
    old = s.token
    s.renew(takes=0.5)
    s.tell("renew", token=old, status=409, takes=0.5, after=0.01)
    s.values("a1", after=1)


@story(faults=[EMPTIED])
def a_process_that_had_all_in_memory(s):
    s.append("a1", 1)
    s.append("a2", None, status=0, after=9.9)
    s.values(after=2)
    s.tell("session", exists=False)
    # Whoever signs in with what is left of a session gets another.
    s.renew("login")
    s.values()


@story(faults=[EMPTIED])
def a_session_of_the_next_process_before_its_start_was_known(s):
    s.append("a1", 1, after=10.8)
    s.values("a1")


@story("came back", faults=[EMPTIED])
def a_session_that_outlived_the_memory_that_it_was_in(s):
    s.append("a1", 1)
    s.values("a1", after=12)


@story("logged out", faults=[EMPTIED])
def a_session_made_after_a_death_is_gone(s):
    s.append("a1", 1, after=12)
    s.tell("session", exists=False)
