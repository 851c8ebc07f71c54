"""When the machine had no room: what is measured then says nothing about servers."""
import os
import threading
import time


def waits(process):
    """For each thread of a process how long it has stood in line for a processor, in seconds; Linux alone tells."""
    found = {}
    folder = f"/proc/{process}/task"
    try:
        for thread in os.listdir(folder):
            with open(f"{folder}/{thread}/schedstat") as line:
                found[thread] = int(line.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        # It has ended meanwhile, or there is no such file.
        pass
    return found


class StallProbe(threading.Thread):
    """Notes when this program gets no time, or the proxy, the demo or a server that all requests go through."""

    LEAST = 0.1
    # How often the kernel is asked about others, in turns of the loop.
    TURNS = 8

    def __init__(self, history, proxy, processes):
        """`processes` gives the ids of those that the kernel is asked about."""
        super().__init__(daemon=True)
        self.history = history
        self.proxy = proxy
        self.processes = processes
        self.before = {}
        self.stopping = threading.Event()

    def run(self):
        turn = 0
        before = time.monotonic()
        while not self.stopping.wait(0.02):
            now = time.monotonic()
            stalled = now - before - 0.02
            try:
                self.proxy.order("ask")
            except OSError:
                break
            stalled = max(stalled, time.monotonic() - now)
            turn += 1
            if turn % self.TURNS == 0:
                stalled = max(stalled, self.longest_wait())
            before = time.monotonic()
            if stalled > self.LEAST:
                self.history.stalls.append((before, stalled))

    def longest_wait(self):
        """Of any thread, since it was asked last."""
        now = {(process, thread): wait for process in self.processes() for thread, wait in waits(process).items()}
        longest = max((wait - self.before[thread] for thread, wait in now.items() if thread in self.before), default=0.0)
        self.before = now
        return longest
