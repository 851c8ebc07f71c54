"""Histories that the checks must object to, and some that they must not."""
from outages.history import Fault, History, Operation


class Story:
    """A history in the making: one request every 0.1 seconds, unless told otherwise. Process 1 has a near cache, and
    the sessions of process 2 have short limits."""

    def __init__(self, *faults):
        self.history = History(near=[1], limits={2: (2.0, 6.0)})
        self.history.faults = list(faults)
        self.clock = 0.0
        self.token = None
        self.last_token = 0

    def tell(self, kind, after=0.1, takes=0.01, status=200, user="ada", session=1, **more):
        self.clock += after
        token = more.pop("token", self.token)
        operation = Operation(kind, user, session, token, invoked=self.clock, answered=self.clock + takes, status=status, **more)
        operation.retry_after = more.get("retry_after", status == 503)
        self.history.add(operation)
        return operation

    def fresh_token(self):
        self.last_token += 1
        return f"token {self.last_token}"

    def append(self, value, number, **more):
        """The first one makes the session."""
        if self.token is None and "token" not in more:
            operation = self.tell("append", value=value, number=number, new_token=self.fresh_token(), cookies=1, **more)
            self.token = operation.new_token
            return operation
        return self.tell("append", value=value, number=number, **more)

    def increment(self, number, **more):
        return self.tell("increment", number=number, **more)

    def values(self, *items, number=None, **more):
        return self.tell("values", items=items, number=number, **more)

    def renew(self, kind="renew", **more):
        operation = self.tell(kind, new_token=self.fresh_token(), cookies=1, **more)
        self.token = operation.new_token
        return operation


stories = []


def story(*kinds, lost=(0, 0, 0, 0), faults=()):
    """What the checks must find in it, each kind once, and how many appends, increments, sessions and ends are lost."""
    def add(function):
        stories.append((function, sorted(kinds), lost, faults))
        return function
    return add


FAILOVER = Fault("failover", 10.0, 11.0, loses=True, splits=True)
OUTAGE = Fault("pause", 10.0, 11.0)
# Process 1 is killed, or paused, which the other one may feel.
DEATH = Fault("kill a process", 10.0, 11.0, process=1, spreads=False)
SLEEP = Fault("pause a process", 10.0, 13.0, process=1)
HANG = Fault("pause", 10.0, 12.5, silent=(10.0, 12.5))
CUT = Fault("cut clients off", 10.0, 10.2, process=0, spreads=False)
# The only process, which keeps its sessions in memory.
EMPTIED = Fault("kill the process", 10.0, 11.0, process=0, spreads=False, emptied=10.1)
# Process 1 alone is cut off from its store.
DEAF = Fault("silence before the store", 10.0, 12.5, silent=(10.0, 12.5), deaf=1)
