"""Stores without a server: memory, a folder, a SQLite file. The processes are all that can fail."""
import os
import sqlite3
import time

from outages.deployment import Deployment
from outages.history import Fault


class Local(Deployment):
    def start(self):
        os.mkdir(self.folder)
        self.url = self.make_url()
        return self

    def stop(self):
        pass

    def make_url(self):
        raise NotImplementedError

    def kill_all_processes(self):
        injected = time.monotonic()
        for demo in self.demos:
            demo.kill()
        for demo in self.demos:
            demo.start()
        healthy = time.monotonic()
        faults = [
            Fault("kill all processes", injected, healthy, process=index, spreads=False) for index in range(len(self.demos))
        ]
        return faults, f"back after {healthy - injected:.1f} s"


class Memory(Local):
    """One process, and what dies with it."""

    faults = ("kill a process", "pause a process")
    most_processes = 1
    is_in_memory = True

    def make_url(self):
        return "memory:"


class File(Local):
    """A folder that all processes share."""

    faults = ("kill a process", "pause a process", "kill all processes")

    def make_url(self):
        return f"file:{os.path.join(self.folder, 'sessions')}"


class SQLite(Local):
    """A file that all processes have open."""

    faults = ("kill a process", "pause a process", "kill all processes", "lock the file")

    def make_url(self):
        self.path = os.path.join(self.folder, "sessions.sqlite")
        # As for the servers: an operation, and the look-up of what became of it, within the longest answer that the checks allow.
        return f"sqlite:{self.path}?timeout=1200ms"

    def lock_the_file(self):
        """Somebody else writes, at times for longer than the demo waits."""
        injected = time.monotonic()
        connection = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            seconds = self.wait(0.3, 3.5)
            connection.execute("ROLLBACK")
        finally:
            connection.close()
        return Fault("lock the file", injected, time.monotonic()), f"for {seconds:.1f} s"
