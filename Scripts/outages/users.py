"""People who use the demo while it and its servers fail."""
import random
import threading

from outages.clients import Client

MAXIMUM_PARKED = 4
MAXIMUM_ITEMS = 40


class Held:
    """A session as its user knows it."""

    def __init__(self, number, token):
        self.number = number
        self.token = token
        self.signed_in = False
        self.appends = 0
        # False after a 503 to a request that ends the token: nobody knows whether it did.
        self.certain = True


class Worker:
    """Threads that do a step, wait, and do the next one."""

    # Between two steps of a thread, in seconds. Few enough that all stores in a run leave room on two cores: on a machine
    # that is busy, times say nothing.
    PAUSE = (0.05, 0.2)

    def __init__(self, name, recorder, seed, steps, processes):
        self.name = name
        self.recorder = recorder
        self.seed = seed
        self.processes = processes
        # Session, token and when it was ended or replaced.
        self.ended = []
        self.stopping = threading.Event()
        self.errors = []
        self.threads = [
            threading.Thread(target=self.work, args=(step, index), daemon=True) for index, step in enumerate(steps)
        ]

    def start(self):
        for thread in self.threads:
            thread.start()

    def work(self, step, index):
        chance = random.Random(f"{self.seed} {self.name} {index}")
        client = Client(self.recorder)
        try:
            while not self.stopping.is_set():
                step(client, chance)
                self.stopping.wait(chance.uniform(*self.PAUSE))
        except Exception as error:  # a thread that breaks is a check that failed
            self.errors.append(f"{self.name}: {type(error).__name__}: {error}")
        finally:
            client.close_all()

    def held(self):
        """Sessions that are there, for all that is known."""
        return []

    def item(self):
        return f"{self.name}-{next(self.recorder.items)}"

    def call(self, client, chance, kind, held, **more):
        process = chance.choice(self.processes)
        return client.call(process, kind, self.name, held.number, held.token, **more)

    def begin_by(self, client, chance, kind):
        """A session that begins with an item, or with signing in; None if that failed."""
        held = Held(next(self.recorder.sessions), None)
        if kind == "append":
            held.appends = 1
            _, held.token = self.call(client, chance, "append", held, value=self.item())
        else:
            _, held.token = self.call(client, chance, "login", held)
            held.signed_in = True
        return held if held.token else None


class User(Worker):
    """Two threads: one decides what becomes of the session, the other uses it too, as a second tab would."""

    def __init__(self, name, recorder, seed, processes):
        super().__init__(name, recorder, seed, [self.decide, self.use], processes)
        self.current = None
        # Sessions of other devices, which nobody uses for a while.
        self.parked = []

    # MARK: What both do

    def write_or_read(self, client, chance, held):
        """Gives whether the session is still there, as far as one can tell."""
        kind = chance.choices(["append", "increment", "values", "session", "sessions"], [40, 18, 30, 10, 2])[0]
        if kind == "sessions" and not held.signed_in:
            kind = "session"
        if kind == "append" and held.appends >= MAXIMUM_ITEMS:
            kind = "values"
        if kind == "append":
            held.appends += 1
            operation, new = self.call(client, chance, kind, held, value=self.item())
        else:
            operation, new = self.call(client, chance, kind, held)
        if new or operation.outcome == "failed" or operation.exists is False:
            return False
        if operation.committed:
            held.certain = True
        return True

    def use(self, client, chance):
        held = self.current
        if held:
            self.write_or_read(client, chance, held)

    # MARK: What one decides

    def decide(self, client, chance):
        held = self.current
        if held is None:
            return self.begin(client, chance)
        if not held.certain and chance.random() < 0.2:
            return self.end(client, chance, held)
        if held.appends >= MAXIMUM_ITEMS and chance.random() < 0.2:
            return self.end(client, chance, held)
        action = chance.choices(["use", "renew", "login", "logout", "park"], [80, 6, 5, 4, 5])[0]
        if action == "use" or (not held.certain and action != "logout"):
            if not self.write_or_read(client, chance, held) and self.current is held:
                # Gone. Whether it may be is for the checks to say.
                self.current = None
        elif action == "logout":
            self.end(client, chance, held)
        elif action == "park":
            self.current = None
            self.parked.append(held)
            if len(self.parked) > MAXIMUM_PARKED:
                self.end(client, chance, self.parked.pop(0))
        else:
            self.replace(client, chance, held, action)

    def begin(self, client, chance):
        self.current = self.begin_by(client, chance, chance.choice(["append", "login"]))

    def replace(self, client, chance, held, action):
        old = held.token
        operation, token = self.call(client, chance, action, held)
        if token:
            # The other thread may still be on the way with the old one; the next time it takes the new one.
            successor = Held(held.number, token)
            successor.signed_in = held.signed_in or action == "login"
            successor.appends = held.appends
            self.current = successor
            self.ended.append((held.number, old, operation.answered))
        elif operation.outcome == "unknown":
            held.certain = False
        else:
            self.current = None

    def end(self, client, chance, held):
        if self.current is held:
            self.call(client, chance, "values", held)
        for _ in range(60):
            operation, _ = self.call(client, chance, "logout", held)
            if operation.outcome == "ok":
                self.ended.append((held.number, held.token, operation.answered))
                break
            held.certain = False
            if self.stopping.wait(0.1):
                break
        if self.current is held:
            self.current = None

    def held(self):
        return [held for held in [*self.parked, self.current] if held and held.certain]
