"""Faults on the way: between the demo and its store, and between clients and the demo, by the proxy in between."""
import time

from outages.history import Fault

# So much that several round trips still fit into what an answer may take.
LONGEST_DELAY = 0.06


class Ways:
    def __init__(self, deployment, proxy):
        self.deployment = deployment
        self.proxy = proxy
        self.random = deployment.random

    def faults(self):
        names = ["cut clients off", "delay clients", "silence before the demo", "lose answers to clients"]
        if self.deployment.has_one_address:
            names += ["cut the store off", "delay the store", "silence before the store", "lose the store's answers"]
        return [name.replace("'", "") for name in names]

    def choose(self):
        """One process of the demo, or all of them."""
        everyone = range(len(self.deployment.demos))
        return list(everyone) if self.random.random() < 0.5 else [self.random.choice(everyone)]

    def tell(self, do, side, chosen, **more):
        return sum(self.proxy.order(do, f"{side} {index}", **more).get("count", 0) for index in chosen)

    def cut(self, side, chosen):
        count = self.tell("cut", side, chosen)
        if side == "clients":
            for index in chosen:
                # Clients do not try a connection that they know to be cut.
                self.deployment.demos[index].life += 1
        return count

    def concerning(self, kind, injected, side, chosen, silent=None):
        """The faults, for each process its own where it is only that one."""
        healthy = time.monotonic()
        if side == "clients":
            return [Fault(kind, injected, healthy, process=index, spreads=False) for index in chosen]
        if len(chosen) == len(self.deployment.demos):
            return [Fault(kind, injected, healthy, silent=silent)]
        return [Fault(kind, injected, healthy, silent=silent, deaf=index) for index in chosen]

    def named(self, chosen):
        everyone = len(chosen) == len(self.deployment.demos)
        return "all processes" if everyone else f"process {chosen[0]}"

    # MARK: Kinds

    def cutting(self, kind, side):
        chosen = self.choose()
        injected = time.monotonic()
        times = self.random.randint(1, 5)
        count = 0
        for _ in range(times):
            count += self.cut(side, chosen)
            self.deployment.wait(0, 0.2)
        return self.concerning(kind, injected, side, chosen), f"{self.named(chosen)}, {count} connections in {times} turns"

    def delaying(self, kind, side):
        chosen = self.choose()
        delay = self.random.uniform(0.01, LONGEST_DELAY)
        injected = time.monotonic()
        self.tell("delay", side, chosen, seconds=delay)
        self.deployment.wait(0.5, 2.5)
        self.tell("flow", side, chosen)
        return self.concerning(kind, injected, side, chosen), f"{self.named(chosen)}, by {delay * 1000:.0f} ms each way"

    def silencing(self, kind, side):
        """Nothing gets through, and no connection breaks; in the end all of it arrives, or all of it is cut."""
        chosen = self.choose()
        injected = time.monotonic()
        self.tell("hold", side, chosen)
        silent_from = time.monotonic()
        seconds = self.deployment.wait(0.3, 2.5)
        silent = (silent_from, time.monotonic())
        is_cut = self.random.random() < 0.5
        if is_cut:
            self.cut(side, chosen)
        self.tell("flow", side, chosen)
        told = f"{self.named(chosen)}, for {seconds:.1f} s{', then cut' if is_cut else ''}"
        return self.concerning(kind, injected, side, chosen, silent), told

    def losing(self, kind, side):
        """What is asked arrives, and is done; the answers do not."""
        chosen = self.choose()
        injected = time.monotonic()
        self.tell("drop", side, chosen)
        seconds = self.deployment.wait(0.1, 1.5)
        # With an answer missing the next one would be taken for it.
        self.cut(side, chosen)
        self.tell("flow", side, chosen)
        self.cut(side, chosen)
        return self.concerning(kind, injected, side, chosen), f"{self.named(chosen)}, for {seconds:.1f} s"

    def cut_clients_off(self):
        return self.cutting("cut clients off", "clients")

    def delay_clients(self):
        return self.delaying("delay clients", "clients")

    def silence_before_the_demo(self):
        return self.silencing("silence before the demo", "clients")

    def lose_answers_to_clients(self):
        return self.losing("lose answers to clients", "clients")

    def cut_the_store_off(self):
        return self.cutting("cut the store off", "store")

    def delay_the_store(self):
        return self.delaying("delay the store", "store")

    def silence_before_the_store(self):
        return self.silencing("silence before the store", "store")

    def lose_the_stores_answers(self):
        return self.losing("lose the store's answers", "store")
