"""People who do what two devices should not do at the same time, and people who leave."""
import concurrent.futures
import time

from outages.clients import Client
from outages.users import Held, Worker
from outages.verdict import ROUND_TRIP, STALE

# The limits of the process whose sessions are to reach them, in seconds.
IDLE, ABSOLUTE = 2.0, 6.0


class Racer(Worker):
    """Has several requests under way at once."""

    PAUSE = (0.3, 0.8)
    HANDS = 4
    # How long after the first the last one begins, in seconds.
    SPREAD = 0.02

    def __init__(self, name, recorder, seed, processes, is_near):
        super().__init__(name, recorder, seed, [self.step], processes)
        # Whether some process may be behind for a second.
        self.is_near = is_near
        self.hands = concurrent.futures.ThreadPoolExecutor(self.HANDS)
        self.clients = [Client(recorder) for _ in range(self.HANDS)]

    def together(self, chance, calls):
        """Does all at once, each a kind and what is held; gives the operations and the tokens."""
        plans = []
        for client, (kind, held) in zip(self.clients, calls):
            value = self.item() if kind == "append" else None
            plans.append((client, chance.choice(self.processes), kind, held, value, chance.uniform(0, self.SPREAD)))
        return list(self.hands.map(self.perform, plans))

    def perform(self, plan):
        client, process, kind, held, value, delay = plan
        time.sleep(delay)
        return client.call(process, kind, self.name, held.number, held.token, value=value)

    def probe(self, client, held_tokens):
        """Looks at all of them on every process, and again when a near cache must know."""
        for last in ([False, True] if self.is_near else [True]):
            for process in self.processes:
                for number, token in held_tokens:
                    client.call(process, "values", self.name, number, token)
                    client.call(process, "session", self.name, number, token)
            if not last:
                self.stopping.wait(STALE + ROUND_TRIP)


class Twins(Racer):
    """Renew one token twice at the same time."""

    def step(self, client, chance):
        held = self.begin_by(client, chance, chance.choice(["append", "login"]))
        if held is None:
            return
        tokens = [held.token]
        kinds = [chance.choice(["renew", "renew", "login"]) for _ in range(chance.choice([2, 2, 3]))]
        for operation, token in self.together(chance, [(kind, held) for kind in [*kinds, "append"]]):
            # A write that finds no session makes one that nobody is interested in.
            if token and operation.kind != "append":
                tokens.append(token)
        self.probe(client, [(held.number, token) for token in tokens])
        held.token = tokens[-1]
        self.call(client, chance, "logout", held)


class Tabs(Racer):
    """One tab signs out while the others still write."""

    PAUSE = (0.1, 0.3)
    # About as long as a request takes: what is to be met is a write between its reading and its commit.
    SPREAD = 0.003

    def step(self, client, chance):
        held = self.begin_by(client, chance, chance.choice(["append", "login"]))
        if held is None:
            return
        self.together(chance, [(kind, held) for kind in ("logout", "append", "increment", "append")])
        # Writes that found no session have made others.
        self.probe(client, [(held.number, held.token)])


class Household(Racer):
    """One person with several devices signs out everywhere else while some of them sign in."""

    PAUSE = (0.5, 1.0)

    def step(self, client, chance):
        devices = []
        for _ in range(3):
            held = self.begin_by(client, chance, chance.choice(["append", "login"]))
            if held is None:
                continue
            if not held.signed_in:
                _, token = self.call(client, chance, "login", held)
                if token is None:
                    continue
                held.token = token
            self.call(client, chance, "session", held)
            devices.append(held)
        if not devices:
            return
        late = [Held(next(self.recorder.sessions), None) for _ in range(2)]
        calls = [("end-others", devices[0]), *(("login", held) for held in late)]
        if len(devices) > 1:
            calls.append(("renew", devices[1]))
        results = self.together(chance, calls)
        known = [(held.number, held.token) for held in devices]
        known += [(held.number, token) for (_, held), (_, token) in zip(calls[1:], results[1:]) if token]
        self.probe(client, known)
        self.call(client, chance, "sessions", devices[0])
        # Now with nobody beside it.
        self.call(client, chance, "end-others", devices[0])
        self.probe(client, known)
        self.call(client, chance, "sessions", devices[0])
        self.call(client, chance, "logout", devices[0])


class Leaver(Worker):
    """Uses a session for as long as it may live, or leaves it, and looks whether it is gone."""

    def __init__(self, name, recorder, seed, process):
        super().__init__(name, recorder, seed, [self.step], [process])

    def step(self, client, chance):
        held = self.begin_by(client, chance, chance.choice(["append", "login"]))
        if held is None:
            return
        began = time.monotonic()
        stays = chance.random() < 0.5
        uses = chance.randint(1, 3)
        while not self.stopping.is_set() and (stays or uses > 0):
            uses -= 1
            # At times nearly as long as it may be.
            self.stopping.wait(chance.choice([chance.uniform(0.1, 1.2), IDLE * 0.85]))
            if time.monotonic() > began + ABSOLUTE - 0.5:
                break
            if not self.use(client, chance, held):
                return
        if stays:
            self.stopping.wait(max(0.1, began + ABSOLUTE + 0.2 - time.monotonic()))
        else:
            self.stopping.wait(IDLE + 0.1)
        self.call(client, chance, chance.choice(["session", "values"]), held)

    def use(self, client, chance, held):
        # Mostly reads: what moves the deadline then is nothing else.
        kind = chance.choices(["session", "values", "append", "increment", "renew"], [3, 3, 1, 1, 1])[0]
        value = self.item() if kind == "append" else None
        operation, token = self.call(client, chance, kind, held, value=value)
        if kind == "renew":
            held.token = token
            return token is not None
        return not token and operation.outcome == "ok" and operation.exists is not False
